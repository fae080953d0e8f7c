"""Which detection belongs to which track, by their boxes alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stream_guard.model.geometry import Box
from stream_guard.track.association import assign, leaps
from tests.test_track_smoother import BOXES


@given(st.lists(BOXES, max_size=6), st.lists(BOXES, max_size=6))
def test_each_track_gets_one_detection_at_most(tracks: list[Box], detections: list[Box]) -> None:
    pairs = assign(tracks, detections)
    for side in zip(*pairs, strict=True):
        assert len(set(side)) == len(side)


@given(st.permutations(range(5)))
def test_far_apart_faces_are_told_apart_in_any_order(order: list[int]) -> None:
    tracks = [Box(30 * i, 0, 30 * i + 20, 25) for i in range(5)]
    detections = [tracks[i].moved(3, 2) for i in order]
    assert sorted(assign(tracks, detections)) == sorted((i, k) for k, i in enumerate(order))


def test_a_torso_does_not_take_the_track_of_a_face() -> None:
    torso = Box(93, 129, 293, 377)
    assert assign([Box(251, 129, 292, 176)], [torso]) == []
    assert assign([Box(251, 129, 292, 176)], [Box(240, 120, 300, 190)]) == [(0, 0)]


def test_a_leap_goes_to_the_nearest_face_of_like_size() -> None:
    runner, other = Box(0, 0, 20, 25), Box(300, 0, 340, 50)
    assert leaps([runner, other], [runner.moved(60, 5), runner.moved(90, 5), other.moved(-150, 0)]) == [
        (0, 0),
        (1, 2),
    ]
    assert leaps([runner], [runner.moved(140, 0), runner.moved(60, 0).scaled(2, 2), other]) == []
    assert leaps([], [runner]) == leaps([runner], []) == []
