"""CenterFace in onnxruntime: the second opinion beside YuNet and BlazeFace, asked at a slow cadence."""

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

MODEL: Final = "centerface.onnx"
_HEADS: Final = ["537", "538", "539"]
"""Heat map, log size and offset, by their names in the file."""
_STRIDE: Final = 4
_NMS_IOU: Final = 0.3
_LEAST: Final = 0.25
"""Less is noise. A crowd has thousands of such cells: to sort them out took as long as the network."""


class CenterFace:
    """Finds faces from about 12 view pixels to the view's height; 2.5 times slower than YuNet."""

    name = "centerface"

    def __init__(self, floor: float) -> None:
        """Load the network; detections scoring under `floor`, or under 0.25, are not reported."""
        self._session: InferenceSession | None = onnx_session(load_verified(MODEL))
        self._floor = max(floor, _LEAST)
        self._blobs = Blobs(rgb=True)

    def detect(self, view: View) -> Sequence[Detection]:
        if self._session is None:
            raise RuntimeError(f"{self.name} was used after it was closed")
        heat, size, offset = self._session.run(_HEADS, {"input.1": self._blobs.of(view.bgr)})
        if not all(np.isfinite(answer).all() for answer in (heat, size, offset)):
            raise ValueError("the network's answer is not a number")
        boxes, scores = _decode(heat[0, 0], size[0], offset[0], self._floor)
        whole = Box(0, 0, view.bgr.shape[1], view.bgr.shape[0])
        return [
            Detection(Box(x, y, x + w, y + h).clipped(whole.w, whole.h), float(scores[k]), self.name)
            for k in survivors(boxes, scores, self._floor, _NMS_IOU)
            for x, y, w, h in (boxes[k].tolist(),)
            if whole.holds(x + w / 2, y + h / 2)
        ]

    def close(self) -> None:
        self._session = None
        self._blobs.clear()


def _decode(
    heat: NDArray[np.float32], size: NDArray[np.float32], offset: NDArray[np.float32], floor: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return boxes (n, 4) as x, y, w, h and scores (n,).

    Source: Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point", 2019: the heat
    map's cell is the score, centre = (cell + offset + 0.5) * 4, size = exp(s) * 4; all maps are (y, x).
    """
    rows, columns = np.nonzero(heat >= floor)
    h, w = np.exp(size[:, rows, columns]) * _STRIDE
    dy, dx = offset[:, rows, columns]
    x, y = (columns + dx + 0.5) * _STRIDE - w / 2, (rows + dy + 0.5) * _STRIDE - h / 2
    return np.stack([x, y, w, h], axis=1).astype(np.float32), heat[rows, columns]
