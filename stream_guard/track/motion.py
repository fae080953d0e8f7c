"""Where a box went between two pictures: forward-backward Lucas-Kanade median flow."""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from stream_guard.model.geometry import Box

Grey = NDArray[np.uint8]
Points = NDArray[np.float32]

_lucas_kanade: Final[Any] = cv2.calcOpticalFlowPyrLK  # its type stubs differ between releases

_GRID: Final = 6
_WINDOW: Final = (13, 13)
_LEVELS: Final = 2
_MAX_RETURN_ERROR_PX: Final = 1.0
_MIN_AGREEING: Final = 0.3
_MAX_ZOOM: Final = 1.1
_MIN_MARGIN_PX: Final = 24


def follow(before: Grey, after: Grey, box: Box) -> Box | None:
    """Return where a box of `before` is in `after`, None where its points lost their way.

    Boxes are in pixels of the grey pictures. Source: Kalal, Mikolajczyk, Matas, "Forward-Backward
    Error: Automatic Detection of Tracking Failures", ICPR 2010: points that do not return to where
    they started are dropped; the median of the rest is the shift, their median spread the zoom.
    """
    if before.shape != after.shape or min(box.w, box.h) < 4:
        return None
    area = _neighbourhood(box, before.shape)
    if area is None:
        return None
    rows, columns = area
    a, b = before[rows, columns], after[rows, columns]
    start = _grid(box) - np.array([columns.start, rows.start], np.float32)
    there, ok = points_moved(a, b, start, _LEVELS)
    back, ok_back = points_moved(b, a, there, _LEVELS)
    good = ok & ok_back & (np.abs(back - start).max(axis=1) <= _MAX_RETURN_ERROR_PX)
    return _moved(box, start[good], there[good]) if good.mean() >= _MIN_AGREEING else None


def follow_in_frames(before: Grey, after: Grey, box: Box, width: int, height: int) -> Box | None:
    """Do what `follow` does for a box in pixels of the frames, of that size, that the grey pictures show."""
    kx, ky = before.shape[1] / width, before.shape[0] / height
    moved = follow(before, after, box.scaled(kx, ky))
    return moved and moved.scaled(1 / kx, 1 / ky)


def _neighbourhood(box: Box, shape: tuple[int, ...]) -> tuple[slice, slice] | None:
    """Return rows and columns around the box: flow on a crop costs a tenth of flow on the picture."""
    margin = max(_MIN_MARGIN_PX, 0.75 * max(box.w, box.h))
    wide = box.grown(margin, margin, margin, margin).clipped(shape[1], shape[0])
    x0, y0, x1, y1 = int(wide.x0), int(wide.y0), int(wide.x1), int(wide.y1)
    if x1 - x0 < 16 or y1 - y0 < 16:
        return None
    return slice(y0, y1), slice(x0, x1)


def _grid(box: Box) -> Points:
    inner = box.inflated(-0.1)
    xs, ys = np.linspace(inner.x0, inner.x1, _GRID), np.linspace(inner.y0, inner.y1, _GRID)
    return np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2).astype(np.float32)


def points_moved(a: Grey, b: Grey, points: Points, levels: int) -> tuple[Points, NDArray[np.bool_]]:
    """Return where points (n, 2) of `a` are in `b`, and which of them were found (n,).

    `levels` halvings of the picture are searched: each doubles how far a point may have moved.
    """
    moved, status, _ = _lucas_kanade(a, b, points, None, winSize=_WINDOW, maxLevel=levels)
    return moved, status.reshape(-1) == 1


def _moved(box: Box, start: Points, there: Points) -> Box:
    dx, dy = np.median(there - start, axis=0)
    spread = [float(np.abs(p - np.median(p, axis=0)).sum(axis=1).mean()) for p in (start, there)]
    zoom = min(max(spread[1] / spread[0] if spread[0] > 0 else 1.0, 1 / _MAX_ZOOM), _MAX_ZOOM)
    return Box.around(box.cx + float(dx), box.cy + float(dy), box.w * zoom, box.h * zoom)
