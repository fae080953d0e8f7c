"""Frosted glass: one coarse colour for the whole face, under keyed clouds of light."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from stream_guard.redact.style import Birth, Noise, Style, Swatch, Tier, coarse, lit, painted, sampled, smooth

CELLS = 24
CLOUDS = ((3, 7.0), (6, 2.5))
"""Octaves of the texture: cells across, and strength in 8-bit code values. Finer or stronger ones pass, now
and then, for the detail of a dark face."""
SHEEN, RIM = 14.0, 16.0
"""How much lighter than the middle the upper left corner and the outermost rim are."""
SHADE = 8.0
"""Code values by which the whole is made lighter or darker at random, so that its colour tells less."""
VEIL, VEIL_SHARE = (150, 154, 158), 0.6
"""The grey of the glass, and how much of it lies over the colour: masks side by side then differ little,
since a step of light across a face passes for its detail."""


def freeze(birth: Birth) -> Swatch:
    veil = painted(birth.picture, np.array(VEIL).reshape(1, 1, 3))
    glass = {
        component: np.tile(mean * (1 - VEIL_SHARE) + veil[component] * VEIL_SHARE, (CELLS, CELLS))
        for component, mean in coarse(sampled(birth.picture, birth.mask_box, 1, 1)).items()
    }
    return lit(glass, _clouds(birth.noise) + _light() + SHADE * birth.noise(1, 1))


def _clouds(noise: Noise) -> NDArray[np.float32]:
    total = np.zeros((CELLS, CELLS), np.float32)
    for cells, strength in CLOUDS:
        total += strength * cv2.resize(noise(cells, cells), (CELLS, CELLS), interpolation=cv2.INTER_CUBIC)
    return total


def _light() -> NDArray[np.float32]:
    along = np.linspace(-1, 1, CELLS, dtype=np.float32)
    sheen = np.subtract.outer(-along, along) * (SHEEN / 2)
    rim = np.maximum.outer(abs(along), abs(along)) ** 12 * RIM
    return np.asarray(sheen + rim, np.float32)


STYLE = Style(
    name="frost",
    tier=Tier.IRREVERSIBLE,
    withstands="like frosted glass; keeps one coarse mean colour: trained attackers stay at chance",
    freeze=freeze,
    content=smooth,
    soft_px=6,
)
