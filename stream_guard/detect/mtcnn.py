"""MTCNN in onnxruntime: the witness of `verify`, independent of every detector that redacts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from stream_guard.detect.models import load_verified
from stream_guard.detect.nms import survivors
from stream_guard.model.frame import View
from stream_guard.model.geometry import Box
from stream_guard.model.verdict import Detection
from stream_guard.native import onnx_session

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

MODELS: Final = ("mtcnn_pnet.onnx", "mtcnn_rnet.onnx", "mtcnn_onet.onnx")

Pixels = NDArray[np.uint8]
Numbers = NDArray[np.float32]

_SMALLEST_PX: Final = 20
"""Side of the smallest square that P-Net looks for. With 16 a view of 960x540 takes a third longer, and of
faces of 12 to 16 px 41 % are found instead of 34 %, of larger ones no more."""
_PYRAMID_STEP: Final = 0.709
"""Each size of the picture has half the pixels of the one before."""
_CELL_PX: Final = 12
_STRIDE: Final = 2
"""What one answer of P-Net looks at, and how far the next one is from it."""
_LIKELY: Final = 0.7
"""Score of P-Net and R-Net from which the next one looks. With 0.6 for P-Net one more face in 2,246 is found,
and in redacted pictures thrice as much that is none."""
_MOST_IN_LEVEL: Final = 1024
_MOST_PROPOSED: Final = 384
_MOST_REFINED: Final = 128
"""How many of the best go on: each takes 0.1 ms in R-Net, 0.6 ms in O-Net. With 256 and 64 every seventh face
of 16 to 20 px is lost, for there are crowds of 130."""
_MOST_OFF: Final = 0.5
"""How far a network may move a corner, in shares of the side: no picture makes it ask for a huge cut."""
_LEVEL_IOU, _PROPOSED_IOU, _REFINED_IOU, _NMS_IOU = 0.5, 0.5, 0.4, 0.3


class MTCNN:
    """Finds faces from about 16 view pixels to the view's shorter side; few in profile or in the dark."""

    name = "mtcnn"

    def __init__(self, floor: float) -> None:
        """Load the three networks; detections scoring under `floor` are not reported."""
        p, r, o = (onnx_session(load_verified(model)) for model in MODELS)
        self._nets: tuple[_Net, _Net, _Net] | None = (
            _Net(p, "input_1", ["conv2d_4", "softmax"], _CELL_PX, 1),
            _Net(r, "input_2", ["dense_2", "softmax_1"], 24, 64),
            _Net(o, "input_3", ["dense_5", "softmax_2"], 48, 16),
        )
        self._floor = floor

    def detect(self, view: View) -> Sequence[Detection]:
        """Return the faces, scored by O-Net.

        Source: Zhang et al., "Joint Face Detection and Alignment using Multitask Cascaded Convolutional
        Networks", 2016.

        Raises:
            ValueError: a network's answer is not a number.
        """
        if self._nets is None:
            raise RuntimeError(f"{self.name} was used after it was closed")
        proposing, refining, deciding = self._nets
        picture = np.ascontiguousarray(view.bgr[..., ::-1].transpose(1, 0, 2))  # as they were trained
        found = _proposals(proposing, picture)
        found, _ = _best(*_looked_at(refining, picture, found), _LIKELY, _REFINED_IOU, _MOST_REFINED)
        boxes, scores = _best(*_looked_at(deciding, picture, found), self._floor, _NMS_IOU, _MOST_REFINED)
        whole = Box(0, 0, view.bgr.shape[1], view.bgr.shape[0])
        return [
            Detection(box.clipped(whole.w, whole.h), float(score), self.name)
            for box, score in zip((Box(*corners) for corners in boxes.tolist()), scores, strict=True)
            if whole.holds(box.cx, box.cy)
        ]

    def close(self) -> None:
        self._nets = None


@dataclass(frozen=True, slots=True)
class _Net:
    """One of the three networks."""

    session: InferenceSession
    feed: str
    heads: Sequence[str]
    """Regression and softmax, by their names in the file."""
    side: int
    batch: int
    """How many pictures at once: more take more memory, not less time."""

    def answers(self, pictures: Pixels) -> tuple[Numbers, Numbers]:
        """Return how far the corners are off (..., 4), in shares of the side, and the scores (...)."""
        blob = np.subtract(pictures, 127.5, dtype=np.float32)
        blob /= 128
        moves, softmax = self.session.run(self.heads, {self.feed: blob})
        if not (np.isfinite(moves).all() and np.isfinite(softmax).all()):
            raise ValueError("the network's answer is not a number")
        return np.clip(moves, -_MOST_OFF, _MOST_OFF), softmax[..., 1]


def _proposals(net: _Net, picture: Pixels) -> Numbers:
    """Return where P-Net sees something like a face, as squares (n, 4): x0, y0, x1, y1."""
    levels = [_level(net, small, picture.shape) for small in _pyramid(picture)]
    if not levels:
        return np.empty((0, 4), np.float32)
    boxes, scores = (np.concatenate(parts) for parts in zip(*levels, strict=True))
    return _best(boxes, scores, _LIKELY, _PROPOSED_IOU, _MOST_PROPOSED)[0]


def _pyramid(picture: Pixels) -> Iterator[Pixels]:
    """Yield the picture in sizes at which P-Net's cell is a face, from the smallest face on."""
    width, height = picture.shape[:2]
    scale = _CELL_PX / _SMALLEST_PX
    while min(width, height) * scale >= _CELL_PX:
        size = math.ceil(height * scale), math.ceil(width * scale)
        yield np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
        scale *= _PYRAMID_STEP


def _level(net: _Net, small: Pixels, shape: Sequence[int]) -> tuple[Numbers, Numbers]:
    """Return what P-Net sees in one size of a picture, in pixels of the whole one, and the scores (n,)."""
    moves, scores = (answer[0] for answer in net.answers(small[None]))
    cells = np.argwhere(scores >= _LIKELY)
    corners = np.hstack([cells * _STRIDE, cells * _STRIDE + _CELL_PX]) + moves[*cells.T] * _CELL_PX
    kx, ky = shape[0] / small.shape[0], shape[1] / small.shape[1]
    boxes = np.asarray(corners * [kx, ky, kx, ky], np.float32)
    return _best(boxes, scores[*cells.T], _LIKELY, _LEVEL_IOU, _MOST_IN_LEVEL)


def _looked_at(net: _Net, picture: Pixels, boxes: Numbers) -> tuple[Numbers, Numbers]:
    """Return boxes (n, 4) as a network that is shown them makes them more exact, and its scores (n,)."""
    squares = _squared(boxes)
    if not len(squares):
        return squares, np.empty(0, np.float32)
    batches = (squares[k : k + net.batch] for k in range(0, len(squares), net.batch))
    answers = [net.answers(np.stack([_cut(picture, one, net.side) for one in some])) for some in batches]
    moves, scores = (np.concatenate(parts) for parts in zip(*answers, strict=True))
    return squares + moves * (squares[:, 2:3] - squares[:, :1]), scores


def _squared(boxes: Numbers) -> Numbers:
    """Return squares with the boxes' centres and longer sides, on whole pixels."""
    side = np.maximum(np.ptp(boxes[:, ::2], axis=1), np.ptp(boxes[:, 1::2], axis=1))[:, None].round()
    start = ((boxes[:, :2] + boxes[:, 2:] - side) / 2).round()
    return np.hstack([start, start + np.maximum(side, 1)])


def _cut(picture: Pixels, square: Numbers, side: int) -> Pixels:
    """Return a square of a picture, black beyond it, as (side, side, 3)."""
    x0, y0, x1, y1 = (int(corner) for corner in square)
    inside = picture[max(x0, 0) : max(x1, 0), max(y0, 0) : max(y1, 0)]
    if inside.shape[:2] != (x1 - x0, y1 - y0):
        rows, columns = inside.shape[:2]
        padded = np.zeros((x1 - x0, y1 - y0, 3), np.uint8)
        padded[max(-x0, 0) :, max(-y0, 0) :][:rows, :columns] = inside
        inside = padded
    return np.asarray(cv2.resize(inside, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def _best(boxes: Numbers, scores: Numbers, least: float, iou: float, most: int) -> tuple[Numbers, Numbers]:
    """Return the `most` best boxes of at least a score, no two of them much alike."""
    likely = np.flatnonzero(scores >= least)
    likely = likely[np.argsort(-scores[likely], kind="stable")][: 4 * most]  # NMS takes time by the square
    boxes, scores = boxes[likely], scores[likely]
    sized = np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]])
    chosen = survivors(sized, scores, least, iou)[:most]
    return boxes[chosen], scores[chosen]
