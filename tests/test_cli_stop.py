"""How runs of the command line are stopped: what is said, what is left, and when nothing stops them."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stream_guard.errors import ExitCode
from tests.command_line import FAST, ROOT, WALK, command, frame_count
from tests.stations import until


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_the_run_and_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    asked = command(
        "redact", WALK, "-o", tmp_path / "out.mp4", "--progress", "json", "--encoder-preset", "slower"
    )
    with subprocess.Popen(asked, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()  # it is well under way
        process.send_signal(number)
        time.sleep(0.01)
        process.send_signal(number)  # an impatient user
        _, errors = process.communicate(timeout=60)
    assert process.returncode == ExitCode.STOPPED, errors
    assert errors == f"error: stopped by {number.name}; nothing was written for the file in work\n"
    assert list(tmp_path.iterdir()) == []


CONSOLE_SCRIPT = (
    "import sys, tomllib; from importlib import import_module\n"
    "script = tomllib.load(open('pyproject.toml', 'rb'))['project']['scripts']['stream-guard']\n"
    "module, _, name = script.partition(':')\n"
    "getattr(import_module(module), name)()\n"
)


@pytest.mark.parametrize("how", [["-m", "stream_guard"], ["-c", CONSOLE_SCRIPT]])
def test_ctrl_c_is_answered_while_the_packages_are_loaded(tmp_path: Path, how: list[str]) -> None:
    (tmp_path / "click.py").write_text("import time; print('loading', flush=True); time.sleep(60)")
    env = {**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    asked = [sys.executable, *how, "settings"]
    with subprocess.Popen(asked, cwd=ROOT, env=env, stdout=-1, stderr=-1, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=10)
    assert process.returncode == ExitCode.STOPPED, errors
    assert errors == "error: stopped by SIGINT; nothing was written for the file in work\n"


def _begun(folder: Path) -> bool:
    return any(folder.glob(".out.*.part.mp4"))


def test_a_terminal_that_is_closed_stops_the_run(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    asked = ["setsid", "--ctty", *command("redact", WALK, "-o", tmp_path / "out.mp4")]
    with subprocess.Popen(asked, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        assert until(lambda: _begun(tmp_path), 20)
        os.close(ours)
        assert process.wait(20) == ExitCode.STOPPED
    assert list(tmp_path.iterdir()) == []


def test_nohup_outlives_its_terminal(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    with subprocess.Popen(["nohup", *command("redact", WALK, "-o", out, *FAST)], stdout=-1) as process:
        assert until(lambda: _begun(tmp_path), 20)
        process.send_signal(signal.SIGHUP)
        assert process.wait(60) == 0
    assert out.exists()


def test_verify_is_stopped_while_a_detector_looks() -> None:
    asked = command("verify", WALK, "--against", WALK, "--progress", "json")
    with subprocess.Popen(asked, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=10)
    assert process.returncode == ExitCode.STOPPED, errors
    assert errors == "error: stopped by SIGINT; nothing was written for the file in work\n"


@pytest.mark.parametrize("again", [False, True])
def test_who_stops_the_proof_is_told_that_the_output_is_there(tmp_path: Path, again: bool) -> None:
    out = tmp_path / "out.mp4"
    if again:
        out.touch()
    asked = command("redact", WALK, "-o", out, "--verify", "--overwrite", "--progress", "none", *FAST)
    with subprocess.Popen(asked, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while not (out.exists() and out.stat().st_size):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=10)
    assert process.returncode == ExitCode.STOPPED, errors
    assert errors == f"error: stopped by SIGINT; {out} is there, but not proven\n"
    assert frame_count(out) == frame_count(WALK)
