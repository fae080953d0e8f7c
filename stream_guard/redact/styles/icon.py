"""The pictogram of a person on a plain ground."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from stream_guard.redact.style import Birth, Colour, Style, Swatch, Tier, painted, smooth
from stream_guard.redact.styles.solid import solid

SIDE = 128
SMOOTH = 4
"""Drawn so many times larger, then averaged, for smooth outlines."""
GROUND: Colour = (58, 72, 92)
FIGURE: Colour = (196, 206, 218)
SWAY = 0.075
"""By what share of the mask the figure is moved and stretched at random.

In its place it would tell where the mask lies, thus how the face is built.
"""


def freeze(birth: Birth) -> Swatch:
    wider, higher, right, down = SWAY * birth.noise(1, 4)[0]
    middle = SIDE / 2
    moved = np.array([[1 + wider, 0, middle * (right - wider)], [0, 1 + higher, middle * (down - higher)]])
    figure = cv2.warpAffine(pictogram(), moved, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)
    return painted(birth.picture, figure)


@cache
def pictogram() -> NDArray[np.uint8]:
    """Return a head above shoulders, (SIDE, SIDE, 3) RGB, squat because masks are higher than wide."""
    side = SIDE * SMOOTH
    large = np.full((side, side, 3), GROUND, np.uint8)
    cv2.ellipse(
        large, (side // 2, int(0.42 * side)), (int(0.20 * side), int(0.17 * side)), 0, 0, 360, FIGURE, -1
    )
    cv2.ellipse(large, (side // 2, side), (int(0.36 * side), int(0.31 * side)), 0, 0, 360, FIGURE, -1)
    small = np.asarray(cv2.resize(large, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)
    small.setflags(write=False)
    return small


STYLE = Style(
    name="icon",
    tier=Tier.IRREVERSIBLE,
    withstands="the same opaque pictogram for everybody: nothing of the face is left to attack",
    freeze=freeze,
    content=smooth,
    for_zones=solid(GROUND),  # one pictogram stretched over a zone of any shape looks like nothing
)
