"""Near misses: what is listed, in which order, and that the list stays short."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_guard.flow.review import MOST_PICTURES, MOST_PLACES, Review
from stream_guard.flow.risk import brief_risk, faint_risk, size_factor, unseen_risk, whole_risk
from stream_guard.model.frame import Stamp
from stream_guard.model.geometry import Box
from stream_guard.model.place import Place, Reason
from stream_guard.model.polygon import Polygon
from stream_guard.model.verdict import Cover, Detection, Origin, Region

FPS = 25
FACE = Box(100, 100, 150, 160)
ELSEWHERE = Box(400, 300, 450, 360)


def stamp(index: int) -> Stamp:
    return Stamp(0, index, index / FPS)


def review(zones: Iterable[Polygon] = ()) -> Review:
    return Review(0.2, 640, 480, lambda box: box.inflated(0.3), tuple(zones))


def faint(index: int, score: float = 0.18, box: Box = FACE) -> Cover:
    return Cover(stamp(index), uncovered=(Detection(box, score, "yunet"),))


def found(origin: Origin, score: float = 0.8, box: Box = FACE, track: int = 1) -> Region:
    return Region(track, box, origin, score if origin is Origin.DETECTED else 0.0)


def places(covers: Iterable[Cover], zones: Iterable[Polygon] = ()) -> tuple[Place, ...]:
    seen = review(zones)
    for cover in covers:
        seen.add(cover)
    return seen.finish()


def clip(length: int, regions: dict[int, Region], also: Region | None = None) -> list[Cover]:
    """Return covers with at most one changing region each."""
    extra = (also,) if also else ()
    return [Cover(stamp(n), (*((regions[n],) if n in regions else ()), *extra)) for n in range(length)]


# -- too faint ----------------------------------------------------------------------------------------


def test_what_is_faintly_seen_again_and_again_is_one_place() -> None:
    (place,) = places([faint(n, 0.11 + n / 1000) for n in range(0, 60, 2)])
    assert (place.reason, place.first_frame, place.last_frame) == (Reason.FAINT, 0, 58)
    assert place.says == "not covered: seen 30 times, score 0.17 at most"
    assert place.box == FACE
    assert place.frame in range(0, 60, 2)


def test_another_place_and_another_time_are_other_places() -> None:
    told = places(
        [faint(0), faint(1), faint(2, box=ELSEWHERE), faint(3, box=ELSEWHERE), faint(90), faint(91)]
    )
    assert sorted((p.first_frame, p.last_frame) for p in told) == [(0, 1), (2, 3), (90, 91)]


def test_it_follows_a_place_that_moves() -> None:
    (place,) = places([faint(n, box=FACE.moved(12 * n, 0)) for n in range(30)])
    assert (place.first_frame, place.last_frame) == (0, 29)


@pytest.mark.parametrize("score", [0.03, 0.09])
def test_noise_is_no_place(score: float) -> None:
    assert places([faint(n, score) for n in range(50)]) == ()


def test_what_is_hardly_a_risk_is_no_place() -> None:
    assert places([faint(0, 0.11, Box(10, 10, 15, 16))]) == ()
    assert len(places([faint(0, 0.11, FACE)])) == 1


def test_what_lies_under_a_mask_or_a_zone_is_no_place() -> None:
    hidden = [Cover(c.stamp, (found(Origin.DETECTED),), uncovered=c.uncovered) for c in map(faint, range(9))]
    assert places(hidden) == ()
    beside = found(Origin.DETECTED, box=FACE.moved(40, 0))
    half = [Cover(c.stamp, (beside,), uncovered=c.uncovered) for c in map(faint, range(9))]
    assert [p.reason for p in places(half)] == [Reason.FAINT]
    everything = Polygon(((0, 0), (1, 0), (1, 1), (0, 1)))
    assert places(map(faint, range(9)), [everything]) == ()
    assert places([Cover(stamp(0), whole="dark", uncovered=faint(0).uncovered)])[0].reason is Reason.WHOLE


def test_faint_faces_everywhere_make_a_short_list() -> None:
    """An hour at 25 frames a second would have the same bounds; two minutes show them."""
    seen = review()
    for n in range(3000):
        boxes = [
            Box.around(20 + (37 * k + 11 * n) % 600, 20 + (53 * k + 7 * n) % 440, 30, 30) for k in range(20)
        ]
        seen.add(Cover(stamp(n), uncovered=tuple(Detection(b, 0.15, "yunet") for b in boxes)))
    told = seen.finish()
    assert 0 < len(told) <= MOST_PLACES


def test_the_list_keeps_the_riskiest() -> None:
    seen = review()
    for n in range(2 * MOST_PLACES):
        score = 0.101 + 0.09 * ((n * 7919) % (2 * MOST_PLACES)) / (2 * MOST_PLACES)
        seen.add(faint(n * 100, score))
    told = seen.finish()
    assert len(told) == MOST_PLACES
    assert [p.risk for p in told] == sorted((p.risk for p in told), reverse=True)
    assert told[-1].risk >= faint_risk(0.145, 0.2, 1, FACE)


# -- weak evidence ------------------------------------------------------------------------------------


def test_a_face_lost_inside_the_picture_is_riskier_than_one_that_left() -> None:
    def track(box: Box) -> dict[int, Region]:
        return {n: found(Origin.DETECTED if n < 20 else Origin.HELD, box=box) for n in range(45)}

    (inside,) = places(clip(60, track(FACE)))
    (leaving,) = places(clip(60, track(Box(-10, 100, 40, 160))))
    assert (inside.reason, inside.track, inside.first_frame, inside.last_frame) == (Reason.LOST, 1, 20, 44)
    assert leaving.reason is Reason.LOST
    assert inside.risk > leaving.risk
    assert "inside the picture" in inside.says
    assert "at the border" in leaving.says


def test_a_face_found_again_was_unseen() -> None:
    track = {n: found(Origin.TRACKED if 20 <= n < 50 else Origin.DETECTED) for n in range(60)}
    (place,) = places(clip(60, track))
    assert (place.reason, place.first_frame, place.last_frame) == (Reason.UNSEEN, 20, 49)
    assert place.risk < 0.5


def test_the_gaps_of_a_cadence_are_none() -> None:
    track = {n: found(Origin.DETECTED if n % 3 == 0 else Origin.TRACKED) for n in range(60)}
    assert places(clip(60, track)) == ()


def test_a_track_that_another_takes_over_is_not_lost() -> None:
    track = {n: found(Origin.DETECTED if n < 20 else Origin.HELD) for n in range(45)}
    other = found(Origin.DETECTED, box=FACE.moved(5, 5), track=2)
    assert places(clip(60, track, also=other)) == ()


def test_a_clear_face_that_shows_for_a_moment_only_is_told() -> None:
    (place,) = places(clip(60, {n: found(Origin.DETECTED) for n in range(20, 23)}))
    assert (place.reason, place.first_frame, place.last_frame) == (Reason.BRIEF, 20, 22)
    assert place.says == "covered for 3 frames only, score 0.80 at most"


@pytest.mark.parametrize(("first", "last"), [(0, 3), (57, 59), (10, 40)])
def test_what_the_recording_cuts_off_and_what_lasts_is_not_brief(first: int, last: int) -> None:
    assert places(clip(60, {n: found(Origin.DETECTED) for n in range(first, last + 1)})) == ()


def test_what_a_person_planned_is_no_doubt_of_ours() -> None:
    assert places(clip(60, {n: found(Origin.PLANNED) for n in range(20, 23)})) == ()


def test_frames_covered_whole_are_one_place_for_each_reason() -> None:
    told = places(Cover(stamp(n), whole=why) for n, why in enumerate(["a", "a", "b", None, "b"]))
    assert sorted((p.says, p.first_frame, p.last_frame) for p in told) == [
        ("covered whole: a", 0, 1),
        ("covered whole: b", 2, 2),
        ("covered whole: b", 4, 4),
    ]
    assert all(p.box is None for p in told)


# -- risk ---------------------------------------------------------------------------------------------


@given(
    score=st.floats(0, 1),
    looks=st.integers(1, 10**6),
    seconds=st.floats(0, 1e6),
    side=st.floats(0, 1e5),
    lost=st.booleans(),
    leaving=st.booleans(),
)
def test_risks_are_shares(
    score: float, looks: int, seconds: float, side: float, lost: bool, leaving: bool
) -> None:
    box = Box(0, 0, side, side)
    assert 0 <= faint_risk(score, 0.2, looks, box) <= 1
    assert 0 <= brief_risk(score, seconds, box) <= 1
    assert 0 <= unseen_risk(seconds, box, lost=lost, leaving=leaving) <= 1
    assert 0 <= whole_risk(seconds) <= 1


def test_risk_grows_with_what_it_is_made_of() -> None:
    assert faint_risk(0.19, 0.2, 5, FACE) > faint_risk(0.15, 0.2, 5, FACE) > faint_risk(0.15, 0.2, 1, FACE)
    assert size_factor(Box(0, 0, 20, 90)) == 0.5
    assert size_factor(Box(0, 0, 80, 90)) == 1
    assert brief_risk(0.9, 0.04, FACE) > brief_risk(0.3, 0.04, FACE) > brief_risk(0.3, 0.4, FACE)
    assert unseen_risk(2, FACE, lost=False, leaving=False) > unseen_risk(1, FACE, lost=False, leaving=False)


# -- pictures -----------------------------------------------------------------------------------------


def test_the_riskiest_places_have_pictures_of_their_own_frame() -> None:
    seen = review()
    for n in range(60):
        index = 100 * n
        score = 0.101 + 0.0015 * ((n * 37) % 60)
        seen.add(faint(index, score), lambda box, index=index: (index, box))  # type: ignore[misc]
    told = seen.finish()
    assert all(p.picture == (p.frame, p.box) for p in told[:MOST_PICTURES])
    assert all(p.picture is None for p in told[MOST_PICTURES:])
    assert len(told) == 60
