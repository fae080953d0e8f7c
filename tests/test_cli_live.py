"""`stream-guard live` as a user runs it: real clients, and one sentence for each trouble."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import av
import httpx
import pytest

from tests.cameras import RtspCamera, free_port, planted_file, require_rtsp_server
from tests.media import frames
from tests.stations import until

CANARY = "Canary-2207"
ROOT = Path(__file__).parents[1]


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "stream_guard", *map(str, arguments)]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=60, check=False)


@contextmanager
def live(*arguments: str | Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Run `stream-guard live`, end it as ctrl-C does, and expect it to leave in order."""
    process = subprocess.Popen(
        command("live", *arguments, "--progress", "json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=30)
    assert process.returncode == 0, error
    assert "Traceback" not in error
    assert CANARY not in out + error


def told(process: subprocess.Popen[str], **wanted: object) -> dict[str, object]:
    """Read lines until one has the wanted values."""
    assert process.stdout is not None
    for line in process.stdout:
        found: dict[str, object] = json.loads(line)
        if all(found.get(key) == value for key, value in wanted.items()):
            return found
    raise AssertionError(f"it ended without telling {wanted}")


def frames_from(url: str, count: int) -> list[av.VideoFrame]:
    frames: list[av.VideoFrame] = []
    with av.open(url, options={"rtsp_transport": "tcp"}, timeout=10) as container:
        for frame in container.decode(video=0):
            frames.append(frame)
            if len(frames) == count:
                break
    return frames


def test_a_camera_is_served_recorded_and_shown_at_once(tmp_path: Path) -> None:
    """A real RTSP camera in; the built-in RTSP server, a recording and the page out."""
    require_rtsp_server()
    config, rtsp, web = tmp_path / "settings.toml", free_port(), free_port()
    with RtspCamera(ROOT / "samples" / "walk.mp4", login=("viewer", CANARY)) as camera:
        config.write_text(f'[sources.door]\nurl = "{camera.url}"\nuser = "viewer"\n', encoding="utf-8")
        arguments = ("door", "--config", config, "--webrtc", "--port", str(web))
        ways = ("--rtsp-serve", f"127.0.0.1:{rtsp}", "--record", tmp_path / "recorded")
        with live(*arguments, *ways, STREAM_GUARD_SOURCES_DOOR_PASSWORD=CANARY) as process:
            address = told(process, event="serving")["address"]
            told(process, name="door", state="live")
            served = frames_from(f"rtsp://127.0.0.1:{rtsp}/door", 10)
            assert {(f.width, f.height) for f in served} == {(640, 360)}
            outputs: Any = told(process, name="door")["outputs"]
            assert {o["name"]: o["viewers"] is None for o in outputs} == {"rtsp": False, "record door": True}
            answer = httpx.get(f"{address}api/streams").text + httpx.get(f"{address}metrics").text
            assert "door" in answer
            assert CANARY not in answer + " ".join(process.args)  # type: ignore[arg-type]
    segments = (tmp_path / "recorded").glob("door_*.mp4")
    recorded = [(f.width, f.height) for segment in segments for f in frames(segment)]
    assert recorded.count((640, 360)) >= 10  # others show the card that was there before the camera


def test_a_terminal_shows_viewers_only_where_they_are_counted(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    ways = ("--hls", tmp_path / "hls", "--rtsp-serve", f"127.0.0.1:{free_port()}")
    wide = os.environ | {"COLUMNS": "200"}
    process = subprocess.Popen(command("live", "test:", *ways), stderr=theirs, env=wide)
    os.close(theirs)
    shown = b""
    while not re.search(rb"[1-9]\d* sent", shown):
        shown += os.read(ours, 4096)
    process.send_signal(signal.SIGINT)
    with suppress(OSError):  # the terminal's end
        while os.read(ours, 4096):
            pass
    os.close(ours)
    assert process.wait(30) == 0
    assert re.search(rb"rtsp +0 sent, 0 dropped, 0 viewer\(s\)", shown)
    assert re.search(rb"hls live +\d+ sent, \d+ dropped *\r", shown)


def test_two_cameras_one_of_them_dead(tmp_path: Path) -> None:
    config = tmp_path / "settings.toml"
    file = planted_file(tmp_path / "x.mp4", 2)
    config.write_text(
        f'[sources.good]\nurl = "{file}"\nloop = true\n[sources.dead]\nurl = "rtsp://127.0.0.1:9/x"\n',
        encoding="utf-8",
    )
    with live("--all", "--config", config, "--hls", tmp_path / "hls") as process:
        assert "refuses the connection" in str(told(process, name="dead", state="stalled")["reason"])
        told(process, name="good", state="live")
        assert until(lambda: (tmp_path / "hls" / "good.m3u8").is_file(), 20)
        assert until(lambda: (tmp_path / "hls" / "dead.m3u8").is_file(), 20)  # with its card


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ([f"rtsp://admin:{CANARY}@10.0.0.7/x"], 2, "a password in an address on the command line"),
        (["dor"], 2, "there is no source 'dor'"),
        ([], 2, "give a source"),
        (["--all"], 2, "finds no [sources.NAME]"),
        (["test:9"], 2, "is no test picture"),
        (["test:", "--lag-frames", "0"], 2, "give --allow-onset-leak"),
        (["test:", "--rtsp-serve", "0.0.0.0:0"], 4, "set a user and a password"),
        (["test:", "--host", "0.0.0.0"], 2, "token"),  # noqa: S104 - it is refused
        (["test:", "--push", "http://x/y"], 4, "streams are pushed to addresses that begin with"),
        (["test:", "--push", f"rtsp://me:{CANARY}@127.0.0.1/x"], 2, "a password in --push"),
        (["test:", "--record", "/proc/none"], 4, "/proc/none"),
    ],
)
def test_wrong_use_is_told_in_one_sentence(arguments: list[str], code: int, sentence: str) -> None:
    done = subprocess.run(
        command("live", *arguments), capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (code, "")
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert CANARY not in done.stderr


def test_a_port_that_is_taken_is_told_in_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            command("live", "test:", "--port", str(port)),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 4
    assert "cannot listen" in done.stderr
    assert "Traceback" not in done.stderr


def test_devices_are_listed() -> None:
    done = run("devices")
    assert done.returncode == 0
    assert done.stdout
