"""Evaluation: what shows is found, what is covered is not, and every figure is what was made."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import stream_guard
from stream_guard.errors import InputError
from stream_guard.evaluate.detail import TOLERATED, exposed_share
from stream_guard.evaluate.score import Score, Tally, size_class
from stream_guard.evaluate.truth import read_truth
from tests.media import Clip, make
from tests.pictures import texture

ROOT = Path(__file__).parents[1]
WALK, STREET = ROOT / "samples" / "walk.mp4", ROOT / "samples" / "street.png"
HEADER = "frame,track,x,y,w,h,ignore\n"
Bgr = NDArray[np.uint8]
Painter = Callable[[int, int, int], NDArray[np.uint8]]

# -- truth -----------------------------------------------------------------------------------------


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "true.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_boxes_are_read_by_frame(tmp_path: Path) -> None:
    lines = "7,b,1.5,2,30,40.5,0\n7,a,5,5,9,9,\n9,a,5,5,9,9,1\n"
    truth = read_truth(written(tmp_path, "\ufeff" + HEADER + lines))
    assert list(truth.faces) == [7]
    first, second = truth.faces[7]
    assert (first.track, first.line, first.box.x0, first.box.h) == ("b", 2, 1.5, 40.5)
    assert second.track == "a"


def test_columns_may_come_in_any_order_and_without_ignore(tmp_path: Path) -> None:
    truth = read_truth(written(tmp_path, "track,w,h,x,y,frame,note\nme,30,40,1,2,0,hello\n"))
    assert truth.faces[0][0].box.x1 == 31


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "line 1 lacks the column(s) frame, track, x, y, w, h"),
        ("frame,track,x,y,w\n", "line 1 lacks the column(s) h"),
        (HEADER + "0,1,2,3,4,5,0\n0,2,2,3\n", "line 3 has not as many values"),
        (HEADER + "0,1,2,3,4,5,0,9\n", "line 2 has not as many values"),
        (HEADER + "0,1,left,3,4,5,0\n", "line 2 has 'left' for x"),
        (HEADER + "0,1,nan,3,4,5,0\n", "line 2 has 'nan' for x"),
        (HEADER + "0,1,1,3,4,5,yes\n", "line 2 has 'yes' for ignore"),
        (HEADER + "-1,1,1,3,4,5,0\n", "line 2 has the frame -1"),
        (HEADER + "1.5,1,1,3,4,5,0\n", "line 2 has the frame 1.5"),
        (HEADER + "0,1,1,3,0,5,0\n", "line 2 has a box of 0 x 5"),
        (HEADER + "0,1,1,3,4,5,0\n0,1,9,9,4,5,0\n", "line 3 has track 1 a second time in frame 0"),
        (HEADER + '0,"1,1,3,4,5,0\n', "line 2 is no CSV"),
        (b"\x89PNG\r\n", "is no text in UTF-8"),
    ],
)
def test_a_wrong_truth_is_one_sentence_with_its_line(tmp_path: Path, text: str | bytes, says: str) -> None:
    with pytest.raises(InputError) as refused:
        read_truth(written(tmp_path, text))
    assert says in str(refused.value)
    assert str(refused.value).startswith(str(tmp_path / "true.csv"))


def test_a_truth_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.csv cannot be read: No such file"):
        read_truth(tmp_path / "none.csv")


# -- the detail of a face --------------------------------------------------------------------------


def face(height: int) -> Bgr:
    small = texture(60, 60, 3)
    sized = cv2.resize(small, (height, height), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(sized, cv2.COLOR_GRAY2BGR), np.uint8)


HEIGHTS = pytest.mark.parametrize("height", [12, 30, 60, 150])


@HEIGHTS
def test_a_face_shows_as_it_is_and_after_a_codec(height: int) -> None:
    assert exposed_share(face(height), face(height)) == 1
    ok, coded = cv2.imencode(".jpg", face(height), [cv2.IMWRITE_JPEG_QUALITY, 80])
    assert ok
    assert exposed_share(face(height), np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)) == 1


@HEIGHTS
def test_a_face_does_not_show_through_a_blur_or_a_colour(height: int) -> None:
    blurred = np.asarray(cv2.GaussianBlur(face(height), (0, 0), height / 5), np.uint8)
    assert exposed_share(face(height), blurred) == 0
    assert exposed_share(face(height), np.full_like(face(height), 90)) == 0


def test_half_a_face_is_exposed() -> None:
    half = face(100)
    half[50:] = 0
    share = exposed_share(face(100), half)
    assert share is not None
    assert TOLERATED < 0.4 < share < 0.6


def test_other_detail_is_not_this_face() -> None:
    one, other = (cv2.cvtColor(texture(100, 100, seed), cv2.COLOR_GRAY2BGR) for seed in (1, 2))
    assert exposed_share(np.asarray(one, np.uint8), np.asarray(other, np.uint8)) == 0


def test_what_has_no_detail_cannot_be_judged() -> None:
    assert exposed_share(np.full((50, 50, 3), 80, np.uint8), face(50)) is None


def test_size_classes_are_half_open() -> None:
    heights = (9.99, 10, 15.99, 16, 0.1 + 15.9, 31.99, 32, 900)
    classes = ["under 10", "10-16", "10-16", "16-32", "16-32", "16-32", "32+", "32+"]
    assert [size_class(h) for h in heights] == classes


# -- clips -----------------------------------------------------------------------------------------

LARGE, SMALL = (20, 30, 40), (100, 50, 20)
"""Left, top and side of two faces."""


def painter(shown: Mapping[tuple[int, int, int], set[int]]) -> Painter:
    """Return what paints each face in the frames where it shows, and a grey square in all others."""

    def paint(width: int, height: int, index: int) -> NDArray[np.uint8]:
        picture = np.full((height, width, 3), 120, np.uint8)
        for (x, y, side), when in shown.items():
            picture[y : y + side, x : x + side] = face(side) if index in when else 60
        return picture

    return paint


def clip(folder: Path, name: str, shown: Mapping[tuple[int, int, int], set[int]], **changes: Any) -> Path:
    wanted = {"width": 160, "height": 120, "frames": 12, **changes}
    return make(folder / name, Clip(paint=painter(shown), **wanted))


def truth_of(folder: Path, frames: int = 12) -> Path:
    rows = [
        f"{i},{name},{x},{y},{side},{side},0\n"
        for i in range(frames)
        for name, (x, y, side) in (("large", LARGE), ("small", SMALL))
    ]
    return written(folder, HEADER + "".join(rows))


ALWAYS = set(range(12))


@pytest.fixture
def original(tmp_path: Path) -> Path:
    return clip(tmp_path, "in.mp4", {LARGE: ALWAYS, SMALL: ALWAYS})


def test_a_covered_clip_is_clean(tmp_path: Path, original: Path) -> None:
    score = stream_guard.evaluate(
        original, truth_of(tmp_path), clip(tmp_path, "out.mp4", {LARGE: set(), SMALL: set()})
    )
    assert score.face_frames == Tally(24, 24)
    assert (score.tracks, score.exposed_tracks, score.leaks, score.flicker) == (2, 0, (), 0)
    assert score.by_size["16-32"] == score.by_size["32+"] == Tally(12, 12)
    assert score.collateral == 0
    assert score.sound == "none"
    assert score.frames == (12, 12)


def test_leaks_are_told_by_track_and_time(tmp_path: Path, original: Path) -> None:
    redacted = clip(tmp_path, "out.mp4", {LARGE: {0, 1, 5}, SMALL: {10, 11}})
    score = stream_guard.evaluate(original, truth_of(tmp_path), redacted)
    assert [(k.track, k.first_frame, k.last_frame, k.frames) for k in score.leaks] == [
        ("large", 0, 1, 2), ("large", 5, 5, 1), ("small", 10, 11, 2),
    ]  # fmt: skip
    assert score.leaks[2].first_s == pytest.approx(0.4)
    assert score.face_frames == Tally(19, 24)
    assert (score.exposed_tracks, score.longest_leak) == (2, 2)
    assert score.flicker == 1  # only the one between two covered frames
    assert score.track_minutes == pytest.approx(24 / 25 / 60)
    assert score.flicker_per_track_minute == pytest.approx(1 / score.track_minutes)


def test_what_is_ignored_cut_off_or_plain_is_not_judged(tmp_path: Path, original: Path) -> None:
    rows = "0,a,20,30,40,40,1\n0,b,-10,30,15,40,0\n0,c,2,2,15,15,0\n0,d,20,30,40,40,0\n"
    score = stream_guard.evaluate(original, written(tmp_path, HEADER + rows), original)
    assert (score.face_frames, score.not_judged, score.tracks) == (Tally(0, 1), 2, 1)


def test_what_is_covered_beyond_the_faces_is_collateral(tmp_path: Path, original: Path) -> None:
    beyond = (110, 80, 30)
    redacted = clip(tmp_path, "out.mp4", {LARGE: set(), SMALL: set(), beyond: set()})
    score = stream_guard.evaluate(original, truth_of(tmp_path), redacted)
    faces = 80 * 80 + 40 * 40  # with half their size on each side
    assert score.looked_at_px == 3 * (160 * 120 - faces)  # frames 0, 5 and 10
    assert score.altered_px / 3 == pytest.approx(30 * 30, rel=0.15)
    quiet = stream_guard.evaluate(original, truth_of(tmp_path), original)
    assert (quiet.collateral, quiet.psnr_outside_db) == (0, None)


def test_lost_frames_and_shifted_times_are_told(tmp_path: Path, original: Path) -> None:
    late = clip(tmp_path, "late.mp4", {LARGE: set(), SMALL: set()}, stamps=[40 * i for i in range(8)] + [400])
    score = stream_guard.evaluate(original, truth_of(tmp_path), late)
    assert score.frames == (12, 9)
    assert score.time_shift_s == pytest.approx(0.08)
    assert (score.face_frames, score.without_frame) == (Tally(18, 18), 6)
    assert score.as_dict()["without_frame"] == 6
    done = command(tmp_path, original, "--truth", truth_of(tmp_path), "--redacted", late)
    assert "18 of 18 (100.00%); 6 more have no frame in the result" in done.stdout


def test_a_picture_is_no_copy_of_a_video() -> None:
    with pytest.raises(InputError, match="one is a picture, one a video"):
        stream_guard.evaluate(WALK, WALK.with_suffix(".boxes.csv"), STREET)


def test_a_result_of_another_size_is_judged_all_the_same(tmp_path: Path, original: Path) -> None:
    wide = make(
        tmp_path / "wide.mp4",
        Clip(
            320,
            240,
            12,
            paint=lambda w, h, i: np.kron(
                painter({LARGE: {3}, SMALL: set()})(160, 120, i), np.ones((2, 2, 1), np.uint8)
            ),
        ),
    )
    score = stream_guard.evaluate(original, truth_of(tmp_path), wide)
    assert (score.size, score.result_size) == ((160, 120), (320, 240))
    assert [(k.track, k.first_frame, k.frames) for k in score.leaks] == [("large", 3, 1)]


@pytest.mark.parametrize(
    ("had", "has", "says"),
    [(["aac"], ["aac"], "same packets"), (["aac"], ["mp2"], "coded anew"), (["aac"], [], "lost"),
     ([], ["aac"], "added")],
)  # fmt: skip
def test_the_sound_is_compared(tmp_path: Path, had: list[str], has: list[str], says: str) -> None:
    shown = {LARGE: ALWAYS}
    first, second = clip(tmp_path, "in.mp4", shown, sounds=had), clip(tmp_path, "out.mp4", shown, sounds=has)
    assert stream_guard.evaluate(first, written(tmp_path, HEADER), second).sound == says


def test_a_truth_of_another_clip_is_refused(tmp_path: Path, original: Path) -> None:
    with pytest.raises(InputError, match=r"line 26 has a face in frame 12, but the clip has 12 frame"):
        stream_guard.evaluate(original, truth_of(tmp_path, frames=13), original)


def test_a_turned_clip_is_judged_upright(tmp_path: Path) -> None:
    shown = {LARGE: {0}}
    turned = clip(tmp_path, "in.mp4", shown, frames=1, matrix=(0, 1, -1, 0))  # clockwise
    x, y, side = LARGE
    rows = f"0,a,{120 - y - side},{x},{side},{side},0\n"
    score = stream_guard.evaluate(turned, written(tmp_path, HEADER + rows), turned)
    assert (score.size, score.face_frames, score.not_judged) == ((120, 160), Tally(0, 1), 0)


# -- pictures, settings, the command ---------------------------------------------------------------


def test_a_picture_is_redacted_and_judged() -> None:
    score = stream_guard.evaluate(STREET, STREET.with_suffix(".boxes.csv"), preset="fast")
    assert score.face_frames == Tally(3, 3)
    assert score.flicker_per_track_minute is None
    assert score.frames == (1, 1)


def test_settings_reach_the_redaction() -> None:
    truth = STREET.with_suffix(".boxes.csv")
    weak: dict[str, Any] = {"style": "classic", "allow_weak": True, "preset": "fast", "confidence": 0.95}
    assert stream_guard.evaluate(STREET, truth, **weak).face_frames.covered < 3


def command(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stream_guard", "evaluate", *map(str, arguments)],
        capture_output=True, text=True, timeout=120, check=False,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "TMPDIR": str(folder)},
    )  # fmt: skip


def test_the_command_redacts_scores_and_leaves_nothing(tmp_path: Path) -> None:
    truth = WALK.with_suffix(".boxes.csv")
    done = command(tmp_path, WALK, "--truth", truth, "--preset", "fast", "--json", "--progress", "none")
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert told["face_frames"] == {"covered": 231, "total": 231, "recall": 1.0}
    assert told["leaks"] == []
    assert told["sound"] == "same packets"
    assert list(tmp_path.glob("stream-guard*")) == []


def test_the_table_names_what_shows(tmp_path: Path) -> None:
    done = command(tmp_path, STREET, "--truth", STREET.with_suffix(".boxes.csv"), "--redacted", STREET)
    assert done.returncode == 0
    assert "face-frames covered           0 of 3 (0.00%)" in done.stdout
    assert "  shows: track 1              0.00 to 0.00 s, 1 frame(s)" in done.stdout


def test_settings_for_a_finished_copy_are_refused(tmp_path: Path) -> None:
    truth = STREET.with_suffix(".boxes.csv")
    done = command(tmp_path, STREET, "--truth", truth, "--redacted", STREET, "--style", "solid")
    assert done.returncode == 2
    assert "leave them out" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_wrong_truth_is_an_input_error(tmp_path: Path) -> None:
    done = command(tmp_path, STREET, "--truth", written(tmp_path, HEADER + "0,1,x\n"), "--redacted", STREET)
    assert done.returncode == 3
    assert (
        done.stderr == f"error: {tmp_path / 'true.csv'} line 2 has not as many values as line 1 has names.\n"
    )


# -- agreement with the reference ------------------------------------------------------------------


def reference(footage: Path, original: Path, redacted: Path, truth: Path) -> dict[str, Any]:
    script = footage.parent / "eval" / "score.py"
    if not script.is_file():
        pytest.skip("no reference beside the footage")
    words = [sys.executable, str(script), str(original), str(redacted), str(truth)]
    found: dict[str, Any] = json.loads(subprocess.run(words, capture_output=True, check=True).stdout)
    return found


def test_the_reference_says_the_same(footage: Path, tmp_path: Path) -> None:
    original = footage / "videos" / "derived_pan_meeting_26.mp4"
    truth, redacted = original.with_suffix(".boxes.csv"), tmp_path / "out.mp4"
    stream_guard.redact(original, redacted, preset="fast", confidence=0.8)
    score, theirs = (
        stream_guard.evaluate(original, truth, redacted),
        reference(footage, original, redacted, truth),
    )
    require_agreement(score, theirs)
    assert score.psnr_outside_db == pytest.approx(theirs["psnr_outside"], abs=0.01)


def test_the_reference_says_the_same_of_a_picture(footage: Path, tmp_path: Path) -> None:
    original = footage / "images" / "cmumit_Argentina.jpg"
    truth, redacted = original.with_suffix(".boxes.csv"), tmp_path / "out.png"
    pixels = np.array(Image.open(original).convert("L"))
    pixels[:200] = 0
    Image.fromarray(pixels).save(redacted)
    score = stream_guard.evaluate(original, truth, redacted)
    require_agreement(score, reference(footage, original, redacted, truth))


def require_agreement(score: Score, theirs: dict[str, Any]) -> None:
    assert 0 < score.face_frames.covered < score.face_frames.total
    assert {
        "face_frames": score.face_frames.total,
        "covered": score.face_frames.covered,
        "tracks": score.tracks,
        "tracks_never_exposed": score.tracks - score.exposed_tracks,
        "leak_runs": len(score.leaks),
        "longest_leak": score.longest_leak,
        "flicker": score.flicker,
    }.items() <= theirs.items()
    assert list(score.frames) == theirs["frames"]
    assert score.collateral == pytest.approx(theirs["collateral"], abs=1e-4)
