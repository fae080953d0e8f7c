"""Clips whose faces are known to the pixel, detectors that fail as told, and the score of what is covered.

Pictures are painted from `samples/`: the head of the portrait moves over the wall of the street.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stream_guard.model.frame import Frame, Stamp
from stream_guard.model.geometry import Box
from stream_guard.model.picture import Channel, Component, Picture
from stream_guard.model.ports import Tracker
from stream_guard.model.verdict import Between, Cover, Detection, Observation, Seen, Sight
from stream_guard.redact.render import MaskRedactor
from stream_guard.redact.styles.solid import solid

SAMPLES: Final = Path(__file__).resolve().parent.parent / "samples"
WIDTH, HEIGHT, FPS, FRAMES = 480, 270, 25, 150
COUNTS: Final = 0.5
"""A face counts as long as so much of it is inside the picture; detectors find it from FOUND on."""
FOUND: Final = 0.6
_PORTRAIT_FACE: Final = Box(110, 66, 210, 180)
_HEAD: Final = (160, 116, 82, 104)
"""Centre and half axes of the ellipse that is cut out of the portrait."""
_WALL: Final = np.s_[0:136, 330:580]
"""The part of the street that shows nothing but bricks."""

Grey = NDArray[np.uint8]
Rgb = NDArray[np.uint8]


# -- what is to be seen ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Actor:
    """One face and how it moves through the world."""

    place: Callable[[int], tuple[float, float, float]]
    """Returns centre x, centre y and width of the face in a frame, in pixels of the world."""
    first: int = 0
    last: int = FRAMES - 1
    """It appears with the one frame and is gone after the other."""
    turn: Callable[[int], float] = lambda frame: 0.0
    """Returns how far the head is turned in the picture plane, in degrees."""


@dataclass(frozen=True)
class Clip:
    """A scene and the camera that films it."""

    name: str
    actors: tuple[Actor, ...]
    camera: Callable[[int], tuple[float, float, float]] = lambda frame: (0.0, 0.0, 1.0)
    """Returns the world's x and y at the picture's upper left corner, and the zoom."""
    dark: Callable[[int], bool] = lambda frame: False
    """Tells the frames in which the light is off: nothing is found and next to nothing can be seen."""


def _line(
    x0: float, y0: float, w0: float, x1: float, y1: float, w1: float, nod: float = 2
) -> Callable[[int], tuple[float, float, float]]:
    """Return a straight way through the clip, with a nodding head."""

    def place(frame: int) -> tuple[float, float, float]:
        share = frame / (FRAMES - 1)
        return (
            x0 + (x1 - x0) * share,
            y0 + (y1 - y0) * share + nod * math.sin(frame / 2.3 + x0),
            w0 + (w1 - w0) * share,
        )

    return place


CLIPS: Final = (
    Clip(
        "moving",
        (
            Actor(lambda i: (60 + 2.4 * i, 70 + 25 * math.sin(i / 11), 34)),
            Actor(_line(430, 190, 28, 60, 200, 28)),
            Actor(lambda i: (240 + 60 * math.sin(i / 9), 130, 16)),
        ),
    ),
    Clip(
        "zooming",
        (Actor(_line(120, 100, 16, 150, 140, 100)), Actor(_line(350, 130, 80, 380, 90, 18, nod=1))),
    ),
    Clip(
        "entering and leaving",
        (
            Actor(_line(-60, 80, 40, 560, 88, 40)),
            Actor(lambda i: (540 - 9.0 * (i - 20), 150, 44)),
            Actor(lambda i: (130, 300 - 1.5 * abs(((i + 45) % 90) - 45), 36)),
            Actor(_line(330, 28, 30, 340, 30, 30), first=40, last=110),
        ),
    ),
    Clip(
        "moving camera",
        (
            Actor(_line(300, 250, 36, 300, 250, 36, nod=0)),
            Actor(_line(420, 280, 26, 560, 300, 30)),
            Actor(_line(760, 230, 44, 640, 240, 44)),
        ),
        camera=lambda i: (
            150 + 2.2 * i + 5 * math.sin(1.9 * i),
            150 + 4 * math.sin(1.3 * i + 1),
            1 + 0.15 * math.sin(i / 20),
        ),
    ),
)
CROSSING: Final = Clip(
    "crossing", (Actor(_line(40, 140, 36, 440, 140, 36)), Actor(_line(430, 130, 48, 60, 150, 48)))
)
"""Two people who pass each other, the one behind the other for half a second."""
DARK: Final = Clip("light off", CLIPS[0].actors, dark=lambda i: 45 <= i % 75 <= 63)
"""For three quarters of a second, twice, there is nothing but noise."""


def _shaking(px: float) -> Clip:
    """Return a clip whose camera jerks by up to two and a half times so many pixels a frame."""
    return Clip(
        "shaking camera",
        (
            Actor(_line(300, 250, 36, 480, 250, 36, nod=0)),
            Actor(_line(420, 280, 26, 560, 300, 30)),
            Actor(_line(560, 210, 20, 620, 215, 20)),
        ),
        camera=lambda i: (
            150 + 1.2 * i + px * (math.sin(1.9 * i) + 0.5 * math.sin(0.7 * i)),
            150 + 0.75 * px * math.sin(1.3 * i + 1),
            1 + 0.05 * math.sin(i / 9),
        ),
    )


SHAKING: Final = _shaking(8)
JERKING: Final = _shaking(12)
"""As of a camera on somebody who runs: the picture leaps by a twentieth of its width from frame to frame."""
TURNED: Final = Clip(
    "turned heads",
    tuple(
        Actor(_line(60 + 70 * n, y, w, 70 + 70 * n, y + 10, w), turn=lambda i, degrees=degrees: degrees)  # type: ignore[misc]
        for y, w in ((50, 13), (130, 16), (210, 20))
        for n, degrees in enumerate((60, 90, 120, 180, -120, -90))
    ),
)
"""Small heads that lie on their side or hang upside down and are never seen upright."""


def _visits(clip: Clip, actor: Actor, share: float) -> Iterator[range]:
    """Yield the stretches of frames in which at least that share of a face is inside the picture."""
    start = actor.first
    for frame in range(actor.first, actor.last + 2):
        box = _box(clip, actor, frame)
        if frame > actor.last or box.clipped(WIDTH, HEIGHT).area < share * box.area:
            if start < frame:
                yield range(start, frame)
            start = frame + 1


def _box(clip: Clip, actor: Actor, frame: int) -> Box:
    cx, cy, w = actor.place(frame)
    x, y, zoom = clip.camera(frame)
    return Box.around(
        zoom * (cx - x), zoom * (cy - y), zoom * w, zoom * w * _PORTRAIT_FACE.h / _PORTRAIT_FACE.w
    )


def painted(clip: Clip, frame: int) -> Rgb:
    """Return the picture of a frame, (HEIGHT, WIDTH, 3)."""
    x, y, zoom = clip.camera(frame)
    warp = np.array([[zoom, 0, -zoom * x], [0, zoom, -zoom * y]])
    canvas = np.asarray(cv2.warpAffine(_world(), warp, (WIDTH, HEIGHT)), np.uint8)
    for actor in clip.actors:
        if actor.first <= frame <= actor.last:
            canvas = _with_head(canvas, _box(clip, actor, frame), actor.turn(frame))
    if clip.dark(frame):
        noise = np.random.default_rng(frame).normal(8, 4, canvas.shape)
        return np.clip(0.04 * canvas + noise, 0, 255).astype(np.uint8)
    return canvas


def _with_head(canvas: Rgb, box: Box, degrees: float) -> Rgb:
    rows, columns = _pixels(box.inflated(0.8))
    part = canvas[rows, columns]
    if part.size:
        middle = (_PORTRAIT_FACE.cx, _PORTRAIT_FACE.cy)
        shift = np.array(
            [[0, 0, box.cx - columns.start - middle[0]], [0, 0, box.cy - rows.start - middle[1]]]
        )
        warp = cv2.getRotationMatrix2D(middle, degrees, box.w / _PORTRAIT_FACE.w) + shift
        head, share = (cv2.warpAffine(a, warp, part.shape[1::-1], flags=cv2.INTER_AREA) for a in _head())
        part[...] = np.rint(head * share[..., None] + part * (1 - share[..., None]))
    return canvas


def _pixels(box: Box) -> tuple[slice, slice]:
    """Return the rows and columns of the picture that a box touches."""
    inside = box.clipped(WIDTH, HEIGHT)
    return (
        slice(math.floor(inside.y0), math.ceil(inside.y1)),
        slice(math.floor(inside.x0), math.ceil(inside.x1)),
    )


@cache
def _head() -> tuple[Rgb, NDArray[np.float32]]:
    """Return the portrait and how much of each pixel belongs to the head."""
    portrait = _read("portrait.jpg")
    matte = np.zeros(portrait.shape[:2], np.float32)
    x, y, half_w, half_h = _HEAD
    cv2.ellipse(matte, (x, y), (half_w, half_h), 0, 0, 360, 1.0, -1)
    return portrait, np.asarray(cv2.GaussianBlur(matte, (0, 0), 2), np.float32)


@cache
def _world() -> Rgb:
    """Return a wall of bricks, larger than what any camera here sees."""
    wall = cv2.resize(_read("street.png")[_WALL], None, fx=1.5, fy=1.5, interpolation=cv2.INTER_LINEAR)
    twice = np.hstack([wall, wall[:, ::-1]])
    return np.tile(np.vstack([twice, twice[::-1]]), (2, 2, 1))


def _read(name: str) -> Rgb:
    with Image.open(SAMPLES / name) as picture:
        return np.asarray(picture.convert("RGB"))


@cache
def greys(clip: Clip) -> tuple[Grey, ...]:
    """Return the clip as the tracker sees it."""
    return tuple(
        np.asarray(cv2.cvtColor(painted(clip, i), cv2.COLOR_RGB2GRAY), np.uint8) for i in range(FRAMES)
    )


# -- detectors that fail --------------------------------------------------------------------------

DropOuts = Callable[[random.Random, range], set[int]]
"""Chooses, of the frames in which a face can be found, those in which it is not."""


def at_random(share: float) -> DropOuts:
    return lambda dice, alive: {i for i in alive if dice.random() < share}


def in_bursts(length: int, spare_s: float = 0.0) -> DropOuts:
    """Return bursts with 8 to 20 frames between them; `spare_s` after the face appeared there are none."""

    def choose(dice: random.Random, alive: range) -> set[int]:
        dropped: set[int] = set()
        start = alive.start + round(spare_s * FPS)
        while start < alive.stop:
            dropped |= set(range(start, start + length))
            start += length + dice.randint(8, 20)
        return dropped

    return choose


@dataclass(frozen=True)
class Drill:
    """A clip and what a detector finds in it that fails as told."""

    clip: Clip
    found: tuple[frozenset[int], ...]
    """Of each actor, the frames in which it is found."""
    look_every: int
    seed: int


def drill(clip: Clip, drop_outs: DropOuts, seed: int, look_every: int = 1) -> Drill:
    """Return a drill whose detector looks at one in so many frames."""
    dice = random.Random(seed)  # noqa: S311 - a drill, not a secret
    looks = {i for i in range(0, FRAMES, look_every) if not clip.dark(i)}
    found = tuple(
        frozenset(
            i for visit in _visits(clip, actor, FOUND) for i in looks & set(visit) - drop_outs(dice, visit)
        )
        for actor in clip.actors
    )
    return Drill(clip, found, look_every, seed)


def observations(made: Drill) -> Iterator[Observation]:
    """Yield what the detector sees; its boxes are off by a fiftieth of a face."""
    dice = random.Random(made.seed)  # noqa: S311 - a drill, not a secret
    for i, grey in enumerate(greys(made.clip)):
        faces = [
            Detection(_jittered(_box(made.clip, actor, i), dice), dice.uniform(0.5, 0.95), "synthetic")
            for actor, frames in zip(made.clip.actors, made.found, strict=True)
            if i in frames
        ]
        sight: Sight = Between() if i % made.look_every else Seen(tuple(faces))
        yield Observation(Stamp(0, i, i / FPS), WIDTH, HEIGHT, sight, grey)


def _jittered(box: Box, dice: random.Random) -> Box:
    dx, dy, zoom = (dice.gauss(0, 0.02) for _ in range(3))
    return Box.around(box.cx + dx * box.w, box.cy + dy * box.h, box.w * (1 + zoom), box.h * (1 + zoom))


def covers_of(made: Drill, tracker: Tracker) -> list[Cover]:
    """Return the final covers of all frames."""
    covers = [cover for observation in observations(made) for cover in tracker.push(observation)]
    return covers + list(tracker.flush())


# -- the score ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Score:
    """How well faces were covered; sums over clips and faces."""

    face_frames: int = 0
    exposed: int = 0
    """Face-frames in which any pixel of the face's ellipse shows."""
    visits: int = 0
    """Times that a face comes into the picture and leaves it."""
    visits_exposed: int = 0
    longest_leak: int = 0
    flicker: int = 0
    """Leaks between two covered frames of a visit."""
    at_entrance: int = 0
    """Exposed frames before the first covered one of a visit."""
    unknowable: int = 0
    """Exposed frames, counted nowhere else, that had to go out before the face was found at all."""

    @property
    def recall(self) -> float:
        """Covered share of the frames in which somebody could know of the face."""
        return 1 - self.exposed / self.face_frames if self.face_frames else 1.0

    @property
    def recall_of_all(self) -> float:
        exposed, frames = self.exposed + self.unknowable, self.face_frames + self.unknowable
        return 1 - exposed / frames if frames else 1.0

    def __add__(self, other: Score) -> Score:
        return Score(
            self.face_frames + other.face_frames,
            self.exposed + other.exposed,
            self.visits + other.visits,
            self.visits_exposed + other.visits_exposed,
            max(self.longest_leak, other.longest_leak),
            self.flicker + other.flicker,
            self.at_entrance + other.at_entrance,
            self.unknowable + other.unknowable,
        )


def score(made: Drill, covers: Sequence[Cover], lag: int) -> Score:
    """Judge covers that came `lag` frames late by what the renderer paints over faces that are known."""
    hidden = [_hidden(cover) for cover in covers]
    total = Score()
    for actor, found in zip(made.clip.actors, made.found, strict=True):
        for visit in _visits(made.clip, actor, COUNTS):
            covered = [_is_covered(hidden[i], _box(made.clip, actor, i)) for i in visit]
            first = min((i for i in visit if i in found), default=visit.start)
            late = max(0, first - lag - visit.start)
            total = total + _of_visit(covered[late:]) + Score(unknowable=covered[:late].count(False))
    return total


def _of_visit(covered: Sequence[bool]) -> Score:
    leaks = [len(run) for run in "".join(".X"[not c] for c in covered).split(".") if run]
    inner = "".join(".X"[not c] for c in covered).strip("X").split(".")
    first = next((i for i, c in enumerate(covered) if c), len(covered))
    return Score(
        face_frames=len(covered),
        exposed=sum(leaks),
        visits=1,
        visits_exposed=bool(leaks),
        longest_leak=max(leaks, default=0),
        flicker=sum(bool(run) for run in inner),
        at_entrance=first,
    )


def _hidden(cover: Cover) -> NDArray[np.bool_]:
    """Return the pixels that the renderer paints, (HEIGHT, WIDTH)."""
    samples = np.zeros((HEIGHT, WIDTH), np.uint8)
    picture = Picture(WIDTH, HEIGHT, lambda: (Channel(Component.LUMA, samples),), full_range=True)
    MaskRedactor(solid((255, 255, 255)), key=bytes(32)).render(Frame(cover.stamp, picture), cover)
    return samples > 0


def _is_covered(hidden: NDArray[np.bool_], face: Box) -> bool:
    rows, columns = _pixels(face)
    x, y = np.arange(columns.start, columns.stop) + 0.5, np.arange(rows.start, rows.stop)[:, None] + 0.5
    ellipse = ((x - face.cx) / (face.w / 2)) ** 2 + ((y - face.cy) / (face.h / 2)) ** 2 < 1
    return bool(hidden[rows, columns][ellipse].all())
