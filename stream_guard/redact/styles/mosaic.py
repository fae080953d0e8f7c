"""Four coarse cells across, sampled once a track, under keyed noise."""

from __future__ import annotations

import numpy as np

from stream_guard.model.geometry import Box
from stream_guard.redact.style import TINTS, Birth, Style, Swatch, Tier, coarse, crisp, sampled

ACROSS = 4
NOISE, TINT_NOISE = 12.0, 5.0
"""Strength of the noise in 8-bit code values; a level is 16. Tints get less, the eye minds them more."""


def freeze(birth: Birth) -> Swatch:
    """Sample once: sampling every frame gives the face away within ten frames of jitter."""
    rows = rows_for(birth.mask_box)
    cells = coarse(sampled(birth.picture, birth.mask_box, ACROSS, rows))
    noise = birth.noise(len(cells) * rows, ACROSS).reshape(len(cells), rows, ACROSS)
    return {
        component: codes + np.float32(TINT_NOISE if component in TINTS else NOISE) * noise[i]
        for i, (component, codes) in enumerate(cells.items())
    }


def rows_for(box: Box) -> int:
    """Return how many rows of about square cells the box takes."""
    return min(2 * ACROSS, max(1, round(ACROSS * box.h / box.w)))


STYLE = Style(
    name="mosaic",
    tier=Tier.STRONG,
    withstands="large cells with noise, frozen per track: a trained attacker gets to three times chance",
    freeze=freeze,
    content=crisp,
)
