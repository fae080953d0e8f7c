"""The main job on the shipped samples, judged by the pixels of the output alone."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import stream_guard
from stream_guard.flow.report import Report
from stream_guard.model.geometry import Box
from tests.media import frames, sound_packets

SAMPLES = Path(__file__).parents[1] / "samples"
WALK, STREET = SAMPLES / "walk.mp4", SAMPLES / "street.png"
Rgb = NDArray[np.uint8]

LEAST_PX = 16
"""Height of the smallest face that must be covered."""
SIDE = 48
SHOWS = 0.4
"""Correlation of fine detail from which a face counts as showing."""


# -- a scorer that trusts nothing but pixels ------------------------------------------------------


@dataclass(frozen=True)
class Face:
    track: str
    box: Box
    ignore: bool


def truth(path: Path) -> Mapping[int, Sequence[Face]]:
    """Return the true faces of each frame."""
    found: dict[int, list[Face]] = defaultdict(list)
    with path.open() as file:
        for row in csv.DictReader(file):
            x, y, w, h = (float(row[key]) for key in ("x", "y", "w", "h"))
            found[int(row["frame"])].append(Face(row["track"], Box(x, y, x + w, y + h), row["ignore"] == "1"))
    return found


def _detail(rgb: Rgb, box: Box) -> NDArray[np.float32]:
    """Return the fine detail of a box, (SIDE, SIDE): what a blur takes away first."""
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    scale = np.array([[SIDE / box.w, 0, -box.x0 * SIDE / box.w], [0, SIDE / box.h, -box.y0 * SIDE / box.h]])
    small = cv2.warpAffine(grey, scale, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(small - cv2.GaussianBlur(small, (0, 0), SIDE / 10), np.float32)


def _ellipse() -> NDArray[np.bool_]:
    y, x = (np.mgrid[0:SIDE, 0:SIDE] + 0.5) / (SIDE / 2) - 1
    return np.asarray(x**2 + y**2 < 0.95**2)


def likeness(original: Rgb, redacted: Rgb, box: Box) -> float:
    """Return how much of the face's detail is left, at the worst of its four quarters: 0 to 1."""
    before, after, inside = _detail(original, box), _detail(redacted, box), _ellipse()
    half = SIDE // 2
    quarters = [np.s_[y : y + half, x : x + half] for y in (0, half) for x in (0, half)]
    return max(_correlation(before[q][inside[q]], after[q][inside[q]]) for q in quarters)


def _correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    a, b = a - a.mean(), b - b.mean()
    if b.std() < 0.25 * a.std():
        return 0.0
    return float((a * b).mean() / (a.std() * b.std()))


def psnr(original: Rgb, redacted: Rgb, outside: NDArray[np.bool_]) -> float:
    error = (original[outside].astype(np.float64) - redacted[outside]) ** 2
    return float(10 * np.log10(255**2 / max(error.mean(), 1e-9)))


def away_from(faces: Sequence[Face], shape: tuple[int, ...], share: float) -> NDArray[np.bool_]:
    """Return which pixels lie farther from every face than a share of its size."""
    outside = np.ones(shape[:2], bool)
    for face in faces:
        box = face.box.inflated(share).clipped(shape[1], shape[0])
        outside[int(box.y0) : int(np.ceil(box.y1)), int(box.x0) : int(np.ceil(box.x1))] = False
    return outside


def _runs_of_exposure(shows: Sequence[bool]) -> int:
    """Return how often a track goes from covered to showing: flicker."""
    return sum(b and not a for a, b in pairwise(shows))


# -- the clip -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Job:
    report: Report
    path: Path
    before: Sequence[Rgb]
    after: Sequence[Rgb]


def _pictures(path: Path) -> list[Rgb]:
    return [f.to_ndarray(format="rgb24") for f in frames(path)]


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Job:
    out = tmp_path_factory.mktemp("walk") / "out.mp4"
    report = stream_guard.redact(WALK, out)
    return Job(report, out, _pictures(WALK), _pictures(out))


def test_the_scorer_knows_a_face_that_shows(walk: Job) -> None:
    picture = walk.before[40]
    noise = np.random.default_rng(1).normal(0, 6, picture.shape)
    noisy = np.asarray(np.clip(picture + noise, 0, 255), np.uint8)
    flat = np.full_like(picture, 90)
    for face in truth(SAMPLES / "walk.boxes.csv")[40]:
        half = flat.copy()
        half[:, : int(face.box.cx)] = picture[:, : int(face.box.cx)]
        assert likeness(picture, noisy, face.box) > 2 * SHOWS
        assert likeness(picture, half, face.box) > 2 * SHOWS
        assert likeness(picture, flat, face.box) == 0
        assert (
            likeness(picture, np.asarray(cv2.GaussianBlur(picture, (0, 0), 12), np.uint8), face.box) < SHOWS
        )


def test_every_face_of_the_walk_is_covered_in_every_frame(walk: Job) -> None:
    shown: dict[str, list[bool]] = defaultdict(list)
    for index, faces in truth(SAMPLES / "walk.boxes.csv").items():
        for face in faces:
            if not face.ignore and face.box.h >= LEAST_PX:
                left = likeness(walk.before[index], walk.after[index], face.box)
                shown[face.track].append(left >= SHOWS)
    assert {track: sum(shows) for track, shows in shown.items()} == dict.fromkeys("123", 0)
    assert sum(map(len, shown.values())) > 200
    assert {track: _runs_of_exposure(shows) for track, shows in shown.items()} == dict.fromkeys("123", 0)


def _changed(before: Rgb, after: Rgb) -> NDArray[np.uint8]:
    """Return 1 where a sample changed by more than an encoder changes it."""
    return np.asarray(cv2.absdiff(before, after).max(axis=2) > 40, np.uint8)


def _painted(before: Rgb, after: Rgb) -> NDArray[np.bool_]:
    """Return where something was painted, holes filled, with a rim for the soft edge."""
    filled = cv2.morphologyEx(_changed(before, after), cv2.MORPH_CLOSE, np.ones((25, 25), np.uint8))
    return np.asarray(cv2.dilate(filled, np.ones((25, 25), np.uint8)), bool)


def test_what_is_not_painted_stays_as_it_was(walk: Job) -> None:
    for before, after in zip(walk.before, walk.after, strict=True):
        outside = ~_painted(before, after)
        assert outside.mean() > 0.4
        assert psnr(before, after, outside) > 35


def test_little_more_than_the_faces_is_covered(walk: Job) -> None:
    faces = truth(SAMPLES / "walk.boxes.csv")
    shares = [
        (_changed(before, after) & away_from(faces[index], before.shape, 0.5)).mean()
        for index, (before, after) in enumerate(zip(walk.before, walk.after, strict=True))
    ]
    assert np.mean(shares) < 0.03


def test_frames_times_and_sound_are_those_of_the_input(walk: Job) -> None:
    assert [(f.time, f.width, f.height) for f in frames(walk.path)] == [
        (pytest.approx(f.time, abs=1e-3), f.width, f.height) for f in frames(WALK)
    ]
    assert sound_packets(walk.path) == sound_packets(WALK)
    assert walk.report.account.frames_in == walk.report.account.frames == len(walk.before)
    assert not walk.report.covered_whole


def test_the_track_of_a_face_does_not_fall_apart(walk: Job) -> None:
    assert 3 <= walk.report.faces <= 8


# -- the picture ----------------------------------------------------------------------------------


def test_every_face_of_the_street_is_covered_and_the_rest_untouched(tmp_path: Path) -> None:
    out = tmp_path / "street.png"
    stream_guard.redact(STREET, out)
    before, after = (np.asarray(Image.open(path).convert("RGB")) for path in (STREET, out))
    faces = truth(SAMPLES / "street.boxes.csv")[0]
    assert len(faces) >= 2
    assert max(likeness(before, after, face.box) for face in faces) < SHOWS
    untouched = (before == after).all(axis=2)
    assert untouched.mean() > 0.8
    assert before.shape == after.shape


# -- plan -----------------------------------------------------------------------------------------

SOLID: dict[str, Any] = {
    "preset": "fast", "detectors": "yunet", "style": "solid", "encoder_preset": "ultrafast", "quality": 5
}  # fmt: skip


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plan") / "plan.json"
    stream_guard.detect(WALK, path, **SOLID)
    return path


def _extents(report: Report) -> dict[int, tuple[int, int]]:
    return {t.track: (t.first_frame, t.last_frame) for t in report.account.tracks.values()}


def test_detecting_first_and_redacting_by_plan_covers_the_same(plan: Path, tmp_path: Path) -> None:
    direct, planned = tmp_path / "direct.mp4", tmp_path / "planned.mp4"
    at_once = stream_guard.redact(WALK, direct, **SOLID)
    by_plan = stream_guard.redact(WALK, planned, plan=plan, **SOLID)
    assert _extents(at_once) == _extents(by_plan)
    for a, b in zip(_pictures(direct), _pictures(planned), strict=True):
        # boxes are rounded to a hundredth of a pixel in a plan, so an edge may lie one pixel farther
        different = np.asarray(cv2.absdiff(a, b).max(axis=2) > 60, np.uint8)
        assert not cv2.erode(different, np.ones((4, 4), np.uint8)).any()


def test_a_frame_that_a_plan_leaves_out_is_covered_whole(plan: Path, tmp_path: Path) -> None:
    shorter, out = tmp_path / "plan.json", tmp_path / "out.mp4"
    lines = plan.read_text().splitlines()
    shorter.write_text("\n".join(line for line in lines if not line.startswith('{"frame": 60,')))
    report = stream_guard.redact(WALK, out, plan=shorter, **SOLID)
    assert [(r.first_frame, r.last_frame) for r in report.account.whole] == [(60, 60)]
    assert _pictures(out)[60].std() < 3
