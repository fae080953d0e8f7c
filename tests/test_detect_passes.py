"""Prepared views: what is found in a turned, shrunk or brightened picture comes back to its place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from stream_guard.detect.canary import FACE
from stream_guard.detect.passes import FLOOR, Pass, has_low_contrast
from stream_guard.detect.yunet import YuNet
from stream_guard.model.frame import View
from stream_guard.model.geometry import Box
from stream_guard.model.verdict import Detection
from tests.test_detect_contract import as_view, portrait

Rgb = NDArray[np.uint8]


class Marked:
    """Finds the one red rectangle of a picture, exactly."""

    name = "marked"

    def detect(self, view: View) -> Sequence[Detection]:
        ys, xs = np.nonzero(view.bgr[..., 2] > 128)
        if not len(xs):
            return ()
        box = Box(float(xs.min()), float(ys.min()), float(xs.max()) + 1, float(ys.max()) + 1)
        return [Detection(box, 0.5, self.name)]

    def close(self) -> None: ...


@given(
    turns=st.integers(0, 3),
    width=st.integers(30, 90),
    height=st.integers(30, 90),
    x=st.integers(0, 20),
    y=st.integers(0, 20),
    w=st.integers(1, 9),
    h=st.integers(1, 9),
)
def test_a_box_is_turned_back_exactly(
    turns: int, width: int, height: int, x: int, y: int, w: int, h: int
) -> None:
    rgb = np.zeros((height, width, 3), np.uint8)
    rgb[y : y + h, x : x + w, 0] = 255
    (found,) = Pass(Marked(), turned=90 * turns).look(as_view(rgb))
    assert found.box == Box(x, y, x + w, y + h)


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
@pytest.mark.parametrize(("width", "height"), [(400, 200), (200, 400)])
def test_a_box_is_scaled_back_after_turning(turns: int, width: int, height: int) -> None:
    rgb = np.zeros((height, width, 3), np.uint8)
    rgb[40:80, 100:140, 0] = 255
    (found,) = Pass(Marked(), side=100, turned=90 * turns).look(as_view(rgb))
    assert found.box == Box(100, 40, 140, 80)


def test_a_small_view_is_not_enlarged() -> None:
    sizes: list[tuple[int, ...]] = []

    class Measuring(Marked):
        def detect(self, view: View) -> Sequence[Detection]:
            sizes.append(view.bgr.shape)
            return super().detect(view)

    for side in (None, 50, 100, 999):
        Pass(Measuring(), side=side).look(as_view(np.zeros((60, 100, 3), np.uint8)))
    assert sizes == [(60, 100, 3), (30, 50, 3), (60, 100, 3), (60, 100, 3)]


def test_scores_are_raised_to_the_exponent() -> None:
    rgb = np.full((40, 40, 3), 255, np.uint8)
    assert [face.score for face in Pass(Marked(), exponent=2).look(as_view(rgb))] == [0.25]


@pytest.mark.parametrize(("height", "found"), [(29, 0), (30, 1), (40, 1)])
def test_faces_lower_than_the_least_share_are_left_to_others(height: int, found: int) -> None:
    rgb = np.zeros((60, 100, 3), np.uint8)
    rgb[:height, :20, 0] = 255
    assert len(Pass(Marked(), least_share=0.5).look(as_view(rgb))) == found


@pytest.fixture(scope="module")
def yunet() -> Iterator[YuNet]:
    made = YuNet(FLOOR)
    yield made
    made.close()


def _lying(turns: int) -> tuple[Rgb, Box]:
    """Return a wide picture with the portrait turned clockwise in it, and where its face is."""
    canvas = np.full((340, 620, 3), 120, np.uint8)
    canvas[10:330, 200:520] = np.rot90(portrait(), -turns)
    box = FACE
    for _ in range(turns):
        box = Box(320 - box.y1, box.x0, 320 - box.y0, box.x1)
    return canvas, box.moved(200, 10)


@pytest.mark.parametrize("degrees", [45, 135, 225, 315])
@pytest.mark.parametrize("side", [None, 400])
def test_a_face_aslant_is_found_where_it_is(yunet: YuNet, degrees: int, side: int | None) -> None:
    turn = cv2.getRotationMatrix2D((310, 170), -degrees, 1.0)
    picture = np.full((340, 620, 3), 120, np.uint8)
    picture[10:330, 150:470] = portrait()
    picture = np.asarray(cv2.warpAffine(picture, turn, (620, 340)), np.uint8)
    x, y = turn @ (FACE.cx + 150, FACE.cy + 10, 1)
    best = max(Pass(yunet, side=side, turned=degrees).look(as_view(picture)), key=lambda face: face.score)
    assert best.score > 0.5
    assert abs(best.box.cx - x) < 0.15 * FACE.w
    assert abs(best.box.cy - y) < 0.15 * FACE.h
    assert FACE.w * 0.8 < best.box.w < FACE.h * 1.2
    assert FACE.w * 0.8 < best.box.h < FACE.h * 1.2


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
@pytest.mark.parametrize("side", [None, 400])
def test_a_turned_face_is_found_where_it_is(yunet: YuNet, turns: int, side: int | None) -> None:
    picture, truth = _lying(turns)
    found = Pass(yunet, side=side, turned=90 * turns).look(as_view(picture))
    best = max(found, key=lambda face: face.score)
    assert best.score > 0.5
    assert best.box.iou(truth) >= 0.7


def _dimmed(rgb: Rgb) -> Rgb:
    """Return a picture as a camera gives it in the dark: a tenth of the light, and noise."""
    noise = np.random.default_rng(2).normal(0, 1.2, rgb.shape)
    return np.asarray(np.clip(rgb * 0.055 + 3 + noise, 0, 255), np.uint8)


def _score(found: Sequence[Detection]) -> float:
    return max((face.score for face in found if face.box.iou(FACE) > 0.5), default=0.0)


def test_raised_contrast_helps_in_the_dark(yunet: YuNet) -> None:
    dark = _dimmed(portrait())
    plain, raised = (Pass(yunet, raise_contrast=yes).look(as_view(dark)) for yes in (False, True))
    assert _score(raised) > 0.2
    assert _score(raised) > _score(plain)


def test_low_contrast_is_told_from_high() -> None:
    grey = np.asarray(cv2.cvtColor(portrait(), cv2.COLOR_RGB2GRAY), np.uint8)
    assert not has_low_contrast(grey)
    assert has_low_contrast(np.asarray(grey // 5, np.uint8))
    assert has_low_contrast(np.asarray(200 + grey // 8, np.uint8))
