"""Paints zones: polygons that are covered in every frame, on each plane's own grid, rounded outwards."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from stream_guard.model.frame import Stamp
from stream_guard.model.geometry import Box
from stream_guard.model.picture import Channel, Component, Picture
from stream_guard.model.polygon import Point, Polygon
from stream_guard.redact.mask import CHROMA_EXTRA_PX, Window
from stream_guard.redact.style import Birth, Pattern, Style, keyed_noise

_Slices = tuple[slice, slice]


@dataclass(frozen=True, slots=True)
class _Stencil:
    """What one zone shows on one channel."""

    place: _Slices
    """The rows and columns that the zone spans."""
    touched: NDArray[np.bool_]
    content: NDArray[Any]


class ZonePainter:
    """Covers the same zones in every frame; what they show is frozen at the first frame of an epoch."""

    def __init__(self, zones: Sequence[Polygon], style: Style, key: bytes) -> None:
        """Zones are in shares of the picture."""
        self._zones = zones
        self._style = style.for_zones or style
        self._key = key
        self._epoch: int | None = None
        self._stencils: list[list[_Stencil]] = []

    def look(self, picture: Picture, stamp: Stamp) -> None:
        """Freeze what the zones show, before anything is painted into the first frame of an epoch."""
        if stamp.epoch != self._epoch:
            self._epoch = stamp.epoch
            patterns = [self._pattern(n, zone, picture, stamp) for n, zone in enumerate(self._zones)]
            self._stencils = [
                [self._stencil(channel, zone, picture, pattern) for channel in picture.channels]
                for zone, pattern in zip(self._zones, patterns, strict=True)
            ]

    def paint(self, picture: Picture) -> None:
        """Cover the zones; `look` has seen a frame of the same epoch."""
        for stencils in self._stencils:
            for channel, stencil in zip(picture.channels, stencils, strict=True):
                np.copyto(channel.samples[stencil.place], stencil.content, where=stencil.touched)

    def _pattern(self, number: int, zone: Polygon, picture: Picture, stamp: Stamp) -> Pattern:
        noise = keyed_noise(self._key, -1 - number, stamp.epoch, stamp.index)  # tracks count from 0 upwards
        xs, ys = zip(*zone.scaled(picture.width, picture.height).corners, strict=True)
        return self._style.pattern(Birth(picture, Box(min(xs), min(ys), max(xs), max(ys)), noise))

    def _stencil(self, channel: Channel, zone: Polygon, picture: Picture, pattern: Pattern) -> _Stencil:
        on_plane = zone.scaled(picture.width / channel.step_x, picture.height / channel.step_y)
        touched = _with_border(channel, touched_samples(on_plane, *channel.samples.shape))
        place = _spanned(touched)
        window = Window(
            place[1].start, place[0].start, place[1].stop, place[0].stop, 0, np.zeros((1, 1), np.int16)
        )
        return _Stencil(place, touched[place].copy(), self._style.shown(pattern, channel, window))


def touched_samples(polygon: Polygon, rows: int, columns: int) -> NDArray[np.bool_]:
    """Return which samples of a plane share any area with a polygon, whose corners are in samples.

    A sample does that if an edge runs through it or, failing that, if its centre is inside.
    """
    touched = _with_centre_inside(polygon, rows, columns)
    for edge in polygon.edges:
        _add_edge(touched, *edge)
    return touched


def _with_centre_inside(polygon: Polygon, rows: int, columns: int) -> NDArray[np.bool_]:
    inside = np.zeros((rows, columns), bool)
    x, y = np.arange(columns) + 0.5, np.arange(rows) + 0.5
    for (x0, y0), (x1, y1) in polygon.edges:
        crossed = (y0 > y) != (y1 > y)
        crossing = x0 + (y[crossed] - y0) * ((x1 - x0) / (y1 - y0) if y0 != y1 else 0.0)
        inside[crossed] ^= x > crossing[:, None]
    return inside


def _add_edge(touched: NDArray[np.bool_], a: Point, b: Point) -> None:
    """Set the samples that an edge runs through, row by row."""
    (x0, y0), (x1, y1) = sorted((a, b), key=lambda p: p[1])
    is_level = y1 - y0 < 1e-9  # its slope might be beyond all numbers
    slope = 0.0 if is_level else (x1 - x0) / (y1 - y0)
    for row in range(max(0, math.floor(y0)), min(len(touched), math.ceil(y1))):
        ends = (x0, x1) if is_level else [x0 + slope * (min(max(row + k, y0), y1) - y0) for k in (0, 1)]
        touched[row, max(0, math.floor(min(ends))) : max(0, math.ceil(max(ends)))] = True


def _with_border(channel: Channel, touched: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the samples grown by the border that colour planes need: players blur colour over it."""
    if channel.component not in (Component.CB, Component.CR):
        return touched
    reach_x, reach_y = (math.ceil(CHROMA_EXTRA_PX / step) for step in (channel.step_x, channel.step_y))
    kernel = np.ones((2 * reach_y + 1, 2 * reach_x + 1), np.uint8)
    return np.asarray(cv2.dilate(touched.astype(np.uint8), kernel), bool)


def _spanned(touched: NDArray[np.bool_]) -> _Slices:
    """Return the rows and columns from the first to the last sample that is set."""
    rows, columns = (np.flatnonzero(touched.any(axis=axis)) for axis in (1, 0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
