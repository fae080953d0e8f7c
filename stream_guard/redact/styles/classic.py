"""The common recipe, a Gaussian on the tight box, for comparison: it protects nobody."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from stream_guard.model.picture import Channel
from stream_guard.redact.mask import Margins, Window
from stream_guard.redact.style import Birth, Pattern, Style, Swatch, Tier
from stream_guard.redact.styles.frost import STYLE as FROST

LEAST_KERNEL = 15
KERNEL_SHARE = 0.3


def freeze(birth: Birth) -> Swatch:
    return {}


def content(pattern: Pattern, channel: Channel, window: Window) -> NDArray[Any]:
    """Blur the very samples that are to be hidden; no other style looks at them."""
    live = np.ascontiguousarray(channel.samples[window.y0 : window.y1, window.x0 : window.x1])
    kernel = max(LEAST_KERNEL, KERNEL_SHARE * window.columns * channel.step_x)
    size = _odd(kernel / channel.step_x), _odd(kernel / channel.step_y)
    return np.asarray(cv2.GaussianBlur(live, size, 0))


def _odd(size: float) -> int:
    return int(size) | 1


STYLE = Style(
    name="classic",
    tier=Tier.WEAK,
    withstands="nothing: blurred like this, every face was recognised and detected again",
    freeze=freeze,
    content=content,
    margins=Margins(side=0, above=0, below=0, radius=0, least_px=1),
    for_zones=FROST,  # a zone is covered for good
)
