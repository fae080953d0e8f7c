"""Files and folders that may not be read, written or entered: one sentence, and the others are still done."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from stream_guard.errors import ExitCode
from tests.command_line import FAST, STREET, run_unprivileged, said

pytestmark = pytest.mark.skipif(shutil.which("setpriv") is None, reason="root may do anything")


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret.png"
    shutil.copy(STREET, path)
    path.chmod(0)
    return path


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0)
    yield folder
    folder.chmod(0o700)


def test_an_input_that_may_not_be_read_does_not_stop_the_others(tmp_path: Path, secret: Path) -> None:
    done = run_unprivileged("redact", secret, STREET, "-o", tmp_path / "out", "--progress", "none", *FAST)
    assert done.returncode == ExitCode.INPUT
    assert said(done).startswith(f"error: {secret}")
    assert "ermission" in said(done)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["street.png"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["detect", "SECRET", "-o", "x.json"], ExitCode.INPUT),
        (["redact", STREET, "-o", "x.png", "--plan", "SECRET"], ExitCode.INPUT),
        (["redact", STREET, "-o", "x.png", "--report", "--sign-key", "SECRET"], ExitCode.INPUT),
        (["redact", STREET, "-o", "x.png", "--config", "SECRET"], ExitCode.USAGE),
        (["verify", "SECRET", "--against", STREET], ExitCode.INPUT),
        (["verify", STREET, "--against", "SECRET"], ExitCode.INPUT),
        (["verify", STREET, "--report", "SECRET"], ExitCode.INPUT),
        (["evaluate", STREET, "--truth", "SECRET"], ExitCode.INPUT),
        (["evaluate", "SECRET", "--truth", STREET.with_name("street.boxes.csv")], ExitCode.INPUT),
        (["keygen", "SECRET", "--no-passphrase"], ExitCode.OUTPUT),
    ],
)
def test_what_may_not_be_read_is_told_in_the_tools_own_words(
    secret: Path, arguments: list[str | Path], code: ExitCode
) -> None:
    done = run_unprivileged(*(secret if part == "SECRET" else part for part in arguments))
    assert done.returncode == code, done.stderr
    assert said(done).startswith(f"error: {secret}")


@pytest.mark.parametrize(
    "arguments",
    [
        ["redact", STREET, "-o", "LOCKED/out.png", *FAST],
        ["redact", STREET, "-o", "LOCKED/deeper/out.png", *FAST],
        ["redact", STREET, STREET.with_name("portrait.jpg"), "-o", "LOCKED/deeper", *FAST],
        ["redact", STREET, "-o", "OUT.png", "--report-to", "LOCKED/out.json", *FAST],
        ["redact", STREET, "-o", "OUT.png", "--contact-sheet", "LOCKED/out.png", *FAST],
        ["detect", STREET, "-o", "LOCKED/plan.json", *FAST[:4]],
        ["verify", STREET, "--against", STREET, "--json", "LOCKED/found.json", "--progress", "none"],
        ["keygen", "LOCKED/office.key", "--no-passphrase"],
    ],
)
def test_a_folder_that_may_not_be_entered_is_an_output_error(
    tmp_path: Path, locked: Path, arguments: list[str | Path]
) -> None:
    named = [str(p).replace("LOCKED", str(locked)).replace("OUT", str(tmp_path / "out")) for p in arguments]
    done = run_unprivileged(*named)
    assert done.returncode == ExitCode.OUTPUT, done.stderr
    assert said(done).startswith(f"error: {locked}/")
    assert "Permission denied" in said(done) or "no permission" in said(done)
    assert [path.name for path in tmp_path.iterdir()] == ["locked"]


def test_settings_that_may_not_be_looked_for_are_not_taken_for_absent(locked: Path) -> None:
    done = run_unprivileged("settings", XDG_CONFIG_HOME=str(locked))
    assert done.returncode == ExitCode.USAGE
    assert "cannot look for the settings file" in said(done)
