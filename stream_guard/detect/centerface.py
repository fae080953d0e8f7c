"""CenterFace in onnxruntime: the second opinion beside YuNet and BlazeFace, asked at a slow cadence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
_STRIP: Final = 640
"""A longer picture is shown in strips along its long side: 960 as a whole took 55 MB more than two strips."""
_OVERLAP: Final = 64
"""By how much two strips overlap: what lies across their border and is smaller is whole in one of them."""

Bgr = NDArray[np.uint8]
Numbers = NDArray[np.float32]
_Area = tuple[slice, slice]
"""Rows and columns."""


class CenterFace:
    """Finds faces from about 12 view pixels to the view's height; 2.5 times slower than YuNet."""

    name = "centerface"

    def __init__(self, floor: float) -> None:
        """Load the network; detections scoring under `floor`, or under 0.25, are not reported."""
        self._session: InferenceSession | None = onnx_session(load_verified(MODEL))
        self._floor = max(floor, _LEAST)
        self._blobs = Blobs(rgb=True)

    def detect(self, view: View) -> Sequence[Detection]:
        """Return the faces; of a picture over 640 pixels it may miss those over 64 where two strips meet."""
        rows, columns = view.bgr.shape[:2]
        found = [self._seen(view.bgr[area], area, (rows, columns)) for area in _strips(rows, columns)]
        boxes, scores = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return [
            Detection(Box(x, y, x + w, y + h).clipped(columns, rows), float(scores[k]), self.name)
            for k in survivors(boxes, scores, self._floor, _NMS_IOU)
            for x, y, w, h in (boxes[k].tolist(),)
            if 0 <= x + w / 2 < columns and 0 <= y + h / 2 < rows
        ]

    def _seen(self, bgr: Bgr, area: _Area, whole: tuple[int, int]) -> tuple[Numbers, Numbers]:
        """Return boxes (n, 4) as x, y, w, h of the whole picture, (rows, columns), and scores (n,)."""
        if self._session is None:
            raise RuntimeError(f"{self.name} was used after it was closed")
        heat, size, offset = self._session.run(_HEADS, {"input.1": self._blobs.of(bgr)})
        if not all(np.isfinite(answer).all() for answer in (heat, size, offset)):
            raise ValueError("the network's answer is not a number")
        boxes, scores = _decode(heat[0, 0], size[0], offset[0], self._floor)
        boxes[:, 0] += area[1].start
        boxes[:, 1] += area[0].start
        complete = ~_cut(boxes, area, whole)
        return boxes[complete], scores[complete]

    def close(self) -> None:
        self._session = None
        self._blobs.clear()


def _strips(rows: int, columns: int) -> Iterator[_Area]:
    """Yield parts of a picture along its long side; a short one is a single part."""
    long = max(rows, columns)
    count = -(-long // _STRIP)
    length = -(-(long + (count - 1) * _OVERLAP) // count)
    for k in range(count):
        start = (long - length) * k // max(1, count - 1)
        part = slice(start, start + length)
        yield (part, slice(0, columns)) if rows > columns else (slice(0, rows), part)


def _cut(boxes: Numbers, area: _Area, whole: tuple[int, int]) -> NDArray[np.bool_]:
    """Tell which boxes (n, 4) end at the border of their part where the picture, (rows, columns), goes on."""
    cut = np.zeros(len(boxes), np.bool_)
    for axis, part, end in ((1, area[0], whole[0]), (0, area[1], whole[1])):
        low, high = boxes[:, axis], boxes[:, axis] + boxes[:, 2 + axis]
        cut |= (part.start > 0) & (low <= part.start + 1)
        cut |= (part.stop < end) & (high >= part.stop - 1)
    return cut


def _decode(heat: Numbers, size: Numbers, offset: Numbers, floor: float) -> tuple[Numbers, Numbers]:
    """Return boxes (n, 4) as x, y, w, h and scores (n,).

    Source: Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point", 2019: the heat
    map's cell is the score, centre = (cell + offset + 0.5) * 4, size = exp(s) * 4; all maps are (y, x).
    """
    rows, columns = np.nonzero(heat >= floor)
    h, w = np.exp(size[:, rows, columns]) * _STRIDE
    dy, dx = offset[:, rows, columns]
    x, y = (columns + dx + 0.5) * _STRIDE - w / 2, (rows + dy + 0.5) * _STRIDE - h / 2
    return np.stack([x, y, w, h], axis=1).astype(np.float32), heat[rows, columns]
