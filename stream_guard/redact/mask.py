"""From a face box to the samples that must be hidden, on each plane's own grid, always rounded outwards."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stream_guard.errors import PipelineError
from stream_guard.model.geometry import Box
from stream_guard.model.picture import Channel, Component

_FULL_BITS = 6
FULL = 1 << _FULL_BITS
"""The weight at which only content shows; 255 * 64 still fits 16 bits."""
CHROMA_EXTRA_PX = 2
MOST_RADIUS_PX = 128


@dataclass(frozen=True, slots=True)
class Margins:
    """What is hidden beyond the face box, in shares of its width (side, radius) and height (above, below).

    The defaults bring re-identification of a black mask down to chance; the tight box leaves it at 0.49.
    """

    side: float = 0.25
    above: float = 0.45
    below: float = 0.25
    radius: float = 0.25
    least_px: float = 16
    """A face of 8 px gets a mask of twice its size; 24 px hid no more and cost 3 % of a crowd picture."""


@dataclass(frozen=True, slots=True)
class Mask:
    """A rounded rectangle in upright pixels."""

    box: Box
    radius_px: int


def mask_of(face: Box, margins: Margins) -> Mask:
    """Return the mask of a face; it contains the whole face box, corners too.

    Raises:
        PipelineError: the box is not finite.
    """
    if not face.is_finite:
        raise PipelineError(f"a face box is not finite ({face}); the output is discarded")
    side = margins.side * face.w
    box = face.grown(side, margins.above * face.h, side, margins.below * face.h)
    box = Box.around(box.cx, box.cy, max(box.w, margins.least_px), max(box.h, margins.least_px))
    # A corner of the face box is safe where the radius is within either margin beside it.
    safe = min(max(face.x0 - box.x0, face.y0 - box.y0), max(face.x0 - box.x0, box.y1 - face.y1))
    radius = min(margins.radius * face.w, safe, box.w / 2, box.h / 2, MOST_RADIUS_PX)
    return Mask(box, max(0, math.floor(radius)))


def soft_edge_px(mask: Mask, most_px: int) -> int:
    """Return the width of a mask's soft edge: a sixteenth of the mask, so that small ones get no halo."""
    return min(most_px, round(min(mask.box.w, mask.box.h) / 16))


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a plane that a mask and its soft edge touch, in samples; it may reach beyond the plane."""

    x0: int
    y0: int
    x1: int
    y1: int
    """The outer rectangle, soft edge included."""
    soft_columns: int
    """Width of the soft edge on either side."""
    corner: NDArray[np.int16]
    """Weights, 0 to FULL, of the upper left corner and one sample more each way; the others mirror it."""

    @property
    def rows(self) -> int:
        return self.y1 - self.y0

    @property
    def columns(self) -> int:
        return self.x1 - self.x0


def window_on(channel: Channel, mask: Mask, soft_px: int) -> Window | None:
    """Return where a mask lies on a channel, None where it does not touch it."""
    extra = CHROMA_EXTRA_PX if channel.component in (Component.CB, Component.CR) else 0
    box = mask.box.grown(extra, extra, extra, extra)
    height, width = channel.samples.shape
    corner = _corner(mask.radius_px, soft_px, channel.step_x, channel.step_y)
    x0, x1 = _span(box.x0, box.x1, channel.step_x, soft_px, width, corner.shape[1] - 1)
    y0, y1 = _span(box.y0, box.y1, channel.step_y, soft_px, height, corner.shape[0] - 1)
    seen = x0 < x1 and y0 < y1
    return Window(x0, y0, x1, y1, soft_px // channel.step_x, corner) if seen else None


def _span(start: float, end: float, step: int, soft_px: int, size: int, corner: int) -> tuple[int, int]:
    """Return first and last sample + 1, or (0, 0) where nothing is seen.

    Ends far outside are brought near (arrays stay small), but the two corners stay apart and out of sight.
    """
    soft = soft_px // step
    if end / step + soft <= 0 or start / step - soft >= size:
        return 0, 0
    first = math.floor(max(start / step - soft, -2 * corner))
    last = math.ceil(min(end / step + soft, size + 2 * corner))
    return first, last


@lru_cache(maxsize=512)
def _corner(radius_px: int, soft_px: int, step_x: int, step_y: int) -> NDArray[np.int16]:
    """Return the weights of an upper left corner: FULL for each sample that touches the mask, fading outside.

    The last row and the last column stand for the straight edges that follow.
    """
    x = np.arange(-(soft_px // step_x), radius_px // step_x + 1)
    y = np.arange(-(soft_px // step_y), radius_px // step_y + 1)[:, None]
    radius_x, radius_y = x[-1], y[-1]
    near_x, near_y = np.maximum(radius_x - x - 1, 0), np.maximum(radius_y - y - 1, 0)
    arc = (near_x * radius_y) ** 2 + (near_y * radius_x) ** 2 < (radius_x * radius_y) ** 2
    touched = ((near_x == 0) | (near_y == 0) | arc) & (x >= 0) & (y >= 0)
    centre_x, centre_y = (radius_x - x - 0.5) * step_x, (radius_y - y - 0.5) * step_y
    away = np.hypot(np.maximum(centre_x, 0), np.maximum(centre_y, 0)) - radius_px
    fade = np.clip(1 - np.maximum(away, 0) / (soft_px + 1), 0, 1) if soft_px else np.zeros(away.shape)
    weights = np.where(touched, FULL, np.minimum(np.rint(FULL * fade), FULL - 1)).astype(np.int16)
    weights.setflags(write=False)
    return weights


def fill(samples: NDArray[Any], content: NDArray[Any], window: Window) -> None:
    """Put the content into the window's mask. Samples mix with it outside the mask only, in the soft edge."""
    height, width = samples.shape
    top, left = max(window.y0, 0), max(window.x0, 0)
    seen = samples[top : min(window.y1, height), left : min(window.x1, width)]
    if seen.shape == content.shape:
        _cover(seen, content, window)
        return
    down, right = top - window.y0, left - window.x0
    there = np.s_[down : down + seen.shape[0], right : right + seen.shape[1]]
    whole = content.copy()  # whatever stands beyond the plane
    whole[there] = seen
    _cover(whole, content, window)
    seen[...] = whole[there]


def _cover(samples: NDArray[Any], content: NDArray[Any], window: Window) -> None:
    """Put the content into the mask on the samples of the whole window."""
    corner, soft = window.corner[:-1, :-1], window.soft_columns
    depth, breadth = corner.shape
    along = np.repeat(window.corner[:-1, -1:], window.columns - 2 * breadth, axis=1)
    upper = np.concatenate([corner, along, corner[:, ::-1]], axis=1)
    side = window.corner[-1:, :soft]
    lower, right = window.rows - depth, window.columns - soft
    _mix(samples[:depth], content[:depth], upper)
    _mix(samples[lower:], content[lower:], upper[::-1])
    _mix(samples[depth:lower, :soft], content[depth:lower, :soft], side)
    _mix(samples[depth:lower, right:], content[depth:lower, right:], side[:, ::-1])
    samples[depth:lower, soft:right] = content[depth:lower, soft:right]


def _mix(samples: NDArray[Any], content: NDArray[Any], weights: NDArray[np.int16]) -> None:
    """Mix the content in by weights, (rows, columns) or one row for all."""
    if samples.size:
        wide = np.int16 if samples.dtype == np.uint8 else np.int32
        raw: NDArray[Any] = samples.astype(wide)
        samples[...] = raw + ((content.astype(wide) - raw) * weights >> _FULL_BITS)
