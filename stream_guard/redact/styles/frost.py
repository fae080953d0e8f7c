"""Frosted glass: as light as what is around the face, under keyed clouds of light."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from stream_guard.model.geometry import Box
from stream_guard.model.picture import Component, Picture
from stream_guard.redact.style import (
    LUMA_SHARES,
    TINTS,
    Birth,
    Noise,
    Style,
    Swatch,
    Tier,
    coarse,
    lit,
    sampled,
    smooth,
)

CELLS = 24
CLOUDS = ((3, 7.0), (6, 2.5))
"""Octaves of the texture: cells across, and strength in 8-bit code values. Finer or stronger ones pass, now
and then, for the detail of a dark face."""
SHEEN, RIM = 14.0, 16.0
"""How much lighter than the middle the upper left corner and the outermost rim are."""
SHADE = 8.0
"""Code values by which the whole is made lighter or darker at random, so that its light tells less."""
REACH = 0.3
"""How far around the mask its light is taken from, as a share of the mask's shorter side."""
GAP_PX = 2
"""Left out around the mask, which is rounded out to whole samples."""
NEUTRAL = 128.0


def freeze(birth: Birth) -> Swatch:
    """Take nothing from under the mask, and no hue: that of clothes and rooms tells who is there."""
    light = np.full((CELLS, CELLS), _light_around(birth.picture, birth.mask_box), np.float32)
    tint = np.full_like(light, NEUTRAL)
    glass: Swatch = {
        channel.component: tint if channel.component in TINTS else light
        for channel in birth.picture.channels
        if channel.component is not Component.ALPHA
    }
    return lit(glass, _clouds(birth.noise) + _relief() + SHADE * birth.noise(1, 1))


def _light_around(picture: Picture, mask: Box) -> float:
    """Return the mean luma of the strips above, below, left and right of the mask, in 16 levels."""
    near = mask.grown(GAP_PX, GAP_PX, GAP_PX, GAP_PX)
    reach = REACH * min(mask.w, mask.h)
    strips = (
        Box(near.x0, near.y0 - reach, near.x1, near.y0),
        Box(near.x0, near.y1, near.x1, near.y1 + reach),
        Box(near.x0 - reach, near.y0, near.x0, near.y1),
        Box(near.x1, near.y0, near.x1 + reach, near.y1),
    )
    lumas = [_luma(picture, strip) for strip in strips if strip.clipped(picture.width, picture.height).area]
    mean = np.array(np.mean(lumas) if lumas else NEUTRAL, np.float32)
    return float(coarse({Component.LUMA: mean})[Component.LUMA])


def _luma(picture: Picture, box: Box) -> float:
    means = sampled(picture, box, 1, 1)
    return sum(float(codes.item()) * LUMA_SHARES.get(component, 0.0) for component, codes in means.items())


def _clouds(noise: Noise) -> NDArray[np.float32]:
    total = np.zeros((CELLS, CELLS), np.float32)
    for cells, strength in CLOUDS:
        total += strength * cv2.resize(noise(cells, cells), (CELLS, CELLS), interpolation=cv2.INTER_CUBIC)
    return total


def _relief() -> NDArray[np.float32]:
    along = np.linspace(-1, 1, CELLS, dtype=np.float32)
    sheen = np.subtract.outer(-along, along) * (SHEEN / 2)
    rim = np.maximum.outer(abs(along), abs(along)) ** 12 * RIM
    return np.asarray(sheen + rim, np.float32)


STYLE = Style(
    name="frost",
    tier=Tier.IRREVERSIBLE,
    withstands="like frosted glass; knows nothing of what is under it: trained attackers stay at chance",
    freeze=freeze,
    content=smooth,
    soft_px=6,
)
