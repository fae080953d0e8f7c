"""Reports, contact sheets, keys and their verification by the command line: real processes, real files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from stream_guard.errors import ExitCode
from stream_guard.record.check import check_report
from tests.command_line import FAST, SAMPLES, STREET, WALK, command, run, said


def test_a_signed_record_of_an_edited_plan(tmp_path: Path) -> None:
    key = tmp_path / "office.key"
    made = run("keygen", key, entered="correct horse\n")
    assert made.returncode == 0, made.stderr
    plan, out = tmp_path / "plan.json", tmp_path / "out.mp4"
    assert run("detect", WALK, "-o", plan, *FAST[:4]).returncode == 0
    tree = json.loads(plan.read_text())
    for line in tree["frames"][5:9]:
        line["faces"].append({"track": 99, "box": [10, 10, 40, 50]})
    plan.write_text(json.dumps(tree))

    command = ("redact", WALK, "-o", out, "--plan", plan, "--report", "--sign-key", key, *FAST[4:])
    wrong = run(*command, entered="wrong\n")
    assert wrong.returncode == ExitCode.INPUT
    assert "wrong passphrase" in said(wrong)
    assert not out.exists()
    assert run(*command, entered="correct horse\n").returncode == 0

    report = Path(f"{out}.report.json")
    told = json.loads(report.read_text())
    assert told["manual_changes"] == [
        {"change": "face added", "track": 99, "first_frame": 5, "last_frame": 8}
    ]
    assert told["models"] == []
    record = ("verify", out, "--report", report, "--public-key", f"{key}.pub")
    intact = run(*record, "--plan", plan)
    assert intact.returncode == 0, intact.stdout
    assert f"its seal is {told['seal']}; not given, so not checked: input" in said(intact)
    assert "its pixels were not looked at" in intact.stdout
    report.write_bytes(report.read_bytes().replace(b"face added", b"face Added"))
    changed = run(*record, "--json", "-")
    assert changed.returncode == ExitCode.LEAK
    assert [f["what"] for f in json.loads(changed.stdout)["findings"]] == [
        "report: the section 'manual_changes' was changed"
    ]


@pytest.mark.parametrize("changed", ["input", "output", "report", "plan"])
def test_verify_finds_one_changed_byte_anywhere(tmp_path: Path, changed: str) -> None:
    files = {part: tmp_path / f"{part}.png" for part in ("input", "output", "report", "plan")}
    shutil.copy(STREET, files["input"])
    assert run("detect", files["input"], "-o", files["plan"], *FAST[:4]).returncode == 0
    wanted = ("--plan", files["plan"], "--report-to", files["report"])
    assert run("redact", files["input"], "-o", files["output"], *wanted).returncode == 0
    given = ("--against", files["input"], "--plan", files["plan"], "--report", files["report"])
    intact = run("verify", files["output"], *given)
    assert intact.returncode == 0, intact.stdout + intact.stderr

    content = bytearray(files[changed].read_bytes())
    content[-1] ^= ord("\n") ^ ord(" ") if changed in ("report", "plan") else 1
    files[changed].write_bytes(content)
    by = ("--against", files["input"]) if changed == "input" else ("--plan", files["plan"])
    done = run("verify", files["output"], *by, "--report", files["report"], "--json", "-")
    assert done.returncode == ExitCode.LEAK, done.stderr
    (found,) = json.loads(done.stdout)["findings"]
    assert (found["kind"], found["what"].partition(":")[0]) == ("record", changed)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "nothing to check OUT by"),
        (["--public-key", "key.pub", "--against", "in.mp4"], "add --report"),
        (["--report", "absent.json"], "absent.json: cannot read the report"),
    ],
)
def test_verify_needs_something_to_check_by(arguments: list[str], says: str) -> None:
    done = run("verify", STREET, *arguments)
    assert done.returncode in (ExitCode.USAGE, ExitCode.INPUT)
    assert says in said(done)


def test_the_report_lists_the_models_that_looked(tmp_path: Path) -> None:
    assert run("redact", STREET, "-o", tmp_path / "out.png", "--report", *FAST).returncode == 0
    told = json.loads((tmp_path / "out.png.report.json").read_text())
    assert [model["file"] for model in told["models"]] == ["face_detection_yunet_2023mar.onnx"]
    assert (told["plan"], told["manual_changes"], told["signed_by"]) == (None, [], None)


def test_a_key_needs_a_passphrase_and_a_report_to_sign(tmp_path: Path) -> None:
    none = run("keygen", tmp_path / "key", entered="")
    assert none.returncode == ExitCode.INPUT
    assert "no passphrase was given" in said(none)
    assert list(tmp_path.iterdir()) == []
    assert run("keygen", tmp_path / "key", "--no-passphrase").returncode == 0
    again = run("keygen", tmp_path / "key", "--no-passphrase")
    assert again.returncode == ExitCode.OUTPUT
    unsigned = run("redact", STREET, "-o", tmp_path / "out.png", "--sign-key", tmp_path / "key")
    assert unsigned.returncode == ExitCode.USAGE
    assert "add --report" in said(unsigned)


@pytest.mark.parametrize(
    ("passphrase", "says"),
    [
        (b"\xff\xfe\n", "is not valid UTF-8"),
        (b"x" * 1024 + b"\n", "has 1024 bytes; take one of 1023 at most"),
    ],
)
@pytest.mark.parametrize("locale", ["C.UTF-8", "POSIX"])
def test_a_passphrase_that_no_key_can_have(tmp_path: Path, passphrase: bytes, says: str, locale: str) -> None:
    asked, env = command("keygen", tmp_path / "key"), {**os.environ, "LC_ALL": locale}
    done = subprocess.run(asked, input=passphrase, capture_output=True, check=False, env=env)
    assert done.returncode == ExitCode.USAGE, done.stderr
    (line,) = done.stderr.decode().splitlines()
    assert says in line
    assert list(tmp_path.iterdir()) == []


def test_places_to_look_at_are_told_listed_and_shown(tmp_path: Path) -> None:
    """A threshold that the portrait's face does not reach makes it a near miss."""
    portrait, out, sheet = SAMPLES / "portrait.jpg", tmp_path / "out.png", tmp_path / "sheet.jpg"
    high = ("--confidence", "0.95", "--contact-sheet", sheet, "--report")
    done = run("redact", portrait, "-o", out, *high, *FAST)
    assert done.returncode == 0, done.stderr
    told = json.loads(Path(f"{out}.report.json").read_text())
    (place,) = told["review"]
    assert place["reason"] == "faint"
    assert f"1 place to look at, the riskiest first:\n  00:00.0  frame {place['frame']}" in done.stdout
    with Image.open(sheet) as image:
        assert image.format == "JPEG"
    assert check_report(Path(f"{out}.report.json"), {"contact_sheet": sheet}) == []


MAIN = "from stream_guard.cli.main import main; main()"


@pytest.mark.parametrize("more", ["--report-to", "--contact-sheet"])
def test_an_output_whose_report_or_sheet_finds_the_disk_full_is_told_to_stay(
    tmp_path: Path, more: str
) -> None:
    """No file may grow beyond what the output, but neither its report nor its sheet, needs."""
    source, beside = tmp_path / "in.png", tmp_path / "beside.png"
    Image.new("RGB", (64, 64)).save(source)
    script = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)); " + MAIN
    words = ["redact", source, "-o", tmp_path / "out.png", more, beside, "--progress", "none", *FAST]
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, words)], capture_output=True, text=True, check=False
    )
    assert done.returncode == ExitCode.OUTPUT, done.stderr
    assert said(done) == (
        f"error: {beside} cannot be written: File too large; {tmp_path / 'out.png'} is complete and stays."
    )
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.png", "out.png"]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--contact-sheet", "out.png"], "is another output"),
        (["--report", "--contact-sheet", "sheet.gif"], "is one of .png, .jpg, .jpeg"),
        (["--contact-sheet", "absent/sheet.png"], "does not exist"),
        (["--report-to", "out.png"], "is another output"),
    ],
)
def test_what_is_left_beside_the_output_has_a_name_of_its_own(
    tmp_path: Path, more: list[str], says: str
) -> None:
    done = run("redact", STREET, "-o", "out.png", *more, *FAST, cwd=tmp_path)
    assert done.returncode == ExitCode.OUTPUT
    assert says in said(done)
    assert list(tmp_path.iterdir()) == []
