"""Optical flow and the camera's motion, on pictures whose motion is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_guard.model.frame import Stamp
from stream_guard.model.geometry import Box
from stream_guard.model.verdict import Cover, Detection, Observation, Origin, Seen
from stream_guard.track.camera import STILL, Placement, camera_step
from stream_guard.track.motion import follow
from stream_guard.track.smoother import FixedLagSmoother
from tests.pictures import Grey, seen_from, texture, with_patch

WIDTH, HEIGHT = 320, 180
WORLD = texture(500, 360, seed=1)
WIDE_WORLD = texture(840, 560, seed=1)
PATCH = texture(40, 48, seed=2)


def _background(x: float, y: float, scale: float = 1.0) -> Grey:
    return seen_from(WORLD, WIDTH, HEIGHT, 80 + x, 80 + y, scale)


def _face(x: float, y: float) -> Box:
    return Box(x, y, x + 40, y + 48)


def _error_px(a: Box, b: Box) -> float:
    return max(abs(a.x0 - b.x0), abs(a.y0 - b.y0), abs(a.x1 - b.x1), abs(a.y1 - b.y1))


@pytest.mark.parametrize(("dx", "dy"), [(0, 0), (1, 0), (-3.5, 2.25), (6, -5), (9, 0)])
@pytest.mark.parametrize("camera", [(0, 0), (4, -3)])
def test_a_patch_is_followed_over_a_moving_background(
    dx: float, dy: float, camera: tuple[float, float]
) -> None:
    before = with_patch(_background(0, 0), PATCH, 120, 60)
    after = with_patch(_background(*camera), PATCH, 120 + dx, 60 + dy)
    found = follow(before, after, _face(120, 60))
    assert found is not None
    assert _error_px(found, _face(120 + dx, 60 + dy)) <= 1


def test_a_patch_that_is_gone_is_not_followed() -> None:
    before = with_patch(_background(0, 0), PATCH, 120, 60)
    after = texture(WIDTH, HEIGHT, seed=9)
    assert follow(before, after, _face(120, 60)) is None


@pytest.mark.parametrize("box", [Box(-80, -80, -40, -32), Box(400, 0, 440, 48), Box(10, 10, 12, 12)])
def test_nothing_is_followed_outside_the_picture_or_too_small(box: Box) -> None:
    assert follow(_background(0, 0), _background(2, 0), box) is None


def test_pictures_of_two_sizes_are_not_compared() -> None:
    assert follow(_background(0, 0), WORLD, _face(120, 60)) is None
    assert camera_step(_background(0, 0), WORLD, WIDTH, HEIGHT) == STILL


def _require_step(step: Placement, truth: Placement, side: int = 1) -> None:
    """Require that all four corners of the picture land within a pixel of the grey copy."""
    corners = Box(0, 0, side * WIDTH, side * HEIGHT)
    assert _error_px(step.to_frame(corners), truth.to_frame(corners)) <= side


@settings(max_examples=40)
@given(dx=st.floats(-12, 12), dy=st.floats(-12, 12))
def test_camera_shake_is_measured_within_a_pixel(dx: float, dy: float) -> None:
    step = camera_step(_background(0, 0), _background(dx, dy), WIDTH, HEIGHT)
    _require_step(step, Placement(1.0, -dx, -dy))


@settings(max_examples=20, deadline=None)
@given(dx=st.floats(-36, 36), dy=st.floats(-36, 36))
def test_a_larger_copy_is_measured_as_exactly_and_further(dx: float, dy: float) -> None:
    width, height = 2 * WIDTH, 2 * HEIGHT
    before, after = (seen_from(WIDE_WORLD, width, height, 100 + x, 100 + y) for x, y in ((0, 0), (dx, dy)))
    step, picture = camera_step(before, after, width, height), Box(0, 0, width, height)
    assert _error_px(step.to_frame(picture), picture.moved(-dx, -dy)) <= 1


@pytest.mark.parametrize("zoom", [0.96, 0.98, 1.02, 1.05])
def test_zoom_is_measured(zoom: float) -> None:
    step = camera_step(_background(0, 0), _background(3, 2, zoom), WIDTH, HEIGHT)
    # a pixel p of the first picture shows 80 + p of the world, which the second shows at zoom * (p - 3)
    _require_step(step, Placement(zoom, -3 * zoom, -2 * zoom))


def test_steps_are_in_frame_pixels_not_in_those_of_the_grey_copy() -> None:
    step = camera_step(_background(0, 0), _background(5, -4), 4 * WIDTH, 4 * HEIGHT)
    _require_step(step, Placement(1.0, -20, 16), side=4)


def test_a_person_who_walks_past_does_not_move_the_camera() -> None:
    walker = texture(90, 150, seed=5)
    before = with_patch(_background(0, 0), walker, 60, 20)
    after = with_patch(_background(0, 0), walker, 70, 20)
    assert camera_step(before, after, WIDTH, HEIGHT) == STILL


def test_a_picture_without_detail_says_nothing_of_the_camera() -> None:
    flat = np.full((HEIGHT, WIDTH), 128, np.uint8)
    assert camera_step(flat, flat, WIDTH, HEIGHT) == STILL
    assert camera_step(None, flat, WIDTH, HEIGHT) == STILL
    _require_step(camera_step(texture(WIDTH, HEIGHT, 7), texture(WIDTH, HEIGHT, 8), WIDTH, HEIGHT), STILL)


@given(st.floats(0.5, 2), st.floats(-100, 100), st.floats(-100, 100), st.floats(0.5, 2), st.floats(-100, 100))
def test_placements_go_there_and_back_and_one_after_another(
    scale: float, dx: float, dy: float, scale2: float, dx2: float
) -> None:
    first, second, box = Placement(scale, dx, dy), Placement(scale2, dx2, -dx2), _face(12, 34)
    assert _error_px(first.to_world(first.to_frame(box)), box) < 1e-6
    assert _error_px(first.then(second).to_frame(box), second.to_frame(first.to_frame(box))) < 1e-6


# -- both together, in the tracker ----------------------------------------------------------------


def _shaking(frames: int) -> list[tuple[Grey, Box]]:
    """Return pictures of a patch that stands in the world while the camera shakes, and where it is."""
    made = []
    for i in range(frames):
        x, y = 14 * math.sin(0.9 * i), 9 * math.sin(1.7 * i + 1)
        made.append((with_patch(_background(x, y), PATCH, 140 - x, 70 - y), _face(140 - x, 70 - y)))
    return made


def _observed(index: int, grey: Grey, face: Box | None) -> Observation:
    found = (Detection(face, 0.9, "test"),) if face else ()
    return Observation(Stamp(0, index, index / 25), WIDTH, HEIGHT, Seen(found), grey)


def test_a_face_that_is_not_detected_stays_covered_while_the_camera_shakes() -> None:
    smoother = FixedLagSmoother(38)
    scenes = _shaking(40)
    found: list[Cover] = []
    for i, (grey, face) in enumerate(scenes):
        found += smoother.push(_observed(i, grey, face if i < 5 or i >= 30 else None))
    found += smoother.flush()
    for cover, (_, face) in zip(found, scenes, strict=True):
        assert any(r.box.inflated(0.03).contains(face) for r in cover.regions), cover.stamp.index
    assert Origin.TRACKED in {r.origin for r in found[15].regions}


def _tunnel(phase: float) -> Grey:
    """Return a picture that looks the same after each zoom by ZOOM ** PERIOD about its centre."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float64)
    dx, dy = x - WIDTH / 2, y - HEIGHT / 2
    depth = np.log(np.hypot(dx, dy) + 1e-9) / math.log(ZOOM) - phase
    angle = np.arctan2(dy, dx)
    wave = (
        np.sin(2 * np.pi * depth / PERIOD)
        + np.sin(9 * angle)
        + np.sin(2 * np.pi * depth / PERIOD + 14 * angle)
    )
    return np.asarray(np.clip(128 + 40 * wave, 0, 255), np.uint8)


ZOOM, PERIOD = 1.06, 10


@pytest.mark.parametrize("direction", [1, -1])
def test_an_endless_walk_forward_does_not_use_up_the_numbers(direction: int) -> None:
    scenes = [_tunnel(direction * i) for i in range(PERIOD)]
    step = camera_step(scenes[0], scenes[1], WIDTH, HEIGHT)
    assert step.scale == pytest.approx(ZOOM**direction, abs=0.015)
    smoother = FixedLagSmoother(3)
    face = _face(100, 60)
    for i in range(1200):
        for cover in smoother.push(_observed(i, scenes[i % PERIOD], face)):
            assert any(r.box.contains(face) for r in cover.regions), cover
            assert all(r.box.area < 3 * face.area for r in cover.regions), cover
