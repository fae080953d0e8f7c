"""Boxes and orientations, all in upright picture pixels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_Scalar = TypeVar("_Scalar", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Box:
    """A half-open rectangle [x0, x1) x [y0, y1) in pixels, as floats."""

    x0: float
    y0: float
    x1: float
    y1: float

    @classmethod
    def around(cls, cx: float, cy: float, w: float, h: float) -> Box:
        """Return the box of size (w, h) centred on (cx, cy)."""
        return cls(cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2)

    @classmethod
    def enclosing(cls, boxes: Iterable[Box]) -> Box:
        """Return the smallest box that contains all of a non-empty iterable of boxes."""
        x0, y0, x1, y1 = zip(*((b.x0, b.y0, b.x1, b.y1) for b in boxes), strict=True)
        return cls(min(x0), min(y0), max(x1), max(y1))

    @property
    def w(self) -> float:
        return self.x1 - self.x0

    @property
    def h(self) -> float:
        return self.y1 - self.y0

    @property
    def cx(self) -> float:
        return (self.x0 + self.x1) / 2

    @property
    def cy(self) -> float:
        return (self.y0 + self.y1) / 2

    @property
    def area(self) -> float:
        return max(0.0, self.w) * max(0.0, self.h)

    @property
    def is_finite(self) -> bool:
        return all(math.isfinite(v) for v in (self.x0, self.y0, self.x1, self.y1))

    def grown(self, left: float, top: float, right: float, bottom: float) -> Box:
        """Return the box with each side moved outwards by so many pixels."""
        return Box(self.x0 - left, self.y0 - top, self.x1 + right, self.y1 + bottom)

    def inflated(self, share: float) -> Box:
        """Return the box grown by `share` of its own width and height on each side."""
        return self.grown(share * self.w, share * self.h, share * self.w, share * self.h)

    def moved(self, dx: float, dy: float) -> Box:
        return Box(self.x0 + dx, self.y0 + dy, self.x1 + dx, self.y1 + dy)

    def scaled(self, kx: float, ky: float) -> Box:
        """Return the box in coordinates multiplied by (kx, ky)."""
        return Box(self.x0 * kx, self.y0 * ky, self.x1 * kx, self.y1 * ky)

    def clipped(self, width: float, height: float) -> Box:
        """Return the part of the box inside a picture of that size (empty boxes have area 0)."""
        x0, y0 = min(max(self.x0, 0.0), width), min(max(self.y0, 0.0), height)
        return Box(x0, y0, max(x0, min(self.x1, width)), max(y0, min(self.y1, height)))

    def is_within(self, width: float, height: float) -> bool:
        """Tell whether any part of the box is inside a picture of that size."""
        return self.clipped(width, height).area > 0

    def contains(self, other: Box, slack: float = 1e-6) -> bool:
        return (
            self.x0 <= other.x0 + slack
            and self.y0 <= other.y0 + slack
            and self.x1 >= other.x1 - slack
            and self.y1 >= other.y1 - slack
        )

    def holds(self, x: float, y: float) -> bool:
        """Tell whether a point lies inside."""
        return self.x0 <= x < self.x1 and self.y0 <= y < self.y1

    def overlap(self, other: Box) -> float:
        """Return the area that both boxes share."""
        w = min(self.x1, other.x1) - max(self.x0, other.x0)
        h = min(self.y1, other.y1) - max(self.y0, other.y0)
        return max(0.0, w) * max(0.0, h)

    def iou(self, other: Box) -> float:
        """Return intersection over union, 0 where both are empty."""
        shared = self.overlap(other)
        union = self.area + other.area - shared
        return shared / union if union > 0 else 0.0

    def blend(self, other: Box, share: float) -> Box:
        """Return the box on the straight line from self (share 0) to other (share 1)."""
        k = 1 - share
        return Box(
            k * self.x0 + share * other.x0,
            k * self.y0 + share * other.y0,
            k * self.x1 + share * other.x1,
            k * self.y1 + share * other.y1,
        )


def corners(boxes: Sequence[Box]) -> NDArray[np.float64]:
    """Return boxes as an array (n, 4) of x0, y0, x1, y1."""
    return np.array([(b.x0, b.y0, b.x1, b.y1) for b in boxes], np.float64).reshape(-1, 4)


def overlaps(these: Sequence[Box], those: Sequence[Box]) -> NDArray[np.float64]:
    """Return what `Box.overlap` says of each pair, (len(these), len(those)): in crowds pairs are many.

    A broken detector's box that is not finite may overlap by NaN.
    """
    ax0, ay0, ax1, ay1 = corners(these).T
    bx0, by0, bx1, by1 = corners(those).T
    with np.errstate(invalid="ignore"):
        wide = np.minimum.outer(ax1, bx1) - np.maximum.outer(ax0, bx0)
        high = np.minimum.outer(ay1, by1) - np.maximum.outer(ay0, by0)
        return np.asarray(np.maximum(wide, 0.0) * np.maximum(high, 0.0))


def ious(these: Sequence[Box], those: Sequence[Box]) -> NDArray[np.float64]:
    """Return what `Box.iou` says of each pair, (len(these), len(those)); 0 where a box is not finite."""
    shared = overlaps(these, those)
    with np.errstate(invalid="ignore"):
        union = np.add.outer([box.area for box in these], [box.area for box in those]) - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


@dataclass(frozen=True, slots=True)
class Orientation:
    """How a stored picture is turned to stand upright: mirrored left-right first, then turned."""

    quarter_turns: int = 0
    """Quarter turns counter-clockwise, 0 to 3."""
    mirrored: bool = False

    def upright(self, stored: NDArray[_Scalar]) -> NDArray[_Scalar]:
        """Return a view (no copy) of a stored array, (h, w) or (h, w, c), as it is to be displayed."""
        view = stored[:, ::-1] if self.mirrored else stored
        return np.rot90(view, self.quarter_turns)

    @property
    def swaps_axes(self) -> bool:
        return self.quarter_turns % 2 == 1
