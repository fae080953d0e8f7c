"""One pass: a detector looking at the view as it is, shrunk, turned, or with its contrast raised."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from stream_guard.detect.shrink import shrunk
from stream_guard.model.frame import View
from stream_guard.model.geometry import Box
from stream_guard.model.ports import Detector
from stream_guard.model.verdict import Detection

FLOOR: Final = 0.03
"""Detections under this score are noise; those between it and the user's confidence keep a track alive."""
_LOW_SPREAD: Final = 60
"""Grey levels between the darkest and the brightest twentieth, under which a picture has low contrast."""

_QUARTERS: Final = {90: cv2.ROTATE_90_COUNTERCLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_CLOCKWISE}


@dataclass(frozen=True, slots=True)
class Pass:
    """A detector and how the view is prepared for it."""

    detector: Detector
    side: int | None = None
    """Long side in pixels to shrink the view to; None keeps it."""
    turned: int = 0
    """Degrees counter-clockwise."""
    raise_contrast: bool = False
    exponent: float = 1.0
    """Scores are raised to this power: prepared pictures bring more false alarms, and scales differ."""
    least_share: float = 0.0
    """Faces lower than this share of the picture's short side are left to the other passes."""

    def look(self, view: View) -> list[Detection]:
        """Return the faces found, boxes in pixels of the view as given."""
        bgr = _shrunk(view.bgr, self.side)
        kx, ky = view.bgr.shape[1] / bgr.shape[1], view.bgr.shape[0] / bgr.shape[0]
        height, width = bgr.shape[:2]
        least = self.least_share * min(height, width)
        if self.raise_contrast:
            bgr = _equalized(bgr)
        if self.turned:
            bgr = _turned(bgr, self.turned)
        return [
            replace(
                face,
                box=_turned_back(face.box, self.turned, bgr.shape, (height, width)).scaled(kx, ky),
                score=face.score**self.exponent,
            )
            for face in self.detector.detect(View(bgr, view.scale_x * kx, view.scale_y * ky))
            if not face.box.h < least  # one that is no number stays
        ]


def has_low_contrast(grey: NDArray[np.uint8]) -> bool:
    """Tell whether a grey picture, (h, w), is dark, backlit or foggy all over."""
    low, high = np.percentile(grey[::4, ::4], (5, 95))
    return bool(high - low < _LOW_SPREAD)


def _shrunk(bgr: NDArray[np.uint8], side: int | None) -> NDArray[np.uint8]:
    """Return the picture with its long side at most `side` pixels; itself where it is small enough."""
    height, width = bgr.shape[:2]
    k = 1.0 if side is None else side / max(height, width)
    return bgr if k >= 1 else shrunk(bgr, max(1, round(width * k)), max(1, round(height * k)))


def _equalized(bgr: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the picture with its local contrast raised (CLAHE on the lightness)."""
    lab = cv2.cvtColor(bgr, cv2.COLOR_BGR2LAB)
    lab[..., 0] = cv2.createCLAHE(clipLimit=3.0, tileGridSize=(8, 8)).apply(lab[..., 0])
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2BGR), np.uint8)


def _turned(bgr: NDArray[np.uint8], degrees: int) -> NDArray[np.uint8]:
    """Return the whole picture turned about its centre, black in the corners that this adds."""
    if degrees in _QUARTERS:
        return np.asarray(cv2.rotate(bgr, _QUARTERS[degrees]), np.uint8)
    height, width = bgr.shape[:2]
    cos, sin = (abs(v) for v in _direction(degrees))
    size = math.ceil(width * cos + height * sin), math.ceil(width * sin + height * cos)
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    turn[:, 2] += (size[0] - width) / 2, (size[1] - height) / 2
    return np.asarray(cv2.warpAffine(bgr, turn, size), np.uint8)


def _turned_back(box: Box, degrees: int, turned: tuple[int, ...], shape: tuple[int, int]) -> Box:
    """Return a box of the turned picture in the picture before the turn; shapes are (rows, columns).

    It goes around the ellipse that the face fills, which lies aslant in it unless the turn is a quarter.
    """
    cos, sin = _direction(degrees)
    x, y = box.cx - turned[1] / 2, box.cy - turned[0] / 2
    return Box.around(
        shape[1] / 2 + cos * x - sin * y,
        shape[0] / 2 + sin * x + cos * y,
        math.hypot(cos * box.w, sin * box.h),
        math.hypot(sin * box.w, cos * box.h),
    )


def _direction(degrees: int) -> tuple[float, float]:
    """Return cosine and sine, exact for quarter turns."""
    angle = math.radians(degrees)
    return round(math.cos(angle), 12), round(math.sin(angle), 12)
