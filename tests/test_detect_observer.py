"""When the observer looks, who looks, and what becomes of a look that failed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from stream_guard.detect.canary import FACE
from stream_guard.detect.observer import Cadence, CadenceObserver, ViewSize
from stream_guard.detect.passes import FLOOR, Pass
from stream_guard.detect.presets import PRESETS
from stream_guard.detect.rota import Rota
from stream_guard.detect.yunet import YuNet
from stream_guard.model.frame import Frame, Stamp, View
from stream_guard.model.geometry import Box
from stream_guard.model.picture import Picture
from stream_guard.model.verdict import Between, Cover, Detection, Observation, Seen, Sight, Unseen
from stream_guard.track.smoother import FixedLagSmoother
from tests.pictures import Grey, seen_from, texture
from tests.test_detect_contract import portrait
from tests.test_detect_scene import marked

Rgb = NDArray[np.uint8]
FPS = 25
CADENCE = Cadence(look_s=0.12, grey_side=160)
"""Every third frame."""
FURTHER_S = 0.4
"""A further pass with every tenth."""
SIZE = ViewSize(640)
WORLD = texture(640, 360, seed=8)


def rgb(grey: Grey) -> Rgb:
    return np.ascontiguousarray(np.repeat(grey[..., None], 3, axis=2))


STILL = rgb(seen_from(WORLD, 320, 180, 0, 0))
ELSEWHERE = rgb(np.asarray(255 - seen_from(texture(640, 360, seed=9), 320, 180, 0, 0) // 4, np.uint8))


@dataclass(frozen=True)
class Shown:
    """An eye that shows one picture, whatever size of view is asked for."""

    picture: Rgb
    scale: float

    def view(self, side: int, max_upscale: float) -> View:
        return View(self.picture, self.scale, self.scale)

    def grey(self, side: int) -> Grey:
        height, width = self.picture.shape[:2]
        return np.asarray(cv2.resize(self.picture[..., 0], (side, side * height // width)), np.uint8)

    def closeup(self, area: Box, side: int) -> Rgb:
        rows, columns = slice(round(area.y0), round(area.y1)), slice(round(area.x0), round(area.x1))
        return np.asarray(cv2.resize(self.picture[rows, columns], (side, side)), np.uint8)


def frame(index: int, picture: Rgb | None = STILL, time_s: float | None = None, scale: float = 1.0) -> Frame:
    shown = None if picture is None else Shown(picture, scale)
    height, width = (0, 0) if picture is None else picture.shape[:2]
    size = round(width * scale), round(height * scale)
    stamp = Stamp(0, index, index / FPS if time_s is None else time_s)
    return Frame(stamp, Picture(*size, tuple, full_range=True), shown)


@dataclass(eq=False)
class Scripted:
    """A detector that answers as it is told, and counts how often it was asked."""

    answer: Callable[[View], Sequence[Detection]] = lambda view: ()
    name: str = "scripted"
    asked: int = 0

    def detect(self, view: View) -> Sequence[Detection]:
        self.asked += 1
        return self.answer(view)

    def close(self) -> None: ...


@dataclass
class Bench:
    """An observer with one detector for each kind of pass."""

    main: Scripted = field(default_factory=Scripted)
    further: tuple[Scripted, ...] = field(default_factory=lambda: (Scripted(), Scripted()))
    contrast: Scripted = field(default_factory=Scripted)
    cadence: Cadence = CADENCE

    def __post_init__(self) -> None:
        self.observer = CadenceObserver(
            [Pass(self.main)],
            [Rota([Pass(f) for f in self.further], FURTHER_S)],
            [Pass(self.contrast)],
            self.cadence,
            SIZE,
        )

    def looks(self, frames: Sequence[Frame]) -> list[int]:
        """Return the frames that were looked at."""
        found = [self.observer.observe(f) for f in frames]
        return [o.stamp.index for o in found if not isinstance(o.sight, Between)]


def test_it_looks_on_a_cadence() -> None:
    bench = Bench()
    assert bench.looks([frame(i) for i in range(10)]) == [0, 3, 6, 9]
    assert bench.main.asked == 4


@pytest.mark.parametrize(("lag", "looked_at"), [(0, [0, 1, 2, 3, 4, 5]), (1, [0, 2, 4]), (6, [0, 3, 6, 9])])
def test_it_looks_in_time_for_a_tracker_with_a_short_lag(lag: int, looked_at: list[int]) -> None:
    observer = CadenceObserver([Pass(Scripted())], (), (), CADENCE, SIZE, most_unlooked=lag)
    found = [observer.observe(frame(i)) for i in range(looked_at[-1] + 1)]
    assert [o.stamp.index for o in found if not isinstance(o.sight, Between)] == looked_at


@pytest.mark.parametrize("fps", [15, 25, 60, 120])
@pytest.mark.parametrize("lag", [0, 1, 2, 6])
@pytest.mark.parametrize("look_share", [1.0, 2.0])
def test_a_face_is_covered_from_its_first_frame_on(look_share: float, lag: int, fps: int) -> None:
    """Whatever the frame rate, the lag and the load, and wherever between two looks it comes."""
    for onset in range(30, 38):
        seen = Scripted()
        observer = CadenceObserver([Pass(seen)], (), (), PRESETS["balanced"].cadence, SIZE, most_unlooked=lag)
        observer.shed(1.0, look_share)
        tracker = FixedLagSmoother(lag)
        covers: list[Cover] = []
        for index in range(onset + 40):
            if index == onset:
                seen.answer = _one(GOOD, 0.9)
            covers += tracker.push(observer.observe(frame(index, time_s=index / fps)))
        assert [c.stamp.index for c in covers if c.stamp.index >= onset and not c.regions] == []


def test_a_cadence_of_nought_is_every_frame() -> None:
    assert Bench(cadence=replace(CADENCE, look_s=0)).looks([frame(i) for i in range(5)]) == list(range(5))


def test_it_looks_at_the_last_frame() -> None:
    frames = [frame(i) for i in range(5)]
    assert Bench().looks([*frames[:4], replace(frames[4], last=True)]) == [0, 3, 4]


def test_it_looks_at_damaged_frames() -> None:
    frames = [replace(frame(i), damaged=i in (1, 2, 5)) for i in range(7)]
    assert Bench().looks(frames) == [0, 1, 2, 5]


def test_it_looks_where_a_scene_starts_with_all_it_has() -> None:
    bench = Bench()
    frames = [frame(0), frame(1), frame(2, ELSEWHERE), frame(3, ELSEWHERE)]
    found = [bench.observer.observe(f) for f in frames]
    assert [o.scene_start for o in found] == [False, False, True, False]
    assert [isinstance(o.sight, Seen) for o in found] == [True, False, True, False]
    assert [f.asked for f in bench.further] == [2, 2]


def test_it_looks_at_once_where_a_still_picture_changes_unless_there_is_too_much_to_do() -> None:
    popped = rgb(marked(STILL[..., 0], 100, 40))
    frames = [frame(i, popped if i in (16, 17, 22) else STILL) for i in range(26)]
    assert Bench().looks(frames) == [0, 3, 6, 9, 12, 15, 16, 18, 21, 22, 23, 24]
    busy = Bench()
    busy.observer.shed(1.0, 2.0)
    assert busy.looks(frames) == [0, 6, 12, 18, 24]


def test_the_further_passes_take_turns() -> None:
    bench = Bench(further=(Scripted(), Scripted(), Scripted()))
    bench.looks([frame(i) for i in range(70)])
    asked = [f.asked for f in bench.further]
    assert sum(asked) in range(3 + 5, 3 + 8)
    assert max(asked) - min(asked) <= 1


def test_a_pass_that_is_named_twice_has_two_turns_and_looks_once_at_a_new_scene() -> None:
    often, rarely = Pass(Scripted()), Pass(Scripted())
    rota = Rota([often, often, rarely], every_s=0.2)
    assert rota.everyone(0.0) == [often, rarely]
    assert [rota.due(0.2 * i, 1.0) for i in range(1, 7)] == 2 * [[often], [often], [rarely]]


def test_turns_keep_their_pace_where_looks_come_in_other_steps() -> None:
    bench = Bench(further=(Scripted(),))
    looks = bench.looks([frame(i) for i in range(251)])
    assert bench.further[0].asked == int(looks[-1] / FPS / FURTHER_S) + 1


def test_a_rota_that_nobody_asked_for_long_makes_up_for_a_round() -> None:
    passes = [Pass(Scripted()) for _ in range(3)]
    rota = Rota(passes, every_s=0.2)
    asked = [rota.due(t, 1.0) for t in (0.0, 0.4, 0.41, 5.0, 5.01, 5.22)]
    assert asked == [passes[:1], passes[1:], [], passes, [], passes[:1]]


@pytest.mark.parametrize("doubt", [0.0, 0.17])
def test_a_pass_that_was_helpful_looks_again_sooner(doubt: float) -> None:
    """A score under that of any cover, in the upright picture, does not make the face a known one."""
    helpful = Scripted(_one(GOOD, 0.6))
    rota = Rota([Pass(helpful)], every_s=1.0, again_s=0.24)
    observer = CadenceObserver([Pass(Scripted(_one(GOOD, doubt)))], [rota], (), CADENCE, SIZE)
    for i in range(25):
        observer.observe(frame(i))
    assert helpful.asked == 5


def test_two_passes_that_are_helpful_both_look_again_sooner() -> None:
    """One sees who lies on the left, the other who is upside down."""
    helpful = [Scripted(_one(GOOD, 0.6)), Scripted(_one(GOOD.moved(100, 0), 0.6)), Scripted()]
    rota = Rota([Pass(one) for one in helpful], every_s=10.0)
    observer = CadenceObserver([Pass(Scripted())], [rota], (), CADENCE, SIZE)
    for i in range(25):
        observer.observe(frame(i))
    assert [one.asked for one in helpful] == [9, 9, 1]


def test_a_pass_that_adds_nothing_waits_for_its_turn() -> None:
    known = Scripted(_one(GOOD, 0.6))
    rota = Rota([Pass(known)], every_s=1.0, again_s=0.24)
    observer = CadenceObserver([Pass(Scripted(_one(GOOD, 0.9)))], [rota], (), CADENCE, SIZE)
    for i in range(50):
        observer.observe(frame(i))
    assert known.asked == 2


def test_shedding_makes_every_look_rarer() -> None:
    bench = Bench()
    bench.observer.shed(1.0, 2.0)
    assert bench.looks([frame(i) for i in range(41)]) == list(range(0, 41, 6))
    assert sum(f.asked for f in bench.further) == 2 + 1


def test_shedding_leaves_out_who_wants_a_larger_picture_than_the_view_is_left() -> None:
    """Two cores too slow for a crowd showed 7.5 frames a second of it with that picture, 12 without."""
    usual, large = Scripted(), Scripted(_one(GOOD, 0.6))
    rota = Rota([Pass(usual, side=320), Pass(usual, side=320), Pass(large, side=600)], every_s=0.12)
    observer = CadenceObserver([Pass(Scripted())], [rota], (), CADENCE, SIZE)
    asked = []
    for i, share in enumerate((1.0, 0.5, 1.0)):
        observer.shed(share, 1.0)
        before = usual.asked, large.asked
        for k in range(30 * i, 30 * (i + 1)):
            observer.observe(frame(k))
        asked.append((usual.asked - before[0], large.asked - before[1]))
    assert asked[1] == (10, 0)
    assert min(asked[0][1], asked[2][1]) >= 3


def test_a_rota_of_larger_pictures_alone_is_left_as_it_is() -> None:
    large = Pass(Scripted(), side=600)
    rota = Rota([large], every_s=0.2)
    rota.limit(320)
    assert rota.due(0.0, 1.0) == [large]


@pytest.mark.parametrize("times", [[0.0] * 40, [1e-7 * i for i in range(40)]])
def test_a_clock_that_stands_still_does_not_close_its_eyes(times: list[float]) -> None:
    looks = Bench().looks([frame(i, time_s=t) for i, t in enumerate(times)])
    assert max(b - a for a, b in pairwise(looks)) <= 30


@pytest.mark.parametrize("jump_s", [3600.0, -3600.0])
def test_it_looks_after_a_jump_of_the_clock(jump_s: float) -> None:
    frames = [frame(0), *(frame(i, time_s=jump_s + i / FPS) for i in range(1, 5))]
    assert Bench().looks(frames) == [0, 1, 4]


def test_low_contrast_brings_the_contrast_pass() -> None:
    bench = Bench()
    dull = np.asarray(100 + STILL // 16, np.uint8)
    bench.looks([frame(i) for i in range(4)])
    assert bench.contrast.asked == 0
    bench.looks([frame(i, dull) for i in range(4, 8)])
    assert bench.contrast.asked > 0


def test_faces_come_back_in_frame_pixels_with_a_small_grey_copy() -> None:
    box = Box(10, 20, 40, 60)
    bench = Bench(main=Scripted(lambda view: [Detection(box, 0.7, "scripted")]))
    seen = bench.observer.observe(frame(0, scale=4))
    assert isinstance(seen.sight, Seen)
    assert [face.box for face in seen.sight.faces] == [box.scaled(4, 4)]
    assert (seen.width, seen.height) == (1280, 720)
    assert seen.grey is not None
    assert seen.grey.shape == (90, 160)


@pytest.mark.parametrize(("score", "told"), [(0.15, 0), (0.2, 1)])
def test_what_an_exponent_leaves_under_the_floor_is_noise(score: float, told: int) -> None:
    """A turned pass's 0.15 is 0.0225 then: such boxes, thrice as large, once took the track of a face."""
    pale = Pass(Scripted(_one(GOOD, score)), exponent=2.0)
    seen = CadenceObserver([pale], (), (), CADENCE, SIZE).observe(frame(0))
    assert isinstance(seen.sight, Seen)
    assert len(seen.sight.faces) == told


# -- what fails -----------------------------------------------------------------------------------


def _raising(view: View) -> Sequence[Detection]:
    raise ValueError("out of order")


def _one(box: Box, score: float) -> Callable[[View], Sequence[Detection]]:
    return lambda view: [Detection(box, score, "scripted")]


GOOD = Box(10, 10, 40, 40)
BAD: dict[str, Callable[[View], Sequence[Detection]]] = {
    "raises": _raising,
    "score not a number": _one(GOOD, math.nan),
    "score above one": _one(GOOD, 1.5),
    "score below nought": _one(GOOD, -0.1),
    "box not a number": _one(Box(math.nan, 0, 10, 10), 0.9),
    "box without end": _one(Box(0, 0, math.inf, 10), 0.9),
}


@pytest.mark.parametrize("what", BAD)
@pytest.mark.parametrize("who", ["main", "further"])
def test_a_look_that_failed_is_no_look(what: str, who: str) -> None:
    bad = Scripted(BAD[what])
    bench = Bench(main=bad) if who == "main" else Bench(further=(bad,))
    sight = bench.observer.observe(frame(0)).sight
    assert isinstance(sight, Unseen)
    assert sight.reason.startswith("scripted ")


def test_after_a_failure_it_looks_at_every_frame_until_one_is_judged() -> None:
    """A frame between two failed looks would go out with nothing known about it."""
    calls = iter([_one(GOOD, 0.9), _raising, _raising, *[_one(GOOD, 0.9)] * 9])
    bench = Bench(main=Scripted(lambda view: next(calls)(view)))
    sights = [type(bench.observer.observe(frame(i)).sight) for i in range(9)]
    assert sights == [Seen, Between, Between, Unseen, Unseen, Seen, Between, Between, Seen]


def test_a_closed_detector_makes_the_frame_unseen() -> None:
    yunet = YuNet(FLOOR)
    yunet.close()
    observer = CadenceObserver([Pass(yunet)], (), (), CADENCE, SIZE)
    assert isinstance(observer.observe(frame(0, portrait())).sight, Unseen)


def test_a_frame_without_a_view_is_unseen() -> None:
    assert isinstance(Bench().observer.observe(frame(0, None)).sight, Unseen)


# -- several detectors ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def yunet() -> Iterator[YuNet]:
    made = YuNet(FLOOR)
    yield made
    made.close()


def _faces(observation: Observation) -> int:
    sight: Sight = observation.sight
    return sum(f.box.iou(_UPSIDE_DOWN) > 0.5 for f in sight.faces) if isinstance(sight, Seen) else 0


_UPSIDE_DOWN = Box(320 - FACE.x1, 320 - FACE.y1, 320 - FACE.x0, 320 - FACE.y0)


def test_a_chin_that_one_of_them_sees_further_down_is_told() -> None:
    lower = Scripted(lambda view: [Detection(MASKED.grown(0, 0, 0, 12), 0.9, "lower")], "lower")
    main, further = [Pass(Scripted(_one(MASKED, 0.9)))], [Rota([Pass(lower)], FURTHER_S)]
    for ends_by, below in (("lower", 0.25), (None, None)):
        seen = CadenceObserver(main, further, (), CADENCE, SIZE, ends_by=ends_by).observe(frame(0)).sight
        assert isinstance(seen, Seen)
        assert [(face.box, face.below) for face in seen.faces] == [(MASKED, below)]


MASKED = Box(10, 10, 58, 58)


def test_a_doubtful_face_that_a_nearer_head_hides_is_believed_more() -> None:
    nearer, behind = Detection(MASKED, 0.9, "scripted"), Detection(MASKED.moved(40, 0), 0.18, "scripted")
    both = Scripted(lambda view: [nearer, behind])
    seen = CadenceObserver([Pass(both)], (), (), CADENCE, SIZE).observe(frame(0)).sight
    assert isinstance(seen, Seen)
    assert seen.faces[0] == nearer
    assert seen.faces[1].score > behind.score


def test_a_face_that_only_a_further_pass_sees_is_looked_for_with_every_look(yunet: YuNet) -> None:
    upside_down = np.ascontiguousarray(np.rot90(portrait(), 2))
    idle = [Pass(Scripted()) for _ in range(3)]
    rota = Rota([*idle, Pass(yunet, turned=180)], FURTHER_S)
    observer = CadenceObserver([Pass(Scripted())], [rota], (), CADENCE, SIZE)
    found = [observer.observe(frame(i, upside_down)) for i in range(31)]
    assert [o.stamp.index for o in found if _faces(o)] == list(range(0, 31, 3))
