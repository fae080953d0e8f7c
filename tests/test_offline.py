"""Nothing here talks to the network: not on import, not when a detector is made, not in a whole run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
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

_NATIVE = ("av", "cv2", "mediapipe", "numpy", "onnxruntime", "PIL", "pydantic_core", "cryptography")
_COLLECTORS = re.compile(
    rb"events\.data\.microsoft|OneCollector|google-analytics|play\.googleapis\.com/log|sentry\.io"
)
"""Addresses that libraries report their use to: onnxruntime 1.29 and later, mediapipe 0.10.35 and later."""

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


def _libraries(package: str) -> list[Path]:
    """Return the native libraries of a package, those that its wheel keeps beside it too."""
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    home = Path(spec.origin).parent
    beside = home.parent.glob(f"{package}*.libs")
    return [path for folder in (home, *beside) for path in folder.rglob("*.so*") if path.is_file()]


@pytest.mark.parametrize("package", _NATIVE)
def test_no_library_knows_where_to_report_to(package: str) -> None:
    """Reports may be sent long after a test has ended; a library that has no address cannot send any."""
    libraries = _libraries(package)
    assert libraries
    assert [path.name for path in libraries if _COLLECTORS.search(path.read_bytes())] == []


def test_a_run_leaves_nothing_in_the_temporary_folder(tmp_path: Path) -> None:
    """Telemetry keeps the identity of its session there."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    command: list[str | Path] = [sys.executable, "-c", _PLAIN, SAMPLES / "street.png", tmp_path / "out.png"]
    done = subprocess.run(
        command, env=os.environ | {"TMPDIR": str(temporary)}, capture_output=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert list(temporary.iterdir()) == []
