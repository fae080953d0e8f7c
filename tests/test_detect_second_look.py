"""The second look: doubtful places are scored anew from a close-up, within a budget, and remembered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from stream_guard.detect.passes import Pass
from stream_guard.detect.second_look import SecondLook
from stream_guard.detect.yunet import YuNet
from stream_guard.model.frame import View
from stream_guard.model.geometry import Box
from stream_guard.model.verdict import Detection
from stream_guard.sources.array import ArrayEye
from tests.test_detect_contract import portrait

FACE = Box(110, 66, 210, 180)
"""Where the face is in the portrait."""


@dataclass
class Counting:
    """A detector that finds a face of one score in the middle of every close-up."""

    score: float
    name: str = "counting"
    shown: list[tuple[int, ...]] = field(default_factory=list)

    def detect(self, view: View) -> Sequence[Detection]:
        self.shown.append(view.bgr.shape)
        height, width = view.bgr.shape[:2]
        return (Detection(Box.around(width / 2, height / 2, width / 3, height / 3), self.score, self.name),)

    def close(self) -> None: ...


def _eye(width: int = 640, height: int = 480) -> ArrayEye:
    return ArrayEye(np.full((height, width, 3), 128, np.uint8))


def _view(eye: ArrayEye, side: int = 640) -> View:
    return eye.view(side, 1.0)


def _face(x: float, y: float, side: float, score: float) -> Detection:
    return Detection(Box(x, y, x + side, y + side), score, "first")


@pytest.mark.parametrize(
    ("side", "close", "wanted"), [(60, 0.0, "lower"), (60, 0.9, "higher"), (12, 0.9, "higher")]
)
def test_the_close_up_moves_a_doubtful_score(side: float, close: float, wanted: str) -> None:
    eye = _eye()
    (found,) = SecondLook(Pass(Counting(close)), 8).judge(eye, _view(eye), [_face(100, 100, side, 0.3)], 0.0)
    assert (found.score > 0.3) == (wanted == "higher")
    assert found.box == _face(100, 100, side, 0.3).box


def test_a_small_face_never_loses_by_it() -> None:
    eye = _eye()
    (found,) = SecondLook(Pass(Counting(0.0)), 8).judge(eye, _view(eye), [_face(100, 100, 12, 0.3)], 0.0)
    assert found.score == 0.3


def test_a_sure_face_is_left_alone() -> None:
    eye, detector = _eye(), Counting(0.0)
    face = _face(100, 100, 60, 0.8)
    assert SecondLook(Pass(detector), 8).judge(eye, _view(eye), [face], 0.0) == [face]
    assert detector.shown == []


def test_the_budget_goes_to_large_faces_first_and_in_time_to_all() -> None:
    eye, detector = _eye(), Counting(0.0)
    faces = [_face(20 + 80 * i, 100, 30 + i, 0.3) for i in range(4)]
    look = SecondLook(Pass(detector), 1)
    first = look.judge(eye, _view(eye), faces, 0.0)
    assert [face.score < 0.3 for face in sorted(first, key=lambda f: f.box.x0)] == [False, False, False, True]
    for k in range(1, 4):
        last = look.judge(eye, _view(eye), faces, 0.04 * k)
    assert all(face.score < 0.3 for face in last)
    assert len(detector.shown) == 4


def test_close_ups_are_cut_from_the_frame_not_from_the_view() -> None:
    """The view shrinks a large picture; the close-up of the portrait in it must not."""
    rgb = np.zeros((1200, 1600, 3), np.uint8)
    face = cv2.resize(portrait(), None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA)
    rgb[600 : 600 + face.shape[0], 900 : 900 + face.shape[1]] = face
    eye, yunet = ArrayEye(rgb), YuNet(0.03)
    view = eye.view(400, 1.0)
    there = FACE.scaled(0.4, 0.4).moved(900, 600).scaled(1 / view.scale_x, 1 / view.scale_y)
    try:
        (found,) = SecondLook(Pass(yunet), 1).judge(eye, view, [Detection(there, 0.05, "first")], 0.0)
    finally:
        yunet.close()
    assert found.score > 0.4


def test_a_turned_pass_looks_again_at_a_turned_close_up() -> None:
    """The portrait stands on its head; only a close-up that is turned as the first look was shows a face."""
    rgb = np.ascontiguousarray(np.rot90(portrait(), 2))
    eye, yunet = ArrayEye(rgb), YuNet(0.03)
    view, height, width = eye.view(640, 1.0), *rgb.shape[:2]
    there = Box(width - FACE.x1, height - FACE.y1, width - FACE.x0, height - FACE.y0)
    face = Detection(there.scaled(1 / view.scale_x, 1 / view.scale_y), 0.3, "first")
    try:
        as_it_is, turned = (
            SecondLook(Pass(yunet, turned=90 * turns), 1).judge(eye, view, [face], 0.0)[0].score
            for turns in (0, 2)
        )
    finally:
        yunet.close()
    assert turned > 0.5 > as_it_is


def test_no_faces_no_work() -> None:
    eye, detector = _eye(), Counting(0.5)
    assert SecondLook(Pass(detector), 8).judge(eye, _view(eye), [], 0.0) == []
    assert detector.shown == []


def _square(picture: NDArray[np.uint8], area: Box) -> NDArray[np.uint8]:
    return picture[int(area.y0) : int(area.y1), int(area.x0) : int(area.x1)]


def test_a_close_up_beyond_the_border_is_black_there() -> None:
    rgb = np.random.default_rng(3).integers(1, 256, (60, 80, 3), np.uint8)
    shown = ArrayEye(rgb).closeup(Box(-20, 20, 20, 60), 40)
    assert not shown[:, :20].any()
    assert (shown[:, 20:, ::-1] == _square(rgb, Box(0, 20, 20, 60))).all()
