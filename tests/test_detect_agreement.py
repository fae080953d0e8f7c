"""Which finds of several detectors are one face, and where that ends."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stream_guard.detect.agreement import distinct, with_chins, with_hidden
from stream_guard.model.geometry import Box
from stream_guard.model.verdict import Detection

SHORT = Box(100, 100, 180, 180)
"""As YuNet sees a face behind a mask."""
WHOLE = Box(98, 98, 184, 220)


def chins(*found: Detection, ends_by: str | None = "b") -> list[Detection]:
    return list(with_chins(distinct(found), found, ends_by))


def test_one_face_found_twice_is_one_and_small_ones_inside_large_ones_stay() -> None:
    large, same, small = Box(0, 0, 100, 100), Box(4, 4, 104, 104), Box(30, 30, 60, 60)
    faces = [Detection(large, 0.6, "a"), Detection(same, 0.8, "b"), Detection(small, 0.3, "c")]
    assert [f.detector for f in distinct(faces)] == ["b", "c"]


@pytest.mark.parametrize(("mine", "others"), [(0.9, 0.6), (0.6, 0.9)])
def test_a_face_that_another_sees_end_further_down_is_told_how_far(mine: float, others: float) -> None:
    (face,) = chins(Detection(SHORT, mine, "a"), Detection(WHOLE, others, "b"))
    assert face.box == SHORT
    assert face.score == 0.9
    assert face.below == pytest.approx(40 / 80)


def test_detectors_that_agree_about_a_chin_say_so() -> None:
    (face,) = chins(Detection(SHORT, 0.6, "a"), Detection(SHORT.moved(0, 10), 0.9, "b"))
    assert face.box == SHORT.moved(0, 10)
    assert face.below == 0.0


@pytest.mark.parametrize(
    "other",
    [
        Detection(WHOLE, 0.2, "b"),  # not clearly seen
        Detection(WHOLE, 0.6, "c"),  # one that is not believed
        Detection(WHOLE.moved(200, 0), 0.6, "b"),  # another face
    ],
)
def test_nothing_is_known_of_a_chin_that_nobody_else_clearly_saw(other: Detection) -> None:
    face = chins(Detection(SHORT, 0.9, "a"), other)[0]
    assert (face.box, face.below) == (SHORT, None)


def test_small_faces_are_left_as_they_are() -> None:
    short, whole = SHORT.scaled(0.3, 0.3), WHOLE.scaled(0.3, 0.3)
    (face,) = chins(Detection(short, 0.9, "a"), Detection(whole, 0.6, "b"))
    assert (face.box, face.below) == (short, None)


def test_where_nobody_knows_chins_faces_stay_as_they_are() -> None:
    (face,) = chins(Detection(SHORT, 0.9, "a"), Detection(WHOLE, 0.6, "b"), ends_by=None)
    assert (face.box, face.below) == (SHORT, None)


NEAR = Detection(Box(100, 100, 140, 150), 0.8, "a")


def beside(dx: float, score: float = 0.18, near: Detection = NEAR) -> float:
    """Return the score of a face so far to the right of a nearer one."""
    face = Detection(NEAR.box.moved(dx, 0), score, "a")
    return with_hidden([near, face])[1].score


def test_a_doubtful_face_that_a_nearer_head_partly_hides_scores_higher() -> None:
    assert beside(40) == pytest.approx(0.18**0.75)
    assert beside(40) > 0.2  # and is covered at once


def test_a_face_that_nobody_hides_keeps_its_score() -> None:
    assert beside(50) == 0.18
    assert beside(40, near=replace(NEAR, score=0.4)) == 0.18
    assert beside(40, near=replace(NEAR, box=NEAR.box.scaled(0.7, 0.7).moved(40, 40))) == 0.18
    assert beside(40, score=0.6) == 0.6
    assert with_hidden([NEAR]) == (NEAR,)


def test_small_faces_beside_others_keep_their_score() -> None:
    near = replace(NEAR, box=NEAR.box.scaled(0.3, 0.3))
    face = replace(near, box=near.box.moved(12, 0), score=0.18)
    assert with_hidden([near, face]) == (near, face)
