"""What every preset must see: how often it looks, and faces that are larger than the picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from stream_guard.detect.canary import FACE
from stream_guard.detect.presets import PRESETS, Detectors, Preset
from stream_guard.model.frame import Frame, Stamp, View
from stream_guard.model.geometry import Box
from stream_guard.model.media import Media
from stream_guard.model.picture import Picture
from stream_guard.model.verdict import Detection, Seen
from stream_guard.settings import Settings
from stream_guard.sources.array import ArrayEye
from tests.test_detect_contract import portrait

Rgb = NDArray[np.uint8]
WIDTH, HEIGHT = 1280, 720


@pytest.mark.parametrize("preset", PRESETS)
def test_no_preset_leaves_more_than_a_tenth_of_a_second_without_a_look(preset: str) -> None:
    assert PRESETS[preset].cadence.look_s <= 0.1


@pytest.mark.parametrize(
    ("lag", "fps", "unlooked"), [(50, 15.0, 2), (50, 25.0, 3), (50, 60.0, 6), (1, 25.0, 1), (6, 0.0, 6)]
)
def test_frames_that_carry_one_time_are_looked_at_as_often_as_others(
    detectors: Detectors, lag: int, fps: float, unlooked: int
) -> None:
    """Twenty frames stamped a millisecond apart: by the clock, none but the first would be."""
    observer = detectors.observer(PRESETS["balanced"], lag, fps)
    picture, eye = Picture(WIDTH, HEIGHT, tuple, full_range=True), ArrayEye(portrait())
    sights = [observer.observe(Frame(Stamp(0, i, i * 1e-3), picture, eye)).sight for i in range(20)]
    looked = [i for i, sight in enumerate(sights) if isinstance(sight, Seen)]
    assert max(later - one for one, later in pairwise([*looked, 20])) <= 1 + unlooked


def _media(width: int, height: int, fps: float) -> Media:
    return Media("stream", None, "test", width, height, fps)


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
@pytest.mark.parametrize("size", [(320, 240), (1920, 1080), (1080, 1920)])
def test_a_preset_is_what_it_says_up_to_hd(preset: Preset, size: tuple[int, int]) -> None:
    assert preset.for_stream(_media(*size, 25.0), lag=50) == preset
    assert preset.for_stream(_media(*size, 0.0), lag=0) == preset


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
@pytest.mark.parametrize("size", [(3840, 2160), (2160, 3840), (12000, 9000)])
def test_larger_pictures_are_looked_at_in_larger_views(preset: Preset, size: tuple[int, int]) -> None:
    """By the root of two, and no further: there memory comes to an end."""
    grown = preset.for_stream(_media(*size, 0.0), lag=0)
    assert 1.38 < grown.view.side / preset.view.side < 1.42
    assert 1.38 < grown.turned_side / preset.turned_side < 1.42
    assert all(large % 32 == 0 for large in (grown.view.side, grown.turned_side, *grown.opinion_sides))


@pytest.mark.parametrize(("lag", "fps"), [(9, 25.0), (9, 60.0), (36, 120.0), (9, 1000.0)])
def test_all_turned_passes_look_within_a_short_lag(lag: int, fps: float) -> None:
    preset = PRESETS["balanced"].for_stream(_media(3840, 2160, fps), lag)
    assert (len(preset.turned) + 1) * preset.further_look_s == pytest.approx(min(0.8, lag / min(fps, 120)))


class Recording:
    """Finds the canary's face, doubts one in the middle of all else, and notes the sizes that it is shown."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.shown = Counter[tuple[int, int]]()

    def detect(self, view: View) -> Sequence[Detection]:
        rows, columns = view.bgr.shape[:2]
        self.shown[columns, rows] += 1
        if (columns, rows) == (320, 320):
            return (Detection(FACE, 0.9, self.name),)
        return (Detection(Box.around(columns / 2, rows / 2, 40, 40), 0.3, self.name),)

    def close(self) -> None: ...


def _shown(frames: int) -> dict[str, Counter[tuple[int, int]]]:
    """Return the sizes, (columns, rows), that `balanced` shows each of a dull scene at 25 frames a second."""
    made = {name: Recording(name) for name in ("yunet", "mediapipe-full", "mediapipe-short", "centerface")}
    factories = {name: lambda _, one=one: one for name, one in made.items()}
    observer = Detectors(tuple(made), factories).observer(PRESETS["balanced"])
    for one in made.values():
        one.shown.clear()
    picture = Picture(WIDTH, HEIGHT, tuple, full_range=True)
    eye = ArrayEye(np.full((HEIGHT, WIDTH, 3), 90, np.uint8))
    for i in range(frames):
        observer.observe(Frame(Stamp(0, i, i / 25), picture, eye))
    return {name: one.shown for name, one in made.items()}


UPRIGHT, NEAR, CONTRAST = (1136, 639), (320, 180), (568, 320)
LYING, UPSIDE_DOWN, ASLANT = (360, 640), (640, 360), (708, 708)
CLOSEUP, CLOSEUP_ASLANT = (128, 128), (182, 182)


def test_everybody_looks_at_a_new_scene_and_who_doubts_looks_again() -> None:
    shown = _shown(1)
    once = {UPRIGHT: 1, NEAR: 1, CONTRAST: 1, LYING: 2, UPSIDE_DOWN: 1, ASLANT: 4}
    assert shown["yunet"] == once | {CLOSEUP: 5, CLOSEUP_ASLANT: 4}
    assert shown["mediapipe-full"] == shown["mediapipe-short"] == {UPRIGHT: 1}
    assert shown["centerface"] == {(640, 360): 1, (960, 540): 1}


def test_who_looks_how_often() -> None:
    first, shown = _shown(1), _shown(25 * 24)
    looks = {name: shown[name] - first[name] for name in shown}
    assert abs(looks["yunet"][UPRIGHT] - 24 / 0.12) <= 1
    turned = looks["yunet"][LYING] + looks["yunet"][UPSIDE_DOWN]
    others = [looks[name].total() for name in ("mediapipe-full", "mediapipe-short")]
    assert abs(turned + sum(others) - 24 / 0.2) <= 1
    assert abs(turned - 3 * sum(others)) <= 3
    assert abs(others[0] - others[1]) <= 1
    assert abs(looks["yunet"][ASLANT] - 24 / 0.4) <= 1
    assert abs(looks["centerface"].total() - 24 / 0.6) <= 1
    assert abs(looks["centerface"][640, 360] - 2 * looks["centerface"][960, 540]) <= 2


@pytest.fixture(scope="module")
def detectors() -> Iterator[Detectors]:
    made = Detectors(Settings().detect.detectors)
    yield made
    made.close()


def _up_close(times: float, across: float) -> tuple[Rgb, Box]:
    """Return the portrait's face so many times as tall as the picture, and aside by a share of its width,
    and what of it the picture shows.
    """
    k = HEIGHT * times / FACE.h
    dx, dy = WIDTH / 2 - k * (FACE.cx + across * FACE.w), HEIGHT / 2 - k * FACE.cy
    warp = np.array([[k, 0, dx], [0, k, dy]])
    shown = cv2.warpAffine(portrait(), warp, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(shown, np.uint8), FACE.scaled(k, k).moved(dx, dy).clipped(WIDTH, HEIGHT)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(("times", "across"), [(1.0, 0.0), (1.5, 0.3), (2.0, 0.0), (2.5, 0.0), (3.0, 0.3)])
def test_a_face_larger_than_the_picture_is_found(
    detectors: Detectors, preset: str, times: float, across: float
) -> None:
    rgb, truth = _up_close(times, across)
    frame = Frame(Stamp(0, 0, 0.0), Picture(WIDTH, HEIGHT, tuple, full_range=True), ArrayEye(rgb))
    sight = detectors.observer(PRESETS[preset]).observe(frame).sight
    assert isinstance(sight, Seen)
    best = max(sight.faces, key=lambda face: face.score)
    assert best.score > 0.5
    assert best.box.clipped(WIDTH, HEIGHT).iou(truth) > 0.6
