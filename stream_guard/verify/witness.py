"""A second opinion: whether another detector than the first sees a face at one place of a picture."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from stream_guard.model.frame import View
from stream_guard.model.geometry import Box
from stream_guard.model.ports import Detector

Patch = NDArray[np.uint8]

_FACE_PX: Final = 64
"""Height that a face is brought to: the size that all detectors know best."""
_AROUND: Final = 1.0
"""Share of the face that is shown around it, each way."""
_SIDE: Final = round(_FACE_PX * (1 + 2 * _AROUND))
_PLACE: Final = Box.around(_SIDE / 2, _SIDE / 2, _FACE_PX * 0.8, _FACE_PX)
_LEAST_IOU: Final = 0.25


def patch_of(view: View, box: Box) -> Patch:
    """Return the surroundings of a face box, in frame pixels, with the face in the middle, (192, 192, 3)."""
    k = _FACE_PX / (box.h / view.scale_y)
    cx, cy = box.cx / view.scale_x, box.cy / view.scale_y
    warp = np.array([[k, 0, _SIDE / 2 - k * cx], [0, k, _SIDE / 2 - k * cy]])
    source = view.bgr
    if k < 0.5:  # warpAffine takes single samples: shrink first
        step = 1 / k
        around = Box.around(cx, cy, _SIDE * step, _SIDE * step).clipped(source.shape[1], source.shape[0])
        x0, y0, x1, y1 = int(around.x0), int(around.y0), int(around.x1) + 1, int(around.y1) + 1
        cut = source[y0:y1, x0:x1]
        if not cut.size:
            return np.zeros((_SIDE, _SIDE, 3), np.uint8)
        size = (max(1, round(cut.shape[1] * k)), max(1, round(cut.shape[0] * k)))
        source = np.asarray(cv2.resize(cut, size, interpolation=cv2.INTER_AREA), np.uint8)
        warp = np.array([[1, 0, warp[0, 2] + k * x0], [0, 1, warp[1, 2] + k * y0]])
    return np.asarray(cv2.warpAffine(source, warp, (_SIDE, _SIDE), flags=cv2.INTER_LINEAR), np.uint8)


def face_score(detector: Detector, patch: Patch) -> float:
    """Return the score with which a detector sees a face in the middle of a patch, 0 where it does not."""
    found = detector.detect(View(patch, 1.0, 1.0))
    return max((face.score for face in found if face.box.iou(_PLACE) >= _LEAST_IOU), default=0.0)


def confirms(asked: Iterable[tuple[Detector, float]], patch: Patch, found_by: str) -> bool:
    """Tell whether a detector other than the one that found the face sees it too, from its own score on."""
    return any(face_score(one, patch) >= least for one, least in asked if one.name != found_by)
