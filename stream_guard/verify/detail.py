"""Whether a face shows, by its detail: `evaluate.detail`, with limits for faces that nobody marked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stream_guard.evaluate.detail import LEAST_PX, TEXTURE, TOLERATED, cells, correlation, detail
from stream_guard.model.geometry import Box

Grey = NDArray[np.uint8]

_FINE: Final = 4
_GRIDS: Final = ((40, _FINE, 0.83), (24, _FINE, 0.86), (16, 2, 0.65), (0, 1, 0.72))
"""From a height in pixels on: cells across, and the correlation from which a cell shows.

Measured on 231 faces of 27 to 75 px (samples/walk.mp4), 2,800 of 6 to 20 px and footage of webcams. The
two best cells of a bare face have 0.99 at CRF 18, 0.9 at CRF 30 and 0.5 (small) to 0.93 (large) at CRF 38;
of half or a quarter of a face 0.88 to 0.99. Those of a covered one: 0 in frost, solid and icon; in mosaics,
which keep something, up to 0.84, 0.47 where there are four cells, and 0.65 in a single one
(once in 2,800 0.73).
"""
_PARTS: Final = ((0.0, 1.0), (0.1, 0.9), (0.05, 0.8))
"""From where to where in the box's height a grid of four cells across is laid: a slit as high as a cell
fills none of a grid's cells, or two, as the box happens to lie. Of 400 slits of 0.3 of the height one grid
sees 95, the three 327; of 4,872 covered faces, their boxes off by 5 %, one accuses 6, the three 11.
"""
_LEAST_LEFT: Final = 0.1
"""A cell with less of its energy left shows nothing; CRF 44 leaves a bare face about a quarter."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """What is left of a face in one frame."""

    share: float
    """Share of the face's cells whose detail is still there."""
    correlation: float
    """Of the detail, in the best such cell; 0 where there is none."""

    @property
    def shows(self) -> bool:
        return self.share > TOLERATED


HIDDEN: Final = Exposure(0.0, 0.0)


def exposure(before: Grey, after: Grey, box: Box) -> Exposure:
    """Compare the face in a box of two grey pictures of one size.

    The face fills the ellipse in the box; what is outside it, background mostly, does not count.
    """
    height = round(box.clipped(before.shape[1], before.shape[0]).h)
    across, threshold = next((count, least) for px, count, least in _GRIDS if height >= px)
    parts = _PARTS if across == _FINE else _PARTS[:1]
    areas = (Box(box.x0, box.y0 + top * box.h, box.x1, box.y0 + end * box.h) for top, end in parts)
    found = [_exposed(before, after, area, across, threshold) for area in areas]
    return max(found, key=lambda one: (one.share, one.correlation))


def _exposed(before: Grey, after: Grey, box: Box, across: int, threshold: float) -> Exposure:
    area = box.clipped(before.shape[1], before.shape[0])
    x0, y0, x1, y1 = round(area.x0), round(area.y0), round(area.x1), round(area.y1)
    if min(x1 - x0, y1 - y0) < LEAST_PX:
        return HIDDEN
    a, b = (cells(detail(picture[y0:y1, x0:x1]), across) for picture in (before, after))
    energy, left = (a**2).mean(1), (b**2).mean(1)
    textured = energy >= TEXTURE
    alike = np.where(left >= _LEAST_LEFT * energy, correlation(a, b), 0.0)[textured]
    showing = alike[alike >= threshold]
    return Exposure(len(showing) / len(alike), float(showing.max())) if showing.size else HIDDEN
