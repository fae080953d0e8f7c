"""Cover zones: every sample that a zone touches is covered in every frame, on every layout of planes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from stream_guard.model.frame import Frame, Stamp
from stream_guard.model.geometry import Box, Orientation
from stream_guard.model.picture import Channel, Component, Picture
from stream_guard.model.polygon import Point, Polygon, checked_zone
from stream_guard.model.verdict import Cover, Origin, Region
from stream_guard.redact.mask import CHROMA_EXTRA_PX
from stream_guard.redact.render import MaskRedactor
from stream_guard.redact.styles import style_named, style_names
from stream_guard.redact.zones import touched_samples
from tests.test_redact_mask import KEY, LAYOUTS, ORIENTATIONS, picture, samples_of

ARROW = Polygon(((0.1, 0.2), (0.93, 0.45), (0.15, 0.9), (0.4, 0.5)))
"""Not convex, and none of its sides lies on the grid of a plane."""
RIGHT_HALF = Polygon(((0.5, 0), (1, 0), (1, 1), (0.5, 1)))


def redactor(name: str, *zones: Polygon) -> MaskRedactor:
    return MaskRedactor(style_named(name), key=KEY, zones=zones)


def rendered(
    run: MaskRedactor,
    seen: Picture,
    *boxes: Box,
    index: int = 0,
    epoch: int = 0,
    whole: str | None = None,
) -> Picture:
    stamp = Stamp(epoch, index, index / 25)
    regions = tuple(Region(n, box, Origin.DETECTED) for n, box in enumerate(boxes, start=1))
    return run.render(Frame(stamp, seen, None), Cover(stamp, regions, whole)).picture


# -- which samples a polygon touches, told apart by cutting it with every sample -------------------


def _cut(corners: list[Point], axis: int, at: float, keep_above: bool) -> list[Point]:
    """Return the part of a polygon on one side of a line (Sutherland and Hodgman)."""
    kept: list[Point] = []
    for a, b in zip(corners, corners[1:] + corners[:1], strict=True):
        a_in, b_in = ((p[axis] >= at) == keep_above or p[axis] == at for p in (a, b))
        if a_in:
            kept.append(a)
        if a_in != b_in:
            share = (at - a[axis]) / (b[axis] - a[axis])
            kept.append((a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1])))
    return kept


def _shared(polygon: Polygon, x: int, y: int) -> float:
    """Return the area that a polygon has in a sample."""
    part = list(polygon.corners)
    for axis, at, above in ((0, x, True), (0, x + 1, False), (1, y, True), (1, y + 1, False)):
        part = _cut(part, axis, at, above) if part else part
    return Polygon(tuple(part)).area if part else 0.0


def _is_zone(corners: tuple[Point, ...]) -> bool:
    try:
        checked_zone(corners)
    except ValueError:
        return False
    return True


def _zones(shares: st.SearchStrategy[float]) -> st.SearchStrategy[tuple[Point, ...]]:
    return st.lists(st.tuples(shares, shares), min_size=3, max_size=5).map(tuple).filter(_is_zone)


@settings(max_examples=200)
@given(
    _zones(st.floats(0, 1) | st.sampled_from([0.0, 0.25, 0.5, 1.0])), st.integers(1, 24), st.integers(1, 24)
)
def test_every_sample_that_shares_area_with_a_zone_is_touched(
    corners: tuple[Point, ...], rows: int, columns: int
) -> None:
    polygon = Polygon(corners).scaled(columns, rows)
    touched = touched_samples(polygon, rows, columns)
    for y in range(rows):
        for x in range(columns):
            assert touched[y, x] or _shared(polygon, x, y) < 1e-9, (x, y)


@settings(max_examples=200)
@given(_zones(st.integers(0, 64).map(lambda n: n / 64)), st.integers(1, 24), st.integers(1, 24))
def test_no_other_sample_is_touched(corners: tuple[Point, ...], rows: int, columns: int) -> None:
    polygon = Polygon(corners).scaled(columns, rows)
    for y, x in np.argwhere(touched_samples(polygon, rows, columns)).tolist():
        assert _shared(polygon, x, y) > 0 or _is_near(polygon, x, y), (x, y)


def _is_near(polygon: Polygon, x: int, y: int) -> bool:
    """Tell whether a sample is at most a rounding error away from the polygon."""
    moved = ((dx, dy) for dx in (-1e-6, 1e-6) for dy in (-1e-6, 1e-6))
    return any(
        _shared(Polygon(tuple((u + dx, v + dy) for u, v in polygon.corners)), x, y) > 0 for dx, dy in moved
    )


# -- painting -------------------------------------------------------------------------------------


def _touched(channel: Channel, zone: Polygon, seen: Picture, extra_px: float = 0) -> NDArray[np.bool_]:
    """Return the samples that the zone, grown by a few pixels each way, touches (slowly)."""
    rows, columns = channel.samples.shape
    on_plane = zone.scaled(seen.width / channel.step_x, seen.height / channel.step_y)
    near = np.zeros((rows, columns), bool)
    reach_x, reach_y = math.ceil(extra_px / channel.step_x), math.ceil(extra_px / channel.step_y)
    for y in range(rows):
        for x in range(columns):
            if _shared(on_plane, x, y) > 1e-9:
                near[
                    max(0, y - reach_y) : y + reach_y + 1,
                    max(0, x - reach_x) : x + reach_x + 1,
                ] = True
    return near


@pytest.mark.parametrize("turned", [ORIENTATIONS[0], ORIENTATIONS[3]])
@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_a_zone_is_covered_to_the_last_sample_and_nothing_else(layout: str, turned: Orientation) -> None:
    first, second, raw = (picture(LAYOUTS[layout], 47, 39, seed, turned) for seed in (1, 2, 2))
    run = redactor("solid", ARROW)
    rendered(run, first)
    rendered(run, second, index=1)
    for a, b, old in zip(first.channels, second.channels, raw.channels, strict=True):
        inside = _touched(a, ARROW, first)
        assert np.array_equal(a.samples[inside], b.samples[inside])
        assert len(np.unique(b.samples[inside])) == 1
        if a.component is Component.ALPHA:
            assert np.all(b.samples[inside] == b.peak)
        tint = a.component in (Component.CB, Component.CR)
        beyond = ~_touched(a, ARROW, first, CHROMA_EXTRA_PX if tint else 0)
        assert np.array_equal(b.samples[beyond], old.samples[beyond])


@pytest.mark.parametrize("layout", ["yuv420p", "yuv420p10", "rgba"])
@pytest.mark.parametrize("name", style_names())
def test_what_a_zone_shows_is_frozen_in_every_style(name: str, layout: str) -> None:
    run = redactor(name, ARROW)
    shown = [rendered(run, picture(LAYOUTS[layout], 47, 39, n), index=n) for n in (0, 1, 5000)]
    for channels in zip(*(p.channels for p in shown), strict=True):
        inside = _touched(channels[0], ARROW, shown[0])
        for later in channels[1:]:
            assert np.array_equal(channels[0].samples[inside], later.samples[inside])


@pytest.mark.parametrize("name", style_names())
def test_the_soft_edge_of_a_face_does_not_mix_into_a_zone(name: str) -> None:
    alone, beside = (picture(LAYOUTS["yuv420p"], 200, 120, 4) for _ in range(2))
    rendered(redactor(name, RIGHT_HALF), alone)
    rendered(redactor(name, RIGHT_HALF), beside, Box(40, 30, 80, 80), Box(110, 10, 150, 60))
    for a, b in zip(alone.channels, beside.channels, strict=True):
        inside = _touched(a, RIGHT_HALF, alone)
        assert np.array_equal(a.samples[inside], b.samples[inside])


def test_a_frame_that_is_covered_whole_has_no_need_of_zones() -> None:
    run = redactor("frost", ARROW)
    slate = rendered(run, picture(LAYOUTS["yuv420p"], 47, 39, 1), whole="the detector failed")
    assert all(len(np.unique(channel.samples)) == 1 for channel in slate.channels)
    later, raw = (picture(LAYOUTS["yuv420p"], 47, 39, 2) for _ in range(2))
    rendered(run, later, index=1)
    inside = _touched(later.channels[0], ARROW, later)
    assert np.mean(later.channels[0].samples[inside] != raw.channels[0].samples[inside]) > 0.9


def test_a_new_size_and_format_midway_is_covered_as_well() -> None:
    run = redactor("solid", ARROW)
    rendered(run, picture(LAYOUTS["yuv420p"], 47, 39, 1))
    for epoch, (layout, width, height) in enumerate([("rgba", 47, 39), ("rgba", 80, 33)], start=1):
        seen = rendered(run, picture(LAYOUTS[layout], width, height, 2), index=epoch, epoch=epoch)
        for channel in seen.channels:
            assert len(np.unique(channel.samples[_touched(channel, ARROW, seen)])) == 1


def test_several_zones_that_overlap_are_all_covered() -> None:
    first, second = (picture(LAYOUTS["yuv420p"], 64, 48, seed) for seed in (1, 2))
    run = redactor("frost", ARROW, RIGHT_HALF)
    rendered(run, first)
    rendered(run, second, index=1)
    for a, b in zip(first.channels, second.channels, strict=True):
        for zone in (ARROW, RIGHT_HALF):
            inside = _touched(a, zone, first)
            assert np.array_equal(a.samples[inside], b.samples[inside])


def test_no_zone_paints_nothing() -> None:
    seen, raw = (picture(LAYOUTS["yuv420p"], 64, 48, 1) for _ in range(2))
    rendered(redactor("frost"), seen)
    assert all(map(np.array_equal, samples_of(seen), samples_of(raw)))
