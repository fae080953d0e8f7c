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

FULL = 64
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
    corner, soft = window.corner[:-1, :-1], window.soft_columns
    depth, breadth = corner.shape
    along = np.repeat(window.corner[:-1, -1:], window.columns - 2 * breadth, axis=1)
    top = np.hstack([corner, along, corner[:, ::-1]])
    left = window.corner[-1:, :soft]
    lower, right = window.rows - depth, window.columns - soft
    _mix(samples, content, window, (0, depth), (0, window.columns), top)
    _mix(samples, content, window, (lower, window.rows), (0, window.columns), top[::-1])
    _mix(samples, content, window, (depth, lower), (0, soft), left)
    _mix(samples, content, window, (depth, lower), (right, window.columns), left[:, ::-1])
    rows, columns, target = _visible(samples, window, (depth, lower), (soft, right))
    target[...] = content[rows, columns]


def _mix(
    samples: NDArray[Any],
    content: NDArray[Any],
    window: Window,
    rows_span: tuple[int, int],
    columns_span: tuple[int, int],
    weights: NDArray[np.int16],
) -> None:
    """Mix one piece of the window; weights are (rows, columns) of the piece, or one row for all."""
    rows, columns, target = _visible(samples, window, rows_span, columns_span)
    if target.size == 0:
        return
    if len(weights) > 1:
        weights = weights[rows.start - rows_span[0] : rows.stop - rows_span[0]]
    weights = weights[:, columns.start - columns_span[0] : columns.stop - columns_span[0]]
    wide = np.int16 if samples.dtype == np.uint8 else np.int32
    raw: NDArray[Any] = target.astype(wide)
    target[...] = raw + (content[rows, columns].astype(wide) - raw) * weights // FULL


def _visible(
    samples: NDArray[Any], window: Window, rows_span: tuple[int, int], columns_span: tuple[int, int]
) -> tuple[slice, slice, NDArray[Any]]:
    """Return the slices of a piece of the window that lie on the plane, and the samples there."""
    height, width = samples.shape
    r0, r1 = (min(max(r, -window.y0), height - window.y0) for r in rows_span)
    c0, c1 = (min(max(c, -window.x0), width - window.x0) for c in columns_span)
    target = samples[window.y0 + r0 : window.y0 + r1, window.x0 + c0 : window.x0 + c1]
    return slice(r0, r1), slice(c0, c1), target
