"""What a style is, and the small frozen picture (swatch) that it shows inside a mask."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from stream_guard.model.geometry import Box
from stream_guard.model.picture import Channel, Component, Picture
from stream_guard.redact.mask import Margins, Window

Swatch = Mapping[Component, NDArray[np.float32]]
"""A small picture: for each component but alpha (rows, columns) of 8-bit code values, 0 to 255."""
Pattern = Mapping[Component, NDArray[Any]]
"""A swatch in the bit depth and layout of the picture's own channels."""
Noise = Callable[[int, int], NDArray[np.float32]]
"""Returns (rows, columns) of values in [-1, 1) that nobody without the run's key can foretell."""
Colour = tuple[int, int, int]
"""Red, green, blue, 0 to 255."""

LEVELS = 16
TINTS = (Component.CB, Component.CR)
LUMA_SHARES = {Component.LUMA: 1.0, Component.RED: 0.2126, Component.GREEN: 0.7152, Component.BLUE: 0.0722}
"""What a component adds to the luma, by ITU-R BT.709; tints add nothing."""


class Tier(Enum):
    """How much of a person a style lets through to an attacker who knows it."""

    IRREVERSIBLE = "irreversible"
    STRONG = "strong"
    LOOK_ONLY = "look only"
    WEAK = "weak"


@dataclass(frozen=True, slots=True)
class Birth:
    """All that a style may learn of a track, once, in the first frame in which it is covered."""

    picture: Picture
    mask_box: Box
    """The rectangle of the mask, in upright pixels."""
    noise: Noise


Content = Callable[[Pattern, Channel, Window], NDArray[Any]]
"""Returns the samples that fill a window, in its shape and the channel's own scale."""


@dataclass(frozen=True, slots=True)
class Style:
    """What is shown inside a mask."""

    name: str
    tier: Tier
    withstands: str
    """One phrase for users: what it withstands and what it does not."""
    freeze: Callable[[Birth], Swatch]
    """Returns what a track's mask will show from now on; asked once a track."""
    content: Content
    margins: Margins = Margins()  # noqa: RUF009 - frozen
    soft_px: int = 0
    """Width of the soft edge outside the mask."""
    for_zones: Style | None = None
    """What zones show instead, where the style needs a face or protects nobody."""

    def pattern(self, birth: Birth) -> Pattern:
        """Freeze what is shown from now on, in samples; pictures of another format need another pattern."""
        swatch = self.freeze(birth)
        return {
            channel.component: to_samples(swatch[channel.component], channel)
            for channel in birth.picture.channels
            if channel.component in swatch
        }

    def shown(self, pattern: Pattern, channel: Channel, window: Window) -> NDArray[Any]:
        """Return the samples that fill a window of any channel; transparency becomes opaque."""
        if channel.component is Component.ALPHA:
            opaque = channel.peak << channel.shift
            return np.full((window.rows, window.columns), opaque, channel.samples.dtype)
        return self.content(pattern, channel, window)


def smooth(pattern: Pattern, channel: Channel, window: Window) -> NDArray[Any]:
    """Enlarge the pattern to the window, linearly."""
    return _enlarged(pattern, channel, window, cv2.INTER_LINEAR)


def crisp(pattern: Pattern, channel: Channel, window: Window) -> NDArray[Any]:
    """Enlarge the pattern to the window in cells of one value."""
    return _enlarged(pattern, channel, window, cv2.INTER_NEAREST)


def _enlarged(pattern: Pattern, channel: Channel, window: Window, interpolation: int) -> NDArray[Any]:
    small = pattern[channel.component]
    return np.asarray(cv2.resize(small, (window.columns, window.rows), interpolation=interpolation))


def to_samples(codes: NDArray[Any], channel: Channel) -> NDArray[Any]:
    """Return 8-bit code values in the bit depth and layout of a channel."""
    scaled = np.rint(codes * float(1 << (channel.bits - 8)))
    return np.asarray(np.clip(scaled, 0, channel.peak).astype(channel.samples.dtype) << channel.shift)


def sampled(picture: Picture, box: Box, columns: int, rows: int) -> dict[Component, NDArray[np.float32]]:
    """Return the mean of each cell of a grid laid over a box, grey where the box is outside the picture."""
    return {
        channel.component: _cells(channel, box, columns, rows)
        for channel in picture.channels
        if channel.component is not Component.ALPHA
    }


def _cells(channel: Channel, box: Box, columns: int, rows: int) -> NDArray[np.float32]:
    height, width = channel.samples.shape
    part = box.scaled(1 / channel.step_x, 1 / channel.step_y).clipped(width, height)
    x0, x1, y0, y1 = math.floor(part.x0), math.ceil(part.x1), math.floor(part.y0), math.ceil(part.y1)
    crop = np.ascontiguousarray(channel.samples[y0:y1, x0:x1]) >> channel.shift
    if crop.size == 0:
        return np.full((rows, columns), 128, np.float32)
    means = cv2.resize(crop, (columns, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(means, np.float32) / np.float32(1 << (channel.bits - 8))


def coarse(swatch: Mapping[Component, NDArray[np.float32]]) -> dict[Component, NDArray[np.float32]]:
    """Return the swatch in 16 levels a channel.

    Those of tints lie close around neutral, 96 to 156, where skin and most scenes are: spread over all
    values they turn a brown wall green.
    """
    return {component: _rounded(codes, component in TINTS) for component, codes in swatch.items()}


def _rounded(codes: NDArray[np.float32], tint: bool) -> NDArray[np.float32]:
    step, lowest = (64 / LEVELS, 96) if tint else (256 / LEVELS, 0)
    level = np.clip(np.rint((codes - lowest) / step), 0, LEVELS - 1)
    return np.asarray(lowest + step * level, np.float32)


def lit(swatch: Mapping[Component, NDArray[np.float32]], light: NDArray[np.float32]) -> Swatch:
    """Return the swatch made lighter or darker by so many code values, its hue kept."""
    return {
        component: codes if component in TINTS else np.asarray(np.clip(codes + light, 16, 235), np.float32)
        for component, codes in swatch.items()
    }


def painted(picture: Picture, rgb: NDArray[Any]) -> dict[Component, NDArray[np.float32]]:
    """Return an RGB picture (rows, columns, 3; 0 to 255) as a swatch for the components of `picture`."""
    return {
        channel.component: code(channel.component, rgb, picture.full_range)
        for channel in picture.channels
        if channel.component is not Component.ALPHA
    }


def code(component: Component, rgb: NDArray[Any], full_range: bool) -> NDArray[np.float32]:
    """Return 8-bit code values of a component for RGB values (..., 3), by ITU-R BT.709."""
    red, green, blue = (rgb[..., i].astype(np.float32) for i in range(3))
    share = LUMA_SHARES
    luma = share[Component.RED] * red + share[Component.GREEN] * green + share[Component.BLUE] * blue
    luma_gain, chroma_gain, black = (1.0, 1.0, 0) if full_range else (219 / 255, 224 / 255, 16)
    codes = {
        Component.LUMA: black + luma_gain * luma,
        Component.CB: 128 + chroma_gain * (blue - luma) / 1.8556,
        Component.CR: 128 + chroma_gain * (red - luma) / 1.5748,
        Component.RED: red,
        Component.GREEN: green,
        Component.BLUE: blue,
    }
    return np.asarray(codes[component], np.float32)


def keyed_noise(key: bytes, *context: int) -> Noise:
    """Return a source of noise that depends on the key and the context alone (SHAKE-256)."""
    seed = key + b"".join(number.to_bytes(8, "big", signed=True) for number in context)

    def noise(rows: int, columns: int) -> NDArray[np.float32]:
        stream = hashlib.shake_256(seed).digest(2 * rows * columns)
        numbers = np.frombuffer(stream, np.int16).reshape(rows, columns)
        return (numbers / 32768).astype(np.float32)

    return noise
