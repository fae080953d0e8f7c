"""A detector that fails now and then leaves no frame of a face uncovered."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import pytest

from stream_guard.model.frame import Stamp
from stream_guard.model.geometry import Box
from stream_guard.model.verdict import Between, Cover, Detection, Observation, Seen, Sight
from stream_guard.track.smoother import FixedLagSmoother
from tests.pictures import Grey, seen_from, texture, with_patch

WIDTH, HEIGHT, FPS, FRAMES, LAG = 320, 180, 25, 150, 38
FIRST, LAST = 12, 140
"""The frames in which the face is in the picture."""
WORLD, PATCH = texture(460, 260, seed=3), texture(30, 36, seed=6)
MARGIN = 0.1
"""Share of the face that may show: a third of what the mask adds at each side."""


def _face(index: int) -> Box:
    x, y = 30 + 1.6 * index, 70 + 25 * math.sin(index / 11)
    return Box(x, y, x + 30, y + 36)


@pytest.fixture(scope="module")
def greys() -> list[Grey]:
    made = []
    for i in range(FRAMES):
        background = seen_from(WORLD, WIDTH, HEIGHT, 60 + 5 * math.sin(i / 5), 40 + 3 * math.cos(i / 3))
        face = _face(i)
        made.append(with_patch(background, PATCH, face.x0, face.y0) if FIRST <= i <= LAST else background)
    return made


def _covers(greys: Sequence[Grey], dropped: set[int], look_every: int = 1) -> list[Cover]:
    dice = random.Random(5)  # noqa: S311 - a test, not a secret
    smoother = FixedLagSmoother(LAG)
    found: list[Cover] = []
    for i in range(FRAMES):
        jitter = _face(i).moved(dice.gauss(0, 0.6), dice.gauss(0, 0.6))
        visible = FIRST <= i <= LAST and i not in dropped
        sight: Sight = Seen((Detection(jitter, dice.uniform(0.5, 0.95), "test"),) if visible else ())
        if i % look_every:
            sight = Between()
        found += smoother.push(Observation(Stamp(0, i, i / FPS), WIDTH, HEIGHT, sight, greys[i]))
    return found + list(smoother.flush())


def _longest_leak(found: Sequence[Cover]) -> int:
    """Return the longest run of frames in which the face shows."""
    longest = run = 0
    for cover in found[FIRST : LAST + 1]:
        face = _face(cover.stamp.index).inflated(-MARGIN)
        run = 0 if any(r.box.contains(face) for r in cover.regions) else run + 1
        longest = max(longest, run)
    return longest


def _at_random(share: float, seed: int) -> set[int]:
    dice = random.Random(seed)  # noqa: S311 - a test, not a secret
    return {i for i in range(FRAMES) if dice.random() < share}


def _bursts(length: int) -> set[int]:
    starts = range(FIRST, LAST, length + 12)
    return {i for start in starts for i in range(start, start + length)}


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_drop_outs_leak_nothing(greys: list[Grey], share: float, seed: int) -> None:
    assert _longest_leak(_covers(greys, _at_random(share, seed))) == 0


@pytest.mark.parametrize("length", [5, 15])
def test_bursts_of_drop_outs_leak_nothing(greys: list[Grey], length: int) -> None:
    assert _longest_leak(_covers(greys, _bursts(length))) == 0


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_drop_outs_between_looks_leak_nothing(greys: list[Grey], share: float) -> None:
    assert _longest_leak(_covers(greys, _at_random(share, 4), look_every=2)) == 0


def test_a_face_that_is_never_found_again_leaks_after_its_hold(greys: list[Grey]) -> None:
    assert _longest_leak(_covers(greys, set(range(60, FRAMES)))) > 40
