"""Nothing here talks to the network: not on import, not when a detector is made, not in a whole run."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SAMPLES = Path(__file__).parents[1] / "samples"

_WATCHED = """
import sys
seen = []
network = ("socket.connect", "socket.getaddrinfo", "socket.gethostby", "socket.sendto", "urllib.Request")
sys.addaudithook(lambda event, args: seen.append((event, args)) if event.startswith(network) else None)
import stream_guard
stream_guard.redact(sys.argv[1], sys.argv[2], detectors="yunet,mediapipe", preset="thorough")
sys.exit(f"talked to the network: {seen}" if seen else 0)
"""

_PLAIN = "import sys, stream_guard; stream_guard.redact(sys.argv[1], sys.argv[2], preset='thorough')"


def _run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def test_python_opens_no_connection(tmp_path: Path) -> None:
    done = _run(sys.executable, "-c", _WATCHED, SAMPLES / "street.png", tmp_path / "out.png")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out.png").exists()


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_native_code_opens_no_connection(tmp_path: Path) -> None:
    log = tmp_path / "calls"
    traced: list[str | Path] = ["strace", "-f", "-qq", "-e", "trace=%network", "-o", log]
    if _run(*traced, "true").returncode:
        pytest.skip("tracing is not permitted here")
    done = _run(*traced, sys.executable, "-c", _PLAIN, SAMPLES / "street.png", tmp_path / "out.png")
    assert done.returncode == 0, done.stderr
    calls = [c for c in log.read_text().splitlines() if re.search(r"AF_INET|connect\(|sendto\(|sendmsg\(", c)]
    assert calls == []


def test_the_tracer_would_see_a_connection(tmp_path: Path) -> None:
    log = tmp_path / "calls"
    attempt = "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(('127.0.0.1', 9))"
    command: list[str | Path] = [
        "strace",
        "-f",
        "-qq",
        "-e",
        "trace=%network",
        "-o",
        log,
        sys.executable,
        "-c",
        attempt,
    ]
    if shutil.which("strace") is None or _run(*command).returncode:
        pytest.skip("tracing is not possible here")
    assert "connect(" in log.read_text()


def test_the_main_job_works_with_the_network_taken_away(tmp_path: Path) -> None:
    alone: list[str | Path] = ["unshare", "-rn"]
    if shutil.which("unshare") is None or _run(*alone, "true").returncode:
        pytest.skip("unshare is not permitted here")
    out = tmp_path / "out.mp4"
    done = _run(*alone, sys.executable, "-m", "stream_guard", "redact", SAMPLES / "walk.mp4", "-o", out)
    assert done.returncode == 0, done.stderr
    assert out.stat().st_size > 10_000
