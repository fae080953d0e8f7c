"""The command line as a user meets it: real processes, real files."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from stream_guard.cli.failure import worst
from stream_guard.detect.models import read_manifest
from stream_guard.errors import ExitCode
from tests.command_line import FAST, SAMPLES, STREET, WALK, command, frame_count, run, said


@pytest.mark.parametrize("arguments", [["--help"], ["redact", "--help"], ["doctor", "--help"], ["settings"]])
def test_help_loads_no_media_library(arguments: list[str]) -> None:
    code = (
        "import sys; from stream_guard.cli.main import commands\n"
        "try: commands.main(sys.argv[1:], standalone_mode=False)\n"
        "finally:\n"
        "    heavy = {'av', 'cv2', 'mediapipe', 'onnxruntime', 'PIL', 'numpy'} & set(sys.modules)\n"
        "    assert not heavy, heavy\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_importing_the_library_is_light() -> None:
    code = (
        "import sys, stream_guard; assert not {'av', 'cv2', 'numpy', 'pydantic', 'click'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["redcat", "x"], "no such command redcat; did you mean redact?"),
        (["redact", "--stlye", "solid", "x", "-o", "y"], "did you mean --style?"),
        (["--nope"], "no such option --nope"),
        (["redact", STREET], "'--output'"),
        (["redact", "-o", "y"], "INPUT"),
        (["redact", STREET, "-o", "y.png", "--style", "frots"], "did you mean frost?"),
        (["redact", STREET, "-o", "y.png", "--style", "classic"], "--allow-weak"),
        (["redact", STREET, "-o", "y.png", "--preset", "thoroug"], "did you mean thorough?"),
        (["redact", STREET, "-o", "y.png", "--detectors", "yunett"], "yunet"),
        (
            ["redact", STREET, "-o", "y.png", "--confidence", "nan"],
            "detect.confidence is 'nan' in option --confidence",
        ),
        (["redact", WALK, "-o", "y.mp4", "--codec", "h265"], "'h265' is unknown; choose one of h264, hevc"),
        (["redact", WALK, "-o", "y.mp4", "--codec", "h265"], ", auto-hw"),
        (["redact", STREET, "-o", "y.png", "--detectors", ""], "but should name one at least"),
        ([], "Missing command; see stream-guard --help"),
        (["redact", STREET, "-o", "y.png", "--config", "absent.toml"], "absent.toml: cannot read"),
        (["redact", STREET, WALK, "-o", "y.mp4"], "2 inputs need a folder"),
        (["redact", STREET, WALK, "-o", "y", "--plan", "p.json"], "--plan"),
        (
            ["redact", STREET, "-o", "y.png", "--cover-zone", "0,0 1,0 1,1", "--cover-zone", "0,0 1,1"],
            "zones.cover_zone is '0,0 1,0 1,1; 0,0 1,1' in option --cover-zone, but a zone should have 3",
        ),
        (["redact", STREET, STREET.parent / ".." / "samples" / STREET.name, "-o", "y"], "would both become"),
    ],
)
def test_wrong_usage_is_one_sentence_and_code_2(tmp_path: Path, arguments: list[str], says: str) -> None:
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == ExitCode.USAGE, done.stderr
    assert said(done).startswith("error: ")
    assert says in said(done)
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_setting_names_its_file(tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text("[redact]\nstlye = 'solid'\n")
    done = run("redact", STREET, "-o", "y.png", "--config", "my.toml", cwd=tmp_path)
    assert done.returncode == ExitCode.USAGE
    assert "unknown setting redact.stlye in file my.toml; did you mean redact.style?" in said(done)


def test_debug_shows_the_traceback() -> None:
    done = run("redact", "absent.mp4", "-o", "y.mp4", "--debug")
    assert done.returncode == ExitCode.INPUT
    assert "Traceback" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: absent.mp4")


def test_the_worst_code_wins() -> None:
    assert worst([ExitCode.DONE, ExitCode.COVERED_WHOLE]) == ExitCode.COVERED_WHOLE
    assert worst([ExitCode.OUTPUT, ExitCode.COVERED_WHOLE, ExitCode.INPUT]) == ExitCode.OUTPUT
    assert worst([]) == ExitCode.DONE


# -- the main job ---------------------------------------------------------------------------------


def test_a_video_with_its_report(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    done = run("redact", WALK, "-o", out, "--report", "--hold-s", "0.5")
    assert done.returncode == 0, done.stderr
    assert frame_count(out) == frame_count(WALK)
    told: dict[str, Any] = json.loads(Path(f"{out}.report.json").read_text())
    assert told["frames"]["in"] == told["frames"]["out"] == frame_count(out)
    assert told["settings"]["track"]["hold_s"] == 0.5
    assert told["tracks"]
    assert all(track["detected"] for track in told["tracks"])
    assert all(len(model["sha256"]) == 64 for model in told["models"])
    assert not any("sface" in model["file"] for model in told["models"])  # nobody was recognised here
    for side, path in (("input", WALK), ("output", out)):
        sum_ = subprocess.run(["sha256sum", path], capture_output=True, text=True, check=True).stdout.split()[
            0
        ]
        assert told[side]["sha256"] == sum_
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.mp4", "out.mp4.report.json"]


def test_a_picture_keeps_its_size_and_loses_its_faces(tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    assert run("redact", STREET, "-o", out, "--style", "solid", "--colour", "#00ff00").returncode == 0
    before, after = (np.asarray(Image.open(p).convert("RGB")) for p in (STREET, out))
    assert before.shape == after.shape
    rows = (SAMPLES / "street.boxes.csv").read_text().split()[1:]
    for x, y, w, h in ([float(v) for v in row.split(",")[2:6]] for row in rows):
        assert (after[int(y) : int(y + h), int(x) : int(x + w)] == (0, 255, 0)).all()


def test_several_inputs_go_on_after_a_bad_one(tmp_path: Path) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_text("this is not a video")
    out = tmp_path / "out"
    done = run("redact", STREET, bad, "absent.png", SAMPLES / "portrait.jpg", "-o", out, *FAST)
    assert done.returncode == ExitCode.INPUT
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 2
    assert "bad.mp4" in errors[0]
    assert "absent.png" in errors[1]
    assert sorted(p.name for p in out.iterdir()) == ["portrait.jpg", "street.png"]


def test_a_slash_at_the_end_makes_the_output_a_folder(tmp_path: Path) -> None:
    done = run("redact", STREET, "-o", f"{tmp_path}/new.folder/", *FAST)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (tmp_path / "new.folder").iterdir()] == ["street.png"]


def test_a_folder_that_was_made_goes_where_nothing_comes_into_it(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    for folder in (kept, tmp_path / "new" / "below"):
        done = run("redact", "absent.mp4", "absent.png", "-o", f"{folder}/", cwd=tmp_path)
        assert done.returncode == ExitCode.INPUT
    assert list(tmp_path.rglob("*")) == [kept]


def test_what_is_done_otherwise_than_asked_is_told(tmp_path: Path) -> None:
    done = run("redact", WALK, "-o", tmp_path / "out.webm", "--codec", "h264", *FAST)
    assert done.returncode == 0, done.stderr
    assert "note: " in done.stderr
    assert "out.webm: video coded as vp9: .webm files do not hold H.264 well" in done.stderr


@pytest.mark.parametrize("name", ["-dash.png", "two words.png", "100%d.png", "a:b.png", "ünï.png"])
def test_odd_names_work(tmp_path: Path, name: str) -> None:
    shutil.copy(STREET, tmp_path / name)
    done = run("redact", "-o", f"out{name}", *FAST, "--", name, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / f"out{name}").exists()


def test_an_output_name_may_begin_with_a_dash(tmp_path: Path) -> None:
    assert run("redact", STREET, "-o", "-out.png", *FAST, cwd=tmp_path).returncode == 0
    assert (tmp_path / "-out.png").exists()


def test_the_input_is_never_overwritten(tmp_path: Path) -> None:
    mine = tmp_path / "in.png"
    shutil.copy(STREET, mine)
    (tmp_path / "link.png").symlink_to(mine)
    for target in ("in.png", "link.png", "."):
        done = run("redact", "in.png", "-o", target, "--overwrite", cwd=tmp_path)
        assert done.returncode == ExitCode.OUTPUT
        assert "is the input itself" in said(done)
    assert mine.read_bytes() == STREET.read_bytes()


def test_an_existing_output_needs_overwrite(tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    out.write_text("precious")
    done = run("redact", STREET, "-o", out)
    assert done.returncode == ExitCode.OUTPUT
    assert "--overwrite" in said(done)
    assert out.read_text() == "precious"
    assert run("redact", STREET, "-o", out, "--overwrite", *FAST).returncode == 0
    assert out.read_bytes().startswith(b"\x89PNG")


def test_a_weak_style_is_marked(tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    done = run("redact", STREET, "-o", out, "--style", "classic", "--allow-weak", "--report", *FAST)
    assert done.returncode == 0
    assert "warning: " in done.stderr
    assert "weak" in done.stderr
    assert any("weak" in w for w in json.loads(Path(f"{out}.report.json").read_text())["warnings"])


def test_settings_from_the_environment_are_used(tmp_path: Path) -> None:
    done = run("redact", STREET, "-o", tmp_path / "out.png", STREAM_GUARD_REDACT_STYLE="classic")
    assert done.returncode == ExitCode.USAGE
    assert "--allow-weak" in said(done)


# -- plans ----------------------------------------------------------------------------------------


def test_a_plan_is_replayed_and_what_it_does_not_know_is_covered_whole(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    done = run("detect", WALK, "-o", plan, *FAST[:4])
    assert done.returncode == 0, done.stderr
    lines = plan.read_text().splitlines()
    tree = json.loads(plan.read_text())
    assert len(tree["frames"]) == frame_count(WALK)
    same = run("redact", WALK, "-o", tmp_path / "same.mp4", "--plan", plan)
    assert same.returncode == 0, same.stderr

    plan.write_text("\n".join(line for line in lines if not line.startswith('{"frame": 7,')))
    out = tmp_path / "gap.mp4"
    gap = run("redact", WALK, "-o", out, "--plan", plan, "--report", *FAST)
    assert gap.returncode == ExitCode.COVERED_WHOLE
    told = json.loads(Path(f"{out}.report.json").read_text())
    assert [(r["first_frame"], r["last_frame"]) for r in told["covered_whole"]] == [(7, 7)]
    with av.open(out) as container:
        frames = [f.to_ndarray(format="gray") for f in container.decode(video=0)]
    assert int(np.ptp(frames[7])) < 8 < int(np.ptp(frames[6]))


def test_a_plan_for_another_file_is_refused(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    assert run("detect", STREET, "-o", plan, *FAST[:4]).returncode == 0
    done = run("redact", WALK, "-o", tmp_path / "out.mp4", "--plan", plan)
    assert done.returncode == ExitCode.INPUT
    assert "made for street.png" in said(done)
    assert [p.name for p in tmp_path.iterdir()] == ["plan.json"]


OUTSIDE = {"track": 99, "box": [9000, 9000, 9100, 9100]}
INSIDE = {"track": 99, "box": [10, 10, 50, 60]}
NEVER = "frame 5, but the input has 1 frame(s)"


@pytest.mark.parametrize(
    ("added", "says"),
    [
        ({"frame": 0, "faces": [OUTSIDE]}, "track 99 in frame 0 lies outside the picture of 640x360"),
        ({"frame": 5, "faces": [INSIDE]}, NEVER),
        ({"frame": 5, "whole": "a guess"}, NEVER),
    ],
    ids=["outside the picture", "in no frame", "no frame to cover whole"],
)
def test_what_a_plan_could_not_cover_is_refused_and_found(
    tmp_path: Path, added: dict[str, Any], says: str
) -> None:
    plan, out = tmp_path / "plan.json", tmp_path / "out.png"
    assert run("detect", STREET, "-o", plan, *FAST[:4]).returncode == 0
    assert run("redact", STREET, "-o", out, "--plan", plan).returncode == 0
    tree = json.loads(plan.read_text())
    if added["frame"] == 0:
        tree["frames"][0]["faces"] += added["faces"]
    else:
        tree["frames"].append(added)
    plan.write_text(json.dumps(tree))
    done = run("redact", STREET, "-o", tmp_path / "again.png", "--plan", plan, "--progress", "none")
    assert done.returncode == ExitCode.INPUT
    assert says in said(done)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.png", "plan.json"]
    proof = run("verify", out, "--against", STREET, "--plan", plan, "--progress", "none", "--json", "-")
    assert proof.returncode == ExitCode.LEAK
    (finding,) = json.loads(proof.stdout)["findings"]
    assert finding["kind"] == "unjudged"
    assert finding["what"].startswith("the plan")


# -- progress ------------------------------------------------------------------------------------


def test_progress_for_machines_is_one_json_object_a_line(tmp_path: Path) -> None:
    done = run("redact", WALK, "-o", tmp_path / "out.mp4", "--progress", "json", *FAST)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[-1]["event"] == "done"
    assert events[-1]["percent"] == 100
    assert [e["frames"] for e in events] == sorted(e["frames"] for e in events)
    assert done.stderr == ""


def test_an_address_is_no_file_and_its_password_is_not_repeated(tmp_path: Path) -> None:
    done = run("redact", "rtsp://anna:geheim@127.0.0.1/cam", "-o", tmp_path / "out.mp4")
    assert done.returncode == ExitCode.USAGE
    assert "stream-guard live" in said(done)
    assert "geheim" not in done.stdout + done.stderr


def test_machines_are_told_what_a_proof_found(tmp_path: Path) -> None:
    proven = run("redact", STREET, "-o", tmp_path / "out.png", "--verify", "--progress", "json")
    refuted = run("verify", STREET, "--against", STREET, "--progress", "json")
    assert (proven.returncode, refuted.returncode) == (ExitCode.DONE, ExitCode.LEAK)
    good, bad = (json.loads(done.stdout.splitlines()[-1]) for done in (proven, refuted))
    assert (good["event"], good["passed"], good["findings"]) == ("verified", True, [])
    assert (bad["event"], bad["passed"]) == ("verified", False)
    assert all(finding["kind"] and finding["box"] for finding in bad["findings"])


def test_progress_on_a_terminal_is_a_bar(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    asked = command("redact", WALK, "-o", tmp_path / "out.mp4", *FAST)
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    with subprocess.Popen(asked, stdout=subprocess.DEVNULL, stderr=theirs, env=env) as process:
        os.close(theirs)
        shown = b""
        while chunk := _read(ours):
            shown += chunk
        assert process.wait(60) == 0
    os.close(ours)
    text = shown.decode(errors="replace")
    assert all(part in text for part in ("100%", "fps", "x ", "left", "faces"))


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # Linux says EIO where the other side has closed
        return b""


# -- the other commands ---------------------------------------------------------------------------


def test_settings_prints_a_settings_file(tmp_path: Path) -> None:
    done = run(
        "settings",
        "--style",
        "solid",
        STREAM_GUARD_TRACK_HOLD_S="2",
        STREAM_GUARD_JOBS_JOBS_FOLDER="/srv/\U0001f600",
    )
    tree = tomllib.loads(done.stdout)
    assert (tree["redact"]["style"], tree["track"]["hold_s"]) == ("solid", 2)
    assert "# option --style" in done.stdout
    assert "# variable STREAM_GUARD_TRACK_HOLD_S" in done.stdout
    (tmp_path / "again.toml").write_text(done.stdout)
    again = run("settings", "--config", "again.toml", cwd=tmp_path)
    assert tomllib.loads(again.stdout) == tree


def test_settings_prints_the_cameras_but_no_password(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        '[sources.door]\nurl = "rtsp://10.0.0.7/h264"\nuser = "viewer"\npassword = "s3cret"\n'
        '[sources.back-yard]\nurl = "rtsp://viewer:s3cret@10.0.0.8/h264"\n[sources.desk]\nurl = "whip:"\n'
        '[sources.shed]\nurl = "rtsp://viewer:s3cret@10.0.0.9:port/h264"\n'
    )
    variable = {"STREAM_GUARD_SOURCES_DESK_PASSWORD": "s3cret"}
    done = run("settings", "--config", "mine.toml", cwd=tmp_path, **variable)
    assert done.returncode == 0, done.stderr
    assert "s3cret" not in done.stdout
    sources = tomllib.loads(done.stdout)["sources"]
    usual = {"transport": "tcp", "audio": "keep", "loop": False}
    assert sources["door"] == {"url": "rtsp://10.0.0.7/h264", "user": "viewer", **usual}
    assert sources["back-yard"] == sources["shed"] == {"user": "", **usual}
    assert sources["desk"] == {"url": "whip:", "user": "", **usual}
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "# url = (secret) # file mine.toml" in lines
    assert "# password = (secret) # file mine.toml" in lines
    assert "# password = (secret) # variable STREAM_GUARD_SOURCES_DESK_PASSWORD" in lines


def test_models_are_listed_and_verified() -> None:
    done = run("models")
    assert done.returncode == 0
    assert done.stdout.count("verified") == len(read_manifest())
    assert "MIT" in done.stdout
    assert "Apache-2.0" in done.stdout


def test_doctor_finds_everything() -> None:
    done = run("doctor")
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("finds the face") >= 3
    assert "h264" in done.stdout
    assert done.stderr == ""
