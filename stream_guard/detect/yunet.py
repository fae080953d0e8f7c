"""YuNet (2023mar) in onnxruntime: the detector for small and middle-sized faces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from stream_guard.detect.blobs import Blobs
from stream_guard.detect.models import load_verified
from stream_guard.detect.nms import survivors
from stream_guard.model.frame import View
from stream_guard.model.geometry import Box
from stream_guard.model.verdict import Detection
from stream_guard.native import onnx_session

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

MODEL: Final = "face_detection_yunet_2023mar.onnx"
STRIDES: Final = (8, 16, 32)
_OUTPUTS: Final = [f"{head}_{stride}" for head in ("cls", "obj", "bbox") for stride in STRIDES]
_NMS_IOU: Final = 0.45
_SMALL_PX: Final = 24.0
_LARGE_PX: Final = 96.0
_SMALL_EXPONENT: Final = 1.75
_LARGE_EXPONENT: Final = 2.9
"""YuNet gives hands and plumes of 16 px up to 0.4, knees, drums and foliage of 96 px up to 0.57, where a real
face of that size gets 0.7 and more: both become 0.2. On 14 clips, exponents of 1.0 and 2.3 already cut false
cover from 7.6 % to 1.5 % frame by frame and lost 12 faces of 7,796."""
_CUT_SHARE: Final = 0.4
"""What is left of the exponent's excess over 1 for a face that the picture's border cuts."""


class YuNet:
    """Finds faces from about 10 view pixels to half the view's height."""

    name = "yunet"

    def __init__(self, floor: float) -> None:
        """Load the network; detections scoring under `floor` are not reported."""
        self._session: InferenceSession | None = onnx_session(load_verified(MODEL))
        self._floor = floor
        self._blobs = Blobs()

    def detect(self, view: View) -> Sequence[Detection]:
        if self._session is None:
            raise RuntimeError(f"{self.name} was used after it was closed")
        blob = self._blobs.of(view.bgr)
        outputs = self._session.run(_OUTPUTS, {"input": blob})
        found = [
            _decode(outputs[i], outputs[3 + i], outputs[6 + i], stride, blob.shape[3] // stride, self._floor)
            for i, stride in enumerate(STRIDES)
        ]
        boxes = np.concatenate([b for b, _ in found])
        scores = np.concatenate([s for _, s in found])
        if not len(boxes):
            return ()
        if not (np.isfinite(boxes).all() and np.isfinite(scores).all()):
            raise ValueError("the network's answer is not a number")  # NMS would drop it without a word
        scores = _calibrated(scores, boxes, view.bgr.shape[1], view.bgr.shape[0])
        return [
            Detection(Box(x, y, x + w, y + h), float(scores[k]), self.name)
            for k in survivors(boxes, scores, self._floor, _NMS_IOU)
            for x, y, w, h in (boxes[k].tolist(),)
        ]

    def close(self) -> None:
        self._session = None
        self._blobs.clear()


def _decode(
    cls: NDArray[np.float32],
    obj: NDArray[np.float32],
    bbox: NDArray[np.float32],
    stride: int,
    columns: int,
    floor: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return boxes (n, 4) as x, y, w, h and raw scores (n,) of one pyramid level.

    Source: OpenCV's FaceDetectorYN post-processing: score = sqrt(cls * obj), centre = (cell + d) * stride,
    size = exp(s) * stride. NaN scores are kept, so that the frame they come from is not trusted.
    """
    score = np.sqrt(np.clip(cls[0, :, 0], 0, 1) * np.clip(obj[0, :, 0], 0, 1))
    cells = np.flatnonzero(~(score < floor))
    d = bbox[0, cells]
    centre = (np.stack([cells % columns, cells // columns], axis=1) + d[:, :2]) * stride
    size = np.exp(d[:, 2:]) * stride
    return np.concatenate([centre - size / 2, size], axis=1).astype(np.float32), score[cells]


def _calibrated(
    score: NDArray[np.float32], boxes: NDArray[np.float32], width: int, height: int
) -> NDArray[np.float32]:
    """Return scores that mean the same everywhere: raised to a power that grows with the face.

    A face cut by the picture's border scores low for what is missing, so its power is reduced.
    """
    share = np.clip((boxes[:, 3] - _SMALL_PX) / (_LARGE_PX - _SMALL_PX), 0.0, 1.0)
    power = _SMALL_EXPONENT + (_LARGE_EXPONENT - _SMALL_EXPONENT) * share
    x, y, w, h = boxes.T
    cut = (x <= 1) | (y <= 1) | (x + w >= width - 1) | (y + h >= height - 1)
    power = np.where(cut, 1.0 + (power - 1.0) * _CUT_SHARE, power)
    return np.asarray(score**power, np.float32)
