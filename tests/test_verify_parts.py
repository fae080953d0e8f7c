"""The parts of `verify`: the measure, the pairing by time, the leftovers, and the command."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import stream_guard
from stream_guard.detect.passes import FLOOR
from stream_guard.detect.presets import PRESETS
from stream_guard.detect.registry import DETECTORS, INDEPENDENT
from stream_guard.detect.rota import is_due
from stream_guard.detect.zones import Ignored
from stream_guard.errors import ExitCode, InputError
from stream_guard.model.finding import Finding, Kind
from stream_guard.model.frame import Frame, Stamp
from stream_guard.model.geometry import Box
from stream_guard.model.polygon import Polygon
from stream_guard.model.verdict import Detection, Observation, Unseen
from stream_guard.record.keys import write_pair
from stream_guard.sources.file import FileSource
from stream_guard.verify.check import Check, Judges, mark_last
from stream_guard.verify.detail import exposure
from stream_guard.verify.leftovers import leftovers, repeated, tags_of
from stream_guard.verify.pairs import Pair, Pairing
from stream_guard.verify.planned import Planned
from stream_guard.verify.run import LOOK_S
from stream_guard.verify.sface import SFace
from stream_guard.verify.trails import How, Step, Trails
from tests.command_line import run, said
from tests.media import Clip, make
from tests.pictures import seen_from, texture
from tests.streams import FPS, frame

SAMPLES = Path(__file__).parents[1] / "samples"
WALK, STREET = SAMPLES / "walk.mp4", SAMPLES / "street.png"

# -- the measure ----------------------------------------------------------------------------------

FACE = Box(40, 30, 120, 130)


def test_a_bare_face_shows_and_a_covered_one_does_not() -> None:
    before = texture(160, 160, 1)
    covered = np.full_like(before, 90)
    assert exposure(before, before, FACE).share == 1
    assert not exposure(before, covered, FACE).shows
    assert not exposure(before, texture(160, 160, 2), FACE).shows
    assert not exposure(before, np.asarray(cv2.GaussianBlur(before, (0, 0), 25), np.uint8), FACE).shows


@pytest.mark.parametrize("height", [12, 18, 30, 100])
def test_half_a_face_shows_at_every_size(height: int) -> None:
    before = np.asarray(cv2.resize(texture(160, 160, 3), (2 * height, 2 * height)), np.uint8)
    after = np.full_like(before, 90)
    after[: height + 1] = before[: height + 1]
    box = Box.around(height, height, 0.8 * height, height)
    assert exposure(before, before, box).shows
    assert exposure(before, after, box).shows or height < 16


def test_a_slit_shows_wherever_the_box_lies() -> None:
    before = texture(160, 160, 7)
    after = np.full_like(before, 90)
    after[70:94] = before[70:94]
    assert all(exposure(before, after, FACE.moved(0, dy)).shows for dy in range(-12, 13))


def test_noise_and_light_do_not_hide_a_face() -> None:
    before = texture(160, 160, 4)
    noise = np.random.default_rng(5).normal(0, 8, before.shape)
    after = np.asarray(np.clip(before * 0.6 + 50 + noise, 0, 255), np.uint8)
    assert exposure(before, after, FACE).share == 1


def test_what_lies_outside_the_ellipse_or_has_no_texture_does_not_count() -> None:
    before = texture(160, 160, 6)
    after = before.copy()
    cv2.ellipse(after, (80, 80), (46, 58), 0, 0, 360, 90, -1)
    assert not exposure(before, after, FACE).shows
    flat = np.full_like(before, 120)
    assert not exposure(flat, flat, FACE).shows
    assert not exposure(before, before, Box(0, 0, 5, 5)).shows


# -- pairing --------------------------------------------------------------------------------------


def _at(times_s: Sequence[float]) -> list[Frame]:
    return [replace(frame(i), stamp=Stamp(0, i, t)) for i, t in enumerate(times_s)]


def _paired(before: Sequence[float], after: Sequence[float]) -> tuple[list[tuple[int, int]], list[Finding]]:
    pairing = Pairing(FPS)
    pairs = list(pairing.pairs(_at(before), _at(after)))
    assert pairing.frames_in == len(before)
    assert pairing.frames_out == len(after)
    return [(p.before.stamp.index, p.index) for p in pairs], pairing.findings()


EVEN = [i / FPS for i in range(8)]


def test_equal_times_pair_and_an_offset_of_all_is_none() -> None:
    late = [t + 1.4 for t in EVEN]
    rounded = [round(t + 0.0004, 3) for t in EVEN]
    for times in (EVEN, late, rounded):
        assert _paired(EVEN, times) == ([(i, i) for i in range(8)], [])


def test_a_missing_frame_is_named_and_the_rest_still_pairs() -> None:
    pairs, (finding,) = _paired(EVEN, EVEN[:3] + EVEN[4:])
    assert pairs == [(0, 0), (1, 1), (2, 2), (4, 3), (5, 4), (6, 5), (7, 6)]
    assert (finding.kind, finding.first_frame, finding.last_frame) == (Kind.FRAMES, 3, 3)


def test_frames_missing_at_the_end_are_one_finding() -> None:
    pairs, (finding,) = _paired(EVEN, EVEN[:5])
    assert len(pairs) == 5
    assert (finding.first_frame, finding.last_frame) == (5, 7)


def test_a_frame_too_many_is_named_and_still_checked() -> None:
    for after in ([*EVEN[:4], 3.3 / FPS, *EVEN[4:]], [*EVEN, 8 / FPS]):
        pairs, (finding,) = _paired(EVEN, after)
        assert len(pairs) == 9
        assert finding.what == "frames that the input does not have"


def test_a_shift_of_some_milliseconds_is_measured() -> None:
    _, (finding,) = _paired(EVEN, [t + (0.004 if i > 5 else 0) for i, t in enumerate(EVEN)])
    assert (finding.first_frame, finding.last_frame) == (6, 7)
    assert finding.figures["shift_s"] == pytest.approx(0.004)


@pytest.mark.parametrize(
    ("frames", "says"),
    [(30, "the clock went back at frame 30"), (10, "10 frame(s) had a time stamp not after")],
)
def test_a_clock_that_goes_back_is_mended_as_a_redaction_mends_it(
    tmp_path: Path, frames: int, says: str
) -> None:
    piece = make(tmp_path / "piece.ts", Clip(frames=frames)).read_bytes()
    source, out = tmp_path / "twice.ts", tmp_path / "out.mp4"
    source.write_bytes(piece + piece)
    report = stream_guard.redact(source, out, preset="fast", detectors=("yunet",))
    assert any(says in note for note in report.notes)
    of_itself = stream_guard.verify(source, source).findings
    assert Kind.FRAMES not in {finding.kind for finding in of_itself}
    assert stream_guard.verify(out, source).findings == ()


def test_the_last_pair_before_an_end_or_another_size_is_marked() -> None:
    pairs = [Pair(frame(i, epoch=i // 3), frame(i)) for i in range(5)]
    assert [pair.before.last for pair in mark_last(pairs)] == [False, False, True, False, True]


# -- following ------------------------------------------------------------------------------------


def _steps(count: int, first: int = 0) -> list[Step]:
    """Return frames of a world that moves 3 pixels a frame to the left."""
    world = texture(400, 200, 7)
    return [Step(seen_from(world, 200, 150, 3 * (first + i), 20), 200, 150) for i in range(count)]


def _seen(x: float) -> Detection:
    return Detection(Box.around(x, 70, 40, 50), 0.9, "yunet")


def test_a_face_seen_twice_is_checked_on_the_line_between() -> None:
    trails = Trails()
    trails.look(_steps(1), [_seen(120)], scene_start=False)
    steps = _steps(4, 1)
    trails.look(steps, [_seen(108)], scene_start=False)
    assert [s.box.cx for step in steps for s in step.sightings] == pytest.approx([117, 114, 111, 108])
    assert [s.how for step in steps for s in step.sightings] == [How.BETWEEN] * 3 + [How.SEEN]
    assert trails.count == 1


def test_a_face_is_followed_to_the_next_look_and_back_to_the_last() -> None:
    for first, second in (([_seen(120)], []), ([], [_seen(108)])):
        trails = Trails()
        trails.look(_steps(1), first, scene_start=False)
        steps = _steps(4, 1)
        trails.look(steps, second, scene_start=False)
        assert [s.box.cx for s in steps[1].sightings] == pytest.approx([114], abs=1.5)


def test_nothing_is_followed_over_a_cut() -> None:
    trails = Trails()
    trails.look(_steps(1), [_seen(120)], scene_start=False)
    steps = _steps(2, 1)
    trails.look(steps, [_seen(110)], scene_start=True)
    assert [len(step.sightings) for step in steps] == [1, 1]
    assert trails.count == 2


def test_faces_in_ignore_zones_may_show_unless_a_cover_zone_holds_them() -> None:
    left = Polygon(((0, 0), (0.5, 0), (0.5, 1), (0, 1)))
    low = Polygon(((0, 0.5), (1, 0.5), (1, 1), (0, 1)))
    ignored = Ignored((left,), (low,))
    at = [(20, 20), (80, 20), (20, 80)]
    assert [ignored.holds(Box.around(x, y, 10, 10), 100, 100) for x, y in at] == [True, False, False]


# -- leftovers ------------------------------------------------------------------------------------


def test_what_muxers_write_themselves_is_no_leftover(tmp_path: Path) -> None:
    source = make(tmp_path / "in.mp4", Clip(metadata={"title": "The Smith family"}))
    for name in ("out.mp4", "out.mkv", "out.mov", "out.ts"):
        out = FileSource(make(tmp_path / name, Clip()))
        opened = FileSource(source)
        assert list(leftovers(out.media, opened.media)) == []
        out.close()
        opened.close()


def test_a_tag_of_the_input_is_found_anywhere_in_the_output(tmp_path: Path) -> None:
    source = make(tmp_path / "in.mp4", Clip(metadata={"title": "The Smith family", "comment": "x"}))
    assert tags_of(source) == {"title": "The Smith family"}
    out = make(tmp_path / "out.mp4", Clip())
    assert list(repeated(out, tags_of(source))) == []
    out.write_bytes(out.read_bytes() + b"\0\0\0\x18freeThe Smith family")
    assert list(repeated(out, tags_of(source))) == ["title"]


# -- the command ----------------------------------------------------------------------------------


def test_the_command_lists_what_shows_and_leaves_with_6(tmp_path: Path) -> None:
    done = run("verify", STREET, "--against", STREET, "--progress", "none")
    assert done.returncode == ExitCode.LEAK
    assert said(done) == f"error: {STREET}: 3 finding(s); do not release it before each is explained"
    assert done.stdout.count("a face of the") == 3
    listed = tmp_path / "found.json"
    for target in ("-", listed):
        done = run("verify", STREET, "--against", STREET, "--progress", "none", "--json", target)
        assert done.returncode == ExitCode.LEAK
        text = done.stdout if target == "-" else listed.read_text()
        found = json.loads(text)
        assert not found["passed"]
        assert [f["kind"] for f in found["findings"]] == ["face"] * 3
        assert all(f["figures"]["correlation"] > 0.9 and len(f["box"]) == 4 for f in found["findings"])


def test_redact_verifies_its_output_and_reports_that(tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    done = run("redact", STREET, "-o", out, "--verify", "--report", "--progress", "none")
    assert done.returncode == ExitCode.DONE, done.stderr
    assert "verified, nothing found" in done.stdout
    report = json.loads((tmp_path / "out.png.report.json").read_text())
    assert report["verification"]["passed"]


def test_a_leak_of_a_redaction_is_told_and_the_file_kept(tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    weak = ("--style", "classic", "--allow-weak")
    done = run("redact", STREET, "-o", out, "--verify", "--report", *weak, "--progress", "none")
    assert done.returncode == ExitCode.LEAK, done.stdout
    assert out.exists()
    report = json.loads((tmp_path / "out.png.report.json").read_text())
    assert not report["verification"]["passed"]


def test_a_plan_and_zones_say_what_must_and_what_may_show(tmp_path: Path) -> None:
    plan, out, everywhere = tmp_path / "plan.json", tmp_path / "out.png", "0,0 1,0 1,1 0,1"
    stream_guard.detect(STREET, plan)
    stream_guard.redact(STREET, out, plan=plan)
    assert stream_guard.verify(out, STREET, plan=plan).passed
    planned = stream_guard.verify(STREET, STREET, plan=plan)
    assert len(planned.findings) == 6  # seen, and planned
    done = run("verify", STREET, "--against", STREET, "--ignore-zone", everywhere, "--progress", "none")
    assert done.returncode == ExitCode.DONE, done.stderr + done.stdout


def test_a_changed_byte_of_the_report_and_another_signer_are_found(tmp_path: Path) -> None:
    out, report, key = tmp_path / "out.png", tmp_path / "out.png.report.json", tmp_path / "key"
    write_pair(key, tmp_path / "key.pub", None)
    write_pair(tmp_path / "other", tmp_path / "other.pub", None)
    stream_guard.redact(STREET, out, report=True, signer=stream_guard.Signer.from_file(key))
    told = ("verify", out, "--against", STREET, "--progress", "none", "--report", report, "--public-key")
    assert run(*told, tmp_path / "key.pub").returncode == ExitCode.DONE
    done = run(*told, tmp_path / "other.pub")
    assert done.returncode == ExitCode.LEAK
    assert "another key" in " ".join(done.stdout.split())
    report.write_bytes(report.read_bytes().replace(b'"frost"', b'"solid"'))
    found = stream_guard.verify(out, STREET, report=report).findings
    assert found
    assert {finding.kind for finding in found} == {Kind.RECORD}


def test_a_frame_that_nobody_could_judge_is_a_finding() -> None:
    class Blind:
        def observe(self, frame: Frame) -> Observation:
            return Observation(frame.stamp, 96, 64, Unseen("the detector failed"))

        def close(self) -> None: ...

    yunet, mtcnn = DETECTORS["yunet"](FLOOR), INDEPENDENT["mtcnn"](FLOOR)
    check = Check(Judges(Blind(), [yunet], mtcnn, SFace()), Planned(), Ignored())
    list(check.take(Pair(frame(i), frame(i)) for i in range(2)))
    assert [(f.kind, f.first_frame) for f in check.findings] == [(Kind.UNJUDGED, 0), (Kind.UNJUDGED, 1)]


def test_a_picture_cannot_be_proven_against_a_video() -> None:
    with pytest.raises(InputError, match="one is a picture, one a video"):
        stream_guard.verify(STREET, WALK)


def test_a_face_that_recognition_still_knows_is_found(tmp_path: Path) -> None:
    """Shift the detail away, which the correlation needs, and leave a picture that a person knows."""
    source = SAMPLES / "portrait.jpg"
    pixels = np.asarray(Image.open(source).convert("RGB"))
    moved = np.roll(pixels, (5, 5), axis=(0, 1))
    out = tmp_path / "out.png"
    Image.fromarray(moved).save(out)
    (finding,) = stream_guard.verify(out, source).findings
    assert finding.what == "face recognition still knows a face of the input"
    assert finding.figures["likeness"] > 0.5


# -- when it looks --------------------------------------------------------------------------------


def _frames_between_looks(look_s: float, fps: float) -> int:
    return next(n for n in range(1, 100) if is_due(0.0, n / fps, look_s))


@pytest.mark.parametrize("preset", ["fast", "balanced"])
@pytest.mark.parametrize("fps", [24.0, 25.0, 30.0, 50.0, 60.0])
def test_it_looks_at_frames_that_the_redaction_did_not(fps: float, preset: str) -> None:
    """In those that both look at, redact has covered what it saw; what moves fast showed in the others."""
    theirs = _frames_between_looks(PRESETS[preset].cadence.look_s, fps)
    assert _frames_between_looks(LOOK_S, fps) % theirs
