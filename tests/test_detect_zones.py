"""Ignore zones drop what lies in them, and cost no face elsewhere any of its cover."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_guard.detect.zones import ZonedObserver
from stream_guard.model.frame import Frame
from stream_guard.model.geometry import Box
from stream_guard.model.polygon import MOST_CORNERS, Point, Polygon, checked_zone
from stream_guard.model.verdict import Cover, Detection, Observation, Seen, Unseen
from stream_guard.track.smoother import FixedLagSmoother, Tracking
from tests.streams import HEIGHT, WIDTH, Knowing, frame

LEFT_HALF = Polygon(((0, 0), (0.5, 0), (0.5, 1), (0, 1)))
TOP = Polygon(((0, 0), (1, 0), (1, 0.25), (0, 0.25)))
CONFIDENCE = Tracking().confidence


def face(cx: float, cy: float, side: float = 10, score: float = 0.9) -> Detection:
    return Detection(Box.around(cx, cy, side, side), score, "test")


def zoned(faces: Mapping[int, Sequence[Detection]], *cover: Polygon) -> ZonedObserver:
    return ZonedObserver(Knowing(faces), (LEFT_HALF,), cover, CONFIDENCE)


def kept(faces: Sequence[Detection], *cover: Polygon) -> tuple[Detection, ...]:
    sight = zoned({0: faces}, *cover).observe(frame(0)).sight
    assert isinstance(sight, Seen)
    return sight.faces


def test_a_face_is_dropped_when_its_centre_is_inside() -> None:
    inside, straddling = face(20, 20), face(WIDTH / 2 + 0.1, 20, side=40)
    assert kept([inside, straddling]) == (straddling,)


def test_a_centre_on_the_border_is_not_inside() -> None:
    on_border = [face(WIDTH / 2, 20), face(0, 20), face(20, 0), face(20, HEIGHT)]
    assert kept(on_border) == tuple(on_border)


def test_a_cover_zone_outranks_an_ignore_zone() -> None:
    high, low = face(20, 10), face(20, 50)
    assert kept([high, low], TOP) == (high,)


def test_what_was_dropped_is_counted_where_it_would_have_been_covered() -> None:
    observer = zoned({0: [face(20, 20), face(20, 40, score=CONFIDENCE / 2), face(80, 20)]})
    observer.observe(frame(0))
    observer.observe(frame(1))
    assert observer.ignored == 1


def test_a_frame_that_could_not_be_judged_stays_so() -> None:
    class Failing(Knowing):
        def observe(self, frame: Frame) -> Observation:
            return Observation(frame.stamp, WIDTH, HEIGHT, Unseen("too dark"))

    seen = ZonedObserver(Failing(), (LEFT_HALF,), (), CONFIDENCE).observe(frame(0))
    assert seen.sight == Unseen("too dark")


def _covers(faces: Mapping[int, Sequence[Detection]], frames: int, *, with_zone: bool) -> list[Cover]:
    observer = zoned(faces) if with_zone else Knowing(faces)
    smoother = FixedLagSmoother(5)
    found = [cover for i in range(frames) for cover in smoother.push(observer.observe(frame(i)))]
    return found + list(smoother.flush())


def test_a_face_that_walks_into_a_zone_stays_covered_until_its_hold_is_over() -> None:
    walk = {i: [face(90 - i, 30)] for i in range(80)}
    covers = _covers(walk, 80, with_zone=True)
    crossed = next(i for i in range(80) if walk[i][0].box.cx < WIDTH / 2)
    hold = round(Tracking().hold_s * 25)
    for i in range(crossed):
        assert any(r.box.contains(walk[i][0].box) for r in covers[i].regions), i
    assert all(covers[i].regions for i in range(crossed, crossed + hold))
    assert not any(covers[i].regions for i in range(crossed + hold + 2, 80))


_FACES = st.builds(
    face, st.floats(-5, WIDTH + 5), st.floats(-5, HEIGHT + 5), st.floats(2, 40), st.floats(0, 1)
)
_STREAMS = st.lists(st.lists(_FACES, max_size=4), min_size=1, max_size=12)


@settings(max_examples=100)
@given(_STREAMS)
def test_a_zone_costs_no_face_outside_its_cover(stream: list[list[Detection]]) -> None:
    covers = _covers(dict(enumerate(stream)), len(stream), with_zone=True)
    for found, cover in zip(stream, covers, strict=True):
        for one in found:
            outside = not LEFT_HALF.holds(one.box.cx / WIDTH, one.box.cy / HEIGHT)
            if outside and one.score >= CONFIDENCE:
                assert any(r.box.contains(one.box) for r in cover.regions)


@settings(max_examples=100)
@given(_STREAMS)
def test_the_tracker_sees_the_rest_as_if_there_were_nothing_in_the_zone(
    stream: list[list[Detection]],
) -> None:
    rest = [
        [f for f in found if not LEFT_HALF.holds(f.box.cx / WIDTH, f.box.cy / HEIGHT)] for found in stream
    ]
    zoned_covers = _covers(dict(enumerate(stream)), len(stream), with_zone=True)
    assert zoned_covers == _covers(dict(enumerate(rest)), len(stream), with_zone=False)


@given(_STREAMS)
def test_a_zone_far_away_changes_nothing(stream: list[list[Detection]]) -> None:
    right = [[f for f in found if f.box.cx > WIDTH / 2] for found in stream]
    covers = [_covers(dict(enumerate(right)), len(right), with_zone=on) for on in (True, False)]
    assert covers[0] == covers[1]


# -- what is a zone -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("corners", "says"),
    [
        (((0, 0), (1, 1)), "3 to 64 corners, not 2"),
        (((0, 0), (1, 1), (0, 0)), "3 to 64 corners, not 2"),
        (((0, 0),) * (MOST_CORNERS + 2), "corners"),
        (((0, 0), (1920, 0), (1920, 400)), "0 to 1, not 1920,0"),
        (((0, 0), (0.5, -0.1), (1, 1)), "0 to 1, not 0.5,-0.1"),
        (((0, 0), (1, 1), (1, 0), (0, 1)), "cross"),
        (((0, 0), (1, 0), (0.5, 0), (0.5, 1)), "touch"),
        (((0, 0), (0.5, 0.5), (1, 1)), "one line"),
    ],
)
def test_what_is_no_zone_is_refused(corners: tuple[Point, ...], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        checked_zone(corners)


def test_a_ring_may_be_closed() -> None:
    assert checked_zone(((0, 0), (1, 0), (1, 1), (0, 0))) == ((0, 0), (1, 0), (1, 1))


@given(st.floats(0, 1), st.floats(0, 1))
def test_inside_is_inside(x: float, y: float) -> None:
    notched = Polygon(((0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.5, 0.5), (0.1, 0.9)))
    expected = 0.1 < x < 0.9 and 0.1 < y < 0.9 and y < max(x, 1 - x)
    near = min(abs(y - x), abs(y - (1 - x))) < 1e-9
    assert near or notched.holds(x, y) == expected
