"""The neutral card: a plain ground that says why there is no picture."""

from __future__ import annotations

import textwrap
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from stream_guard.model.picture import Channel, Component, Picture
from stream_guard.redact.style import Colour, code, to_samples

GROUND: Final[Colour] = (32, 32, 32)
_INK: Final[Colour] = (208, 208, 208)
_FONT: Final = cv2.FONT_HERSHEY_SIMPLEX
_LETTERS: Final = 44
"""In a line."""
_LETTER_PX: Final = 19.0
"""Width of a letter at scale 1, on the average."""
_LINE_PX: Final = 40.0


def paint_card(picture: Picture, text: str = "") -> None:
    """Paint the whole picture over, with the text in its middle."""
    ink = _ink(picture.width, picture.height, text) if text else None
    for channel in picture.channels:
        channel.samples[...] = level(channel, GROUND, picture.full_range)
        if ink is not None and channel.component not in (Component.CB, Component.CR, Component.ALPHA):
            written = ink[: channel.samples.shape[0], : channel.samples.shape[1]] > 0
            channel.samples[written] = level(channel, _INK, picture.full_range)


def _ink(width: int, height: int, text: str) -> NDArray[np.uint8]:
    """Return where the letters are, (height, width), not 0 there."""
    ink = np.zeros((height, width), np.uint8)
    scale = min(width / (_LETTERS * _LETTER_PX), height / (8 * _LINE_PX))
    thick = max(1, round(1.5 * scale))
    lines = textwrap.wrap(text.encode("ascii", "replace").decode(), _LETTERS)[:6]
    top = height / 2 - (len(lines) - 1) * _LINE_PX * scale / 2
    for k, line in enumerate(lines):
        (wide, high), _ = cv2.getTextSize(line, _FONT, scale, thick)
        at = (max(0, (width - wide) // 2), round(top + k * _LINE_PX * scale + high / 2))
        cv2.putText(ink, line, at, _FONT, scale, 255, thick, cv2.LINE_8)
    return ink


def level(channel: Channel, rgb: Colour, full_range: bool) -> NDArray[np.generic]:
    """Return the one sample value of a colour on a channel; alpha is opaque to the last bit."""
    if channel.component is Component.ALPHA:
        return np.asarray(channel.peak << channel.shift, channel.samples.dtype)
    return to_samples(code(channel.component, np.array(rgb), full_range), channel)
