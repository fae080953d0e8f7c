"""The look of a strong blur, made of four coarse cells across that are frozen per track."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from stream_guard.redact.mask import Margins
from stream_guard.redact.style import Birth, Style, Swatch, Tier, coarse, sampled, smooth
from stream_guard.redact.styles.mosaic import ACROSS, rows_for

FINE = 8
"""Swatch cells for each coarse cell: enough to hold what the smoothing leaves."""
SIGMA = 0.35
"""In widths of the face."""


def freeze(birth: Birth) -> Swatch:
    rows = rows_for(birth.mask_box)
    cells = coarse(sampled(birth.picture, birth.mask_box, ACROSS, rows))
    return {component: _smoothed(codes, rows) for component, codes in cells.items()}


def _smoothed(cells: NDArray[np.float32], rows: int) -> NDArray[np.float32]:
    large = cv2.resize(cells, (ACROSS * FINE, rows * FINE), interpolation=cv2.INTER_NEAREST)
    sigma = SIGMA * ACROSS * FINE / (1 + 2 * Margins().side)
    return np.asarray(cv2.GaussianBlur(large, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE), np.float32)


STYLE = Style(
    name="blur",
    tier=Tier.LOOK_ONLY,
    withstands="hides a face from the eye only: an attacker trained on blurred faces named 23 of 40 people",
    freeze=freeze,
    content=smooth,
    soft_px=6,
)
