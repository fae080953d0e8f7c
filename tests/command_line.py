"""The command line, run as a user does: a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import av

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "samples"
STREET = SAMPLES / "street.png"
WALK = SAMPLES / "walk.mp4"
FAST = ("--preset", "fast", "--detectors", "yunet", "--encoder-preset", "ultrafast")
_UNPRIVILEGED = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")

Done = subprocess.CompletedProcess[str]


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "stream_guard", *map(str, arguments)]


def run(*arguments: str | Path, cwd: Path | None = None, entered: str | None = None, **environ: str) -> Done:
    return _run(command(*arguments), cwd, entered, environ)


def run_unprivileged(*arguments: str | Path, **environ: str) -> Done:
    """Run a command that may no more than the owner of the files, even where the tests run as root."""
    return _run([*_UNPRIVILEGED, *command(*arguments)], None, None, environ)


def _run(asked: list[str], cwd: Path | None, entered: str | None, environ: dict[str, str]) -> Done:
    env = {**os.environ, "HOME": "/nonexistent", **environ}
    return subprocess.run(
        asked,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=cwd,
        env=env,
        input=entered or "",
    )


def said(done: Done) -> str:
    """Return the one line on stderr, after checking that it is one."""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


def frame_count(path: Path) -> int:
    with av.open(path) as container:
        return sum(1 for _ in container.decode(video=0))
