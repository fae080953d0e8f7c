"""`stream-guard serve` as a user runs it: a page, a token where need be, one sentence for each trouble."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.job_clients import PORTRAIT
from tests.stations import until

LINE = re.compile(r"page: (\S+)  \(ctrl-C ends it\)\n")


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "stream_guard", "serve", *map(str, arguments)]


@contextmanager
def serve(*arguments: str | Path, end: signal.Signals = signal.SIGINT, **environment: str) -> Iterator[str]:
    """Run `stream-guard serve`, yield the address that it prints, and expect it to leave in order."""
    process = subprocess.Popen(
        command(*arguments, "--port", "0"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )
    try:
        assert process.stdout is not None
        found = LINE.fullmatch(process.stdout.readline())
        assert found, process.stderr.read() if process.stderr else ""
        yield found[1]
    finally:
        process.send_signal(end)
        out, error = process.communicate(timeout=30)
    assert (process.returncode, out, error) == (0, "", "")


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_a_picture_is_redacted_by_the_page_and_the_server_leaves_in_order(
    tmp_path: Path, end: signal.Signals
) -> None:
    config, folder = tmp_path / "settings.toml", tmp_path / "jobs"
    config.write_text('[sources.dead]\nurl = "rtsp://127.0.0.1:9/x"\n', encoding="utf-8")
    with (
        serve("--config", config, "--jobs-folder", folder, "--workers", "1", end=end) as address,
        httpx.Client(base_url=address, timeout=30) as client,
    ):
        streams = {stream["name"]: stream for stream in client.get("/api/streams").json()["streams"]}
        assert list(streams) == ["webcam", "dead"]
        assert streams["webcam"]["whip"]
        answer = client.post("/api/jobs?name=a.jpg", content=PORTRAIT.read_bytes())
        job = answer.headers["Location"]
        assert until(lambda: client.get(job).json()["state"] == "done", 60)
        assert client.get(f"{job}/result").headers["Content-Type"] == "image/jpeg"
        health = client.get("/healthz").json()
        assert (list(health["unhealthy"]), health["idle"]) == (["dead"], ["webcam"])
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_token_is_made_where_others_can_reach_it(tmp_path: Path) -> None:
    with serve("--behind-proxy", "--jobs-folder", tmp_path / "jobs") as link:
        address, _, token = link.partition("?token=")
        assert len(token) >= 32
        assert httpx.get(f"{address}api/jobs").status_code == 401
        with httpx.Client() as browser:
            assert browser.get(link).status_code == 200
            assert browser.get(f"{address}api/jobs").status_code == 200


def test_a_token_that_is_set_is_not_printed(tmp_path: Path) -> None:
    canary = "Canary-token-0815"
    with serve("--jobs-folder", tmp_path / "jobs", STREAM_GUARD_WEB_TOKEN=canary) as link:
        assert canary not in link
        assert "token" not in link
        bearer = {"Authorization": f"Bearer {canary}"}
        assert httpx.get(f"{link}api/jobs", headers=bearer).status_code == 200


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["--host", "0.0.0.0"], 2, "a proxy ends TLS"),  # noqa: S104 - it is refused
        (["--style", "frozt"], 2, "did you mean"),
        (["--jobs-folder", "/proc/none"], 4, "/proc/none"),
        (["--overwrite"], 2, "no such option --overwrite"),
        (["extra"], 2, "unexpected extra argument"),
    ],
)
def test_wrong_use_is_told_in_one_sentence(arguments: list[str], code: int, sentence: str) -> None:
    done = subprocess.run(command(*arguments), capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (code, "")
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_port_that_is_taken_is_told_in_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        arguments = command("--port", port, "--jobs-folder", tmp_path / "jobs")
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 4
    assert "cannot listen" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
