"""The contract of the fixed-lag smoother, on observations of every kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from stream_guard.errors import SettingsError
from stream_guard.model.frame import Stamp
from stream_guard.model.geometry import Box
from stream_guard.model.verdict import Between, Cover, Detection, Observation, Origin, Region, Seen, Unseen
from stream_guard.track.replay import Replay
from stream_guard.track.smoother import FixedLagSmoother, Tracking
from stream_guard.track.window import REACH

WIDTH, HEIGHT, FPS = 160, 120, 25
RULES = Tracking()


def seen(index: int, *faces: tuple[Box, float]) -> Observation:
    found = tuple(Detection(box, score, "test") for box, score in faces)
    return Observation(Stamp(0, index, index / FPS), WIDTH, HEIGHT, Seen(found))


def unseen(index: int) -> Observation:
    return Observation(Stamp(0, index, index / FPS), WIDTH, HEIGHT, Unseen("too dark"))


def covers(observations: Sequence[Observation], lag: int = 38, rules: Tracking = RULES) -> list[Cover]:
    """Return the cover of every frame; each must come in order and at most `lag` late."""
    smoother = FixedLagSmoother(lag, rules)
    given_out: list[Cover] = []
    for count, observation in enumerate(observations, start=1):
        given_out += smoother.push(observation)
        assert len(given_out) >= count - lag
    given_out += smoother.flush()
    assert [c.stamp for c in given_out] == [o.stamp for o in observations]
    return given_out


BOXES = st.builds(
    lambda x, y, w, h: Box(x, y, x + w, y + h),
    st.floats(-40, WIDTH),
    st.floats(-40, HEIGHT),
    st.floats(0.5, 120),
    st.floats(0.5, 120),
)
_BELOW = st.one_of(st.none(), st.floats(0, 1.5))
_FACES = st.builds(Detection, BOXES, st.floats(0, 1), st.just("test"), _BELOW)
_SIGHTS = st.one_of(
    st.builds(Seen, st.lists(_FACES, max_size=4).map(tuple)),
    st.just(Between()),
    st.builds(Unseen, st.just("too dark")),
)
_STEPS = st.one_of(st.just(1 / FPS), st.floats(-5, 60), st.sampled_from([0.0, 1e-9, 3600.0, -3600.0]))
_TEXTURE = np.random.default_rng(4).integers(0, 256, (96, 128), np.uint8)


def _grey(shift: int) -> NDArray[np.uint8]:
    return np.ascontiguousarray(np.roll(_TEXTURE, shift, axis=1))


@st.composite
def _observations(draw: st.DrawFn) -> list[Observation]:
    found, time_s = [], 0.0
    for index in range(draw(st.integers(0, 30))):
        time_s += draw(_STEPS)
        grey = draw(st.one_of(st.none(), st.integers(0, 12).map(_grey)))
        cut = draw(st.integers(0, 9)) == 0
        stamp = Stamp(0, index, time_s)
        found.append(Observation(stamp, WIDTH, HEIGHT, draw(_SIGHTS), grey, scene_start=cut))
    return found


@settings(max_examples=100)
@given(observations=_observations(), lag=st.integers(0, 20))
def test_the_contract_holds_whatever_is_seen(observations: list[Observation], lag: int) -> None:
    for observation, cover in zip(observations, covers(observations, lag), strict=True):
        sight = observation.sight
        assert cover.whole == (sight.reason if isinstance(sight, Unseen) else None)
        assert all(region.box.is_finite for region in cover.regions)
        tracks = [region.track for region in cover.regions]
        assert len(set(tracks)) == len(tracks)
        for face in sight.faces if isinstance(sight, Seen) else ():
            if face.score >= RULES.confidence:
                whole = face.box.grown(0, 0, 0, (face.below or 0.0) * face.box.h)
                assert any(region.box.contains(whole, slack=1e-4) for region in cover.regions)


def test_a_negative_lag_is_refused() -> None:
    with pytest.raises(SettingsError, match="lag is -1"):
        FixedLagSmoother(-1)


# -- one face -------------------------------------------------------------------------------------

FACE = Box(60, 40, 90, 75)
SURE = 0.9


def _strip(*looks: Observation, frames: int) -> list[Observation]:
    """Return frames of which only the given ones saw anything."""
    by_index = {o.stamp.index: o for o in looks}
    return [by_index.get(i, seen(i)) for i in range(frames)]


def _covered(found: Sequence[Cover], box: Box) -> list[int]:
    """Return the frames of which one region contains the box."""
    return [c.stamp.index for c in found if any(r.box.contains(box) for r in c.regions)]


def _steady(first: int, last: int, box: Box = FACE) -> list[Observation]:
    return [seen(i, (box, SURE)) for i in range(first, last + 1)]


def test_a_face_is_covered_before_it_is_first_found() -> None:
    found = covers(_strip(*_steady(60, 80), frames=81), lag=60)
    reach = int(RULES.backfill_s * FPS)
    assert _covered(found, FACE) == list(range(60 - reach, 81))


def test_the_lag_bounds_how_far_back_that_goes() -> None:
    found = covers(_strip(*_steady(60, 80), frames=81), lag=7)
    # each of the first detections reaches back as far as the face is proven by then
    assert _covered(found, FACE)[0] in range(60 - 7, 60)


def test_a_face_is_held_after_it_was_last_found() -> None:
    found = covers(_strip(*_steady(0, 20), frames=100))
    # 2 frames more: a region takes in the boxes of its neighbours
    assert _covered(found, FACE) == list(range(20 + round(RULES.hold_s * FPS) + 1))


def test_a_chin_seen_once_further_down_is_covered_in_all_frames_of_the_lag_and_until_it_is_seen_again() -> (
    None
):
    looks = _steady(0, 60)
    for index, below in ((20, 0.5), (40, 0.0)):
        looks[index] = _told(looks[index], below)
    found = covers(looks, lag=12)
    masked = FACE.grown(0, 0, 0, 0.5 * FACE.h)
    assert _covered(found, masked) == list(range(20 - 12, 40))
    assert _covered(found, FACE) == list(range(61))
    assert found[45].regions[0].box.h < 1.1 * FACE.h


def _told(look: Observation, below: float) -> Observation:
    assert isinstance(look.sight, Seen)
    return replace(look, sight=Seen(tuple(replace(face, below=below) for face in look.sight.faces)))


def test_a_held_region_grows() -> None:
    found = covers(_strip(*_steady(0, 20), frames=40))
    sizes = [found[i].regions[0].box.area for i in range(20, 40)]
    assert sizes == sorted(sizes)
    assert sizes[-1] > 1.5 * sizes[0]
    assert {r.origin for r in found[30].regions} == {Origin.HELD}


def test_a_doubtful_face_is_covered_at_once_but_neither_held_nor_back_filled_for_long() -> None:
    found = covers(_strip(seen(50, (FACE, 0.21)), frames=100))
    frames = _covered(found, FACE)
    assert 50 in frames
    assert len(frames) <= 2 * round(RULES.doubtful_s * FPS) + 3


def test_a_weak_detection_starts_nothing() -> None:
    assert all(not c.regions for c in covers(_strip(seen(3, (FACE, 0.15)), seen(4, (FACE, 0.19)), frames=9)))


def test_what_was_seen_too_faintly_is_told() -> None:
    strong, faint = Box(20, 20, 50, 60), Box(100, 20, 130, 60)
    within = Box(25, 25, 45, 50)
    (cover,) = covers([seen(0, (strong, 0.9), (faint, 0.1), (within, 0.1))])
    assert [face.box for face in cover.uncovered] == [faint]


def test_a_weak_detection_keeps_a_proven_face_alive() -> None:
    weak = [seen(i, (FACE, 0.1)) for i in range(21, 90)]
    found = covers(_strip(*_steady(0, 20), *weak, frames=90))
    assert _covered(found, FACE) == list(range(90))
    assert {c.regions[0].track for c in found} == {1}


@pytest.mark.parametrize("gap", [1, 5, 15, 24])
def test_a_gap_between_two_detections_is_filled_along_the_way(gap: int) -> None:
    there = FACE.moved(30, -10)
    found = covers(_strip(*_steady(0, 10), *_steady(11 + gap, 40, there), frames=41))
    for i in range(gap):
        share = (i + 1) / (gap + 1)
        assert 11 + i in _covered(found, FACE.blend(there, share))
    assert {r.track for c in found for r in c.regions} == {1}


def test_frames_that_the_cadence_skipped_are_covered_along_the_way() -> None:
    looks = [seen(i, (FACE.moved(3 * i, 0), SURE)) for i in range(0, 31, 3)]
    skipped = {i: replace(seen(i), sight=Between()) for i in range(31) if i % 3}
    found = covers([skipped.get(i) or looks[i // 3] for i in range(31)])
    for i, cover in enumerate(found):
        assert _covered([cover], FACE.moved(3 * i, 0)) == [i]


def test_a_face_that_sets_off_between_two_looks_is_covered_along_the_way() -> None:
    skipped = [replace(seen(i), sight=Between()) for i in range(7, 12)]
    found = covers([*_steady(0, 6), *skipped, seen(12, (FACE.moved(24, 0), SURE))])
    for i in range(7, 12):
        assert _covered([found[i]], FACE.moved(4 * (i - 6), 0)) == [i]


@pytest.mark.parametrize(("burst", "behind_a_pillar"), [(4, False), (6, False), (4, True)])
def test_frames_stamped_several_at_once_are_covered_along_the_way(burst: int, behind_a_pillar: bool) -> None:
    """By their count, as filmed by a camera behind a network, and by the clock, as they are shown."""
    last = 8 if behind_a_pillar else 12
    looks = {i: seen(i, *([(FACE.moved(4 * i, 0), SURE)] if i <= last else [])) for i in (0, 4, 8, 12)}
    sights = [looks.get(i) or replace(seen(i), sight=Between()) for i in range(13)]
    times = [(i // burst * burst + 0.12 * (i % burst)) / FPS for i in range(13)]
    found = covers([replace(o, stamp=replace(o.stamp, time_s=t)) for o, t in zip(sights, times, strict=True)])
    for i in range(12):
        first = i // 4 * 4
        way = (times[i] - times[first]) / (times[first + 4] - times[first])
        assert _covered([found[i]], FACE.moved(4 * i, 0)) == [i]
        assert _covered([found[i]], FACE.moved(4 * (first + 4 * way), 0)) == [i]


def test_a_face_that_goes_behind_a_pillar_is_covered_as_far_as_it_would_have_come() -> None:
    """Between its last look and the next it shows still: a man's cheek did, for five frames."""
    looks = [seen(0, (FACE, SURE)), seen(3, (FACE.moved(24, 0), SURE)), seen(6), seen(9)]
    skipped = {i: replace(seen(i), sight=Between()) for i in range(10) if i % 3}
    found = covers([skipped.get(i) or looks[i // 3] for i in range(10)])
    for i in range(7):
        assert _covered([found[i]], FACE.moved(8 * i, 0)) == [i]


def test_a_frame_that_could_not_be_judged_is_covered_whole_and_the_face_goes_on() -> None:
    observations = [*_steady(0, 10), *(unseen(i) for i in range(11, 15)), *_steady(15, 20)]
    found = covers(observations)
    assert [c.stamp.index for c in found if c.whole] == [11, 12, 13, 14]
    assert _covered(found, FACE) == list(range(21))
    assert {r.track for c in found for r in c.regions} == {1}


def test_a_cut_stops_back_fill() -> None:
    observations = _strip(*_steady(30, 50), frames=51)
    observations[27] = replace(observations[27], scene_start=True)
    assert _covered(covers(observations), FACE) == list(range(27, 51))


def test_a_cut_lets_go_of_what_is_not_found_again() -> None:
    observations = _strip(*_steady(0, 20), frames=60)
    observations[21] = replace(observations[21], scene_start=True)
    frames = _covered(covers(observations), FACE)
    assert frames == list(range(frames[-1] + 1))
    assert 21 <= frames[-1] <= 21 + round(RULES.cut_hold_s * FPS)


def test_a_false_cut_takes_no_cover_away() -> None:
    flash = replace(seen(20), scene_start=True)  # in which nothing is found
    found = covers(_strip(*_steady(0, 19), flash, *_steady(21, 40), frames=100))
    assert _covered(found, FACE) == list(range(40 + round(RULES.hold_s * FPS) + 1))


def test_a_region_takes_in_its_neighbours() -> None:
    found = covers([seen(i, (FACE.moved(4 * i, 0), SURE)) for i in range(12)])
    assert REACH >= 1
    for i in range(REACH, 12 - REACH):
        for k in range(i - REACH, i + REACH + 1):
            assert _covered([found[i]], FACE.moved(4 * k, 0)) == [i]


def test_track_numbers_go_on_after_a_flush() -> None:
    smoother = FixedLagSmoother(4)
    first = [*smoother.push(seen(0, (FACE, SURE))), *smoother.flush()]
    second = [*smoother.push(seen(1, (FACE, SURE))), *smoother.flush()]
    assert [r.track for c in (*first, *second) for r in c.regions] == [1, 2]


def test_after_a_flush_nothing_of_the_old_stretch_is_left() -> None:
    smoother = FixedLagSmoother(4)
    for observation in _steady(0, 9):
        smoother.push(observation)
    smoother.flush()
    assert [*smoother.push(seen(10)), *smoother.flush()] == [Cover(seen(10).stamp)]


# -- only ever more -------------------------------------------------------------------------------


@st.composite
def _one_face(draw: st.DrawFn) -> list[Observation]:
    """A moving face that every look finds, with any score, or misses.

    Frames without a look are left out: their first cover is a guess, which is wider than what replaces it.
    """
    frames = draw(st.integers(1, 40))
    speed = draw(st.floats(-3, 3))
    found = []
    for index in range(frames):
        box = FACE.moved(speed * index, draw(st.floats(-2, 2)))
        cut = draw(st.integers(0, 14)) == 0
        score = draw(st.floats(0.2, 1))
        made = seen(index, (box, score)) if draw(st.integers(0, 2)) else seen(index)
        found.append(replace(made, scene_start=cut))
    return found


def _area(cover: Cover) -> NDArray[np.bool_]:
    """Return what a cover hides, on a raster of one sample a pixel (a sample's centre must lie inside)."""
    hidden = np.zeros((HEIGHT, WIDTH), bool)
    x, y = np.arange(WIDTH) + 0.5, np.arange(HEIGHT)[:, None] + 0.5
    for box in (r.box.inflated(1e-9) for r in cover.regions):
        hidden |= (x > box.x0) & (x < box.x1) & (y > box.y0) & (y < box.y1)
    return hidden | (cover.whole is not None)


def _require_more(less: Sequence[Cover], more: Sequence[Cover]) -> None:
    for a, b in zip(less, more, strict=True):
        assert not (_area(a) & ~_area(b)).any(), f"frame {a.stamp.index}: {a.regions} is not in {b.regions}"


@settings(max_examples=100)
@given(observations=_one_face(), lag=st.integers(0, 20), extra=st.integers(1, 20))
def test_a_longer_lag_only_adds_cover(observations: list[Observation], lag: int, extra: int) -> None:
    _require_more(covers(observations, lag), covers(observations, lag + extra))


@given(
    last=st.integers(0, 30),
    speed=st.floats(-3, 3),
    score=st.floats(0.2, 1),
    hold_s=st.floats(0, 2),
    extra_s=st.floats(0, 2),
)
def test_a_longer_hold_only_adds_cover(
    last: int, speed: float, score: float, hold_s: float, extra_s: float
) -> None:
    looks = [seen(i, (FACE.moved(speed * i, 0), score)) for i in range(last + 1)]
    observations = _strip(*looks, frames=last + 60)
    less, more = replace(RULES, hold_s=hold_s), replace(RULES, hold_s=hold_s + extra_s)
    _require_more(covers(observations, rules=less), covers(observations, rules=more))


@settings(max_examples=100)
@given(observations=_one_face(), hold_s=st.floats(0, 2), extra_s=st.floats(0, 2))
def test_a_longer_hold_leaves_no_frame_without_cover_that_had_one(
    observations: list[Observation], hold_s: float, extra_s: float
) -> None:
    """Area is not compared: a held track that is found again is not back-filled a second time, and wider."""
    less, more = replace(RULES, hold_s=hold_s), replace(RULES, hold_s=hold_s + extra_s)
    for a, b in zip(covers(observations, rules=less), covers(observations, rules=more), strict=True):
        assert b.regions or not a.regions


@settings(max_examples=100)
@given(observations=_one_face(), backfill_s=st.floats(0, 2), extra_s=st.floats(0, 2))
def test_a_longer_back_fill_only_adds_cover(
    observations: list[Observation], backfill_s: float, extra_s: float
) -> None:
    less, more = replace(RULES, backfill_s=backfill_s), replace(RULES, backfill_s=backfill_s + extra_s)
    _require_more(covers(observations, rules=less), covers(observations, rules=more))


# -- which detection belongs to which track -------------------------------------------------------


def test_a_small_fast_face_stays_one_track() -> None:
    boxes = [Box(4 + 13 * i, 50, 14 + 13 * i, 62) for i in range(11)]
    assert boxes[0].iou(boxes[1]) == 0
    found = covers([seen(i, (box, SURE)) for i, box in enumerate(boxes)])
    assert {r.track for c in found for r in c.regions} == {1}


def test_two_faces_that_pass_each_other_keep_a_track_each() -> None:
    looks = [
        seen(i, (Box(10 + 4 * i, 20, 30 + 4 * i, 44), SURE), (Box(130 - 4 * i, 48, 150 - 4 * i, 72), SURE))
        for i in range(30)
    ]
    found = covers(looks)
    assert {r.track for c in found for r in c.regions} == {1, 2}


# -- a plan ---------------------------------------------------------------------------------------


def test_a_replayed_plan_covers_what_it_says_and_whole_what_it_does_not_know() -> None:
    region = Region(7, FACE, Origin.PLANNED)
    replay = Replay({0: (region,), 1: (), 2: (region,)}, whole={2: "a person said so"})
    found = [c for i in range(4) for c in replay.push(seen(i, (FACE, SURE)))]
    assert [c.stamp for c in found] == [seen(i).stamp for i in range(4)]
    assert [c.regions for c in found] == [(region,), (), (region,), ()]
    assert [c.whole for c in found] == [None, None, "a person said so", "the plan does not know this frame"]
    assert replay.flush() == ()
