"""The camera's own motion, so that faces are tracked in a steady world while it pans, zooms and shakes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from stream_guard.model.geometry import Box
from stream_guard.track.motion import Grey, Points, points_moved

_LEVELS: Final = 3
_HALVED_FROM_PX: Final = 480
"""Width or height from which half of it serves better: of leaps by up to 36 px all were measured to a quarter
of a pixel, where the whole missed one in ten; and at 1080p the tracker took 0.6 ms a frame less."""
_COLUMNS: Final = 14
_ROWS: Final = 9
_MIN_AGREEING: Final = 0.4
_INLIER_PX: Final = 1.5
_STILL_PX: Final = 0.25


@dataclass(frozen=True, slots=True)
class Placement:
    """How the world lies in a frame: frame = scale * world + (dx, dy), in frame pixels."""

    scale: float = 1.0
    dx: float = 0.0
    dy: float = 0.0

    def to_frame(self, box: Box) -> Box:
        return box.scaled(self.scale, self.scale).moved(self.dx, self.dy)

    def to_world(self, box: Box) -> Box:
        return box.moved(-self.dx, -self.dy).scaled(1 / self.scale, 1 / self.scale)

    def then(self, step: Placement) -> Placement:
        """Return the placement after the camera's next step (a placement from frame to frame)."""
        return Placement(
            self.scale * step.scale, self.dx * step.scale + step.dx, self.dy * step.scale + step.dy
        )


STILL: Final = Placement()


def camera_step(before: Grey | None, after: Grey | None, width: int, height: int) -> Placement:
    """Return how the background moved from one grey copy to the next, in frame pixels.

    Shift and zoom are fitted to the optical flow of a grid of points, the larger part of which must agree
    (RANSAC); otherwise the camera is taken to stand still.
    """
    if before is None or after is None or before.shape != after.shape or min(before.shape) < 48:
        return STILL
    rows, columns = before.shape
    xs = (np.arange(_COLUMNS) + 0.5) * columns / _COLUMNS
    ys = (np.arange(_ROWS) + 0.5) * rows / _ROWS
    start = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2).astype(np.float32)
    there, found = _flow(before, after, start)
    a, b = start[found], there[found]
    if len(a) < 8 or float(np.median(np.abs(b - a).max(axis=1))) < _STILL_PX:
        return STILL
    matrix, inliers = cv2.estimateAffinePartial2D(a, b, ransacReprojThreshold=_INLIER_PX)
    if matrix is None or inliers.sum() < _MIN_AGREEING * len(start):
        return STILL
    return _placement(np.asarray(matrix, np.float64), width / columns, height / rows, columns / 2, rows / 2)


def _flow(before: Grey, after: Grey, points: Points) -> tuple[Points, NDArray[np.bool_]]:
    """Return where points of one picture are in the other, and which were found."""
    if max(before.shape) < _HALVED_FROM_PX:
        return points_moved(before, after, points, _LEVELS)
    moved, found = points_moved(_halved(before), _halved(after), points * np.float32(0.5), _LEVELS)
    return moved * 2, found


def _halved(grey: Grey) -> Grey:
    rows, columns = grey.shape
    return np.asarray(cv2.resize(grey, (columns // 2, rows // 2), interpolation=cv2.INTER_AREA), np.uint8)


def _placement(matrix: NDArray[np.float64], kx: float, ky: float, cx: float, cy: float) -> Placement:
    """Return shift and zoom of a similarity; its small roll is kept only as the shift at the centre."""
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    x = matrix[0, 0] * cx + matrix[0, 1] * cy + matrix[0, 2]
    y = matrix[1, 0] * cx + matrix[1, 1] * cy + matrix[1, 2]
    return Placement(scale, kx * float(x - scale * cx), ky * float(y - scale * cy))
