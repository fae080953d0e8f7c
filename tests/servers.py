"""`stream-guard serve` as a process of its own, and a client for its jobs."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import httpx

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "samples"
TOKEN = "Canary-token-0815"  # noqa: S105
FAST = {"STREAM_GUARD_DETECT_PRESET": "fast", "STREAM_GUARD_DETECT_DETECTORS": "yunet"}
"""The smallest detectors, so that a test takes no longer than it must."""
BYTES = {"Content-Type": "application/octet-stream"}
_OVER = ("done", "failed", "cancelled")
_PATIENCE_S = 60.0

Job = dict[str, Any]


@dataclass(frozen=True)
class Served:
    """A server that runs."""

    address: str
    """Without a slash at its end."""
    folder: Path
    """Of its jobs."""
    process: subprocess.Popen[str]

    def client(self, token: str = "", **headers: str) -> httpx.Client:
        """Return a client; one that gives a token if there is one."""
        known = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(base_url=self.address, headers=known | headers, timeout=_PATIENCE_S)

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])


@contextmanager
def served(folder: Path, *before: str, token: str = "", **variables: str) -> Iterator[Served]:
    """Run a server whose jobs are in this folder; `before` is what is to run it, such as a tracer."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("STREAM_GUARD_")}
    given = {"STREAM_GUARD_WEB_TOKEN": token} if token else {}
    command = [sys.executable, "-m", "stream_guard", "serve", "--port", "0", "--jobs-folder", str(folder)]
    with subprocess.Popen(
        [*before, *command],
        env=ours
        | FAST
        | {"XDG_CONFIG_HOME": str(folder.parent), "PYTHONUNBUFFERED": "1"}
        | given
        | variables,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Served(address_of(process), folder, process)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


def address_of(process: subprocess.Popen[str]) -> str:
    """Return the address that a server prints when it answers, and read on, so that it never has to wait."""
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(r"https?://[^\s/]+", line):
            threading.Thread(target=_drain, args=(process.stdout,), daemon=True).start()
            return found[0]
    raise AssertionError(f"the server ended with {process.wait()}")


def _drain(stream: IO[str]) -> None:
    for _ in stream:
        pass


def upload(client: httpx.Client, data: bytes, name: str = "a.jpg", **asked: Any) -> httpx.Response:
    """Send a file; what is asked for goes into the address."""
    return client.post("/api/jobs", params={"name": name, **asked}, content=data, headers=BYTES)


def created(client: httpx.Client, data: bytes, name: str = "a.jpg", **asked: Any) -> Job:
    """Send a file that must be taken."""
    answer = upload(client, data, name, **asked)
    assert answer.status_code == 201, answer.text
    job: Job = answer.json()
    return job


def over(client: httpx.Client, job: Job) -> Job:
    """Return a job once it is over; its events end then."""
    with client.stream("GET", f"/api/jobs/{job['id']}/events") as events:
        for _ in events.iter_lines():
            pass
    found: Job = client.get(f"/api/jobs/{job['id']}").json()
    assert found["state"] in _OVER, found
    return found


def redacted(client: httpx.Client, data: bytes, name: str = "a.jpg", **asked: Any) -> Job:
    """Send a file and return its job once it is over."""
    return over(client, created(client, data, name, **asked))


def family(pid: int) -> Sequence[int]:
    """Return the numbers of a process's children and theirs; each thread has its own."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    children = [int(child) for task in tasks for child in task.read_text(encoding="ascii").split()]
    return [one for child in children for one in (child, *family(child))]
