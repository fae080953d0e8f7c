"""Faces that move further from look to look than their boxes overlap: cyclists, swings, stalling streams."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from stream_guard.model.geometry import Box
from stream_guard.model.verdict import Between, Cover, Observation
from tests.pictures import seen_from, texture
from tests.test_track_smoother import FACE, HEIGHT, SURE, WIDTH, covers, seen

FAST = Box(0, 50, 12, 64)
STEP = 18
"""Pixels a frame: one and a half of its width."""
LOOKS = (1, 4, 7)


def _strip(score: float = SURE, grey: NDArray[np.uint8] | None = None) -> list[Observation]:
    looks = {i: seen(i, (FAST.moved(STEP * i, 0), score)) for i in LOOKS}
    strip = [looks.get(i) or replace(seen(i), sight=Between()) for i in range(8)]
    return [replace(observation, grey=grey) for observation in strip]


def _holds(cover: Cover, box: Box) -> bool:
    return any(region.box.contains(box) for region in cover.regions)


def _covered(found: list[Cover]) -> list[int]:
    where = [FAST.moved(STEP * i, 0).clipped(WIDTH, HEIGHT) for i in range(len(found))]
    return [i for i, cover in enumerate(found) if _holds(cover, where[i])]


def test_it_is_covered_along_the_way_and_on_the_way_in() -> None:
    assert _covered(covers(_strip())) == list(range(8))


def test_doubtful_faces_do_not_leap() -> None:
    """In crowds they come and go, and what lies between two of them is somebody's shirt."""
    assert _covered(covers(_strip(score=0.4))) == list(LOOKS)


def test_where_optical_flow_finds_the_face_in_place_nothing_leaps() -> None:
    still = seen_from(texture(640, 360, seed=3), WIDTH, HEIGHT, 0, 0)
    assert set(_covered(covers(_strip(grey=still)))) < set(range(8))


def test_nothing_leaps_over_a_cut() -> None:
    strip = _strip()
    strip[4] = replace(strip[4], scene_start=True)
    assert not {2, 3} & set(_covered(covers(strip)))


def test_a_face_that_leaps_is_covered_where_it_was_until_then() -> None:
    """In a stream that stutters it does not move between two looks, but in the frame of the second."""
    there = FACE.moved(25, 0)
    still = [seen(i, (FACE, SURE)) for i in range(7)]
    skipped = [replace(seen(i), sight=Between()) for i in range(7, 12)]
    found = covers([*still, *skipped, replace(seen(12, (there, SURE)), leapt=True)])
    assert all(_holds(cover, FACE) for cover in found[:12])
    assert _holds(found[12], there)


@pytest.mark.parametrize("fps", [24.0, 25.0, 30.0, 50.0, 60.0])
def test_a_face_that_leaps_and_turns_back_is_covered_at_every_look(fps: float) -> None:
    there_and_back = [0, 4, 0, 4, 0]
    strip = [seen(i, (FAST.moved(STEP * x, 0), SURE)) for i, x in enumerate(there_and_back)]
    found = covers([replace(o, stamp=replace(o.stamp, time_s=o.stamp.index / fps)) for o in strip])
    for x, cover in zip(there_and_back, found, strict=True):
        assert _holds(cover, FAST.moved(STEP * x, 0))
