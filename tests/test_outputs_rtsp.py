"""The RTSP server, watched by real clients: PyAV, ffprobe, GStreamer; and by one that sends nonsense."""

from __future__ import annotations

import hashlib
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stream_guard.errors import OutputError
from stream_guard.outputs.branch import Branches
from stream_guard.outputs.output import Feed
from stream_guard.outputs.rtp import payloads, units
from stream_guard.outputs.rtsp_server import Credentials, RtspServer, RtspServing
from stream_guard.outputs.rtsp_server.message import Refused, parsed
from stream_guard.outputs.rtsp_server.transport import wish_of
from tests.stations import RGB, Feeder, shows_code, until
from tests.streams import new_threads
from tests.test_outputs_files import sound_of

WHO = Credentials("warden", "Canary-7713")


@contextmanager
def serving(
    feeder: Feeder, credentials: Credentials | None = None, most_viewers: int = 50, sound: Any = None
) -> Iterator[RtspServer]:
    branches = Branches(feeder.hub)
    feeds = {"cam1": Feed("cam1", feeder.hub, branches, lambda: sound)}
    server = RtspServer(feeds, RtspServing(port=0, credentials=credentials, most_viewers=most_viewers))
    server.start()
    try:
        yield server
    finally:
        server.stop()
        branches.close()


def watched(url: str, transport: str, count: int) -> list[RGB]:
    options = {"rtsp_transport": transport, "analyzeduration": "500000"}
    with av.open(url, options=options, timeout=5) as container:
        pictures: list[Any] = []
        for frame in container.decode(video=0):
            pictures.append(frame.to_ndarray(format="rgb24"))
            if len(pictures) == count:
                break
    return pictures


class Talker:
    """Speaks RTSP by hand."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=5)
        self.url = f"rtsp://127.0.0.1:{port}/cam1"
        self._sequence = 0

    def __enter__(self) -> Talker:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def say(self, data: bytes) -> str:
        """Send bytes and return what comes back up to an empty line, empty at the end of the connection."""
        self.socket.sendall(data)
        got = b""
        while b"\r\n\r\n" not in got:
            try:
                more = self.socket.recv(1)
            except ConnectionResetError:
                break
            if not more:
                break
            got += more
        return got.decode()

    def ask(self, method: str, url: str = "", **headers: str) -> str:
        self._sequence += 1
        lines = [f"{method} {url or self.url} RTSP/1.0", f"CSeq: {self._sequence}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        return self.say(("\r\n".join(lines) + "\r\n\r\n").encode())

    def status(self, method: str, url: str = "", **headers: str) -> int:
        return int(self.ask(method, url, **headers).split()[1])


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_pyav_watches_redacted_pictures(transport: str) -> None:
    with Feeder() as feeder, serving(feeder, WHO) as server:
        url = f"rtsp://{WHO.user}:{WHO.password}@127.0.0.1:{server.port}/cam1"
        pictures = watched(url, transport, 20)
        assert until(lambda: server.status().viewers == 0)
    assert [rgb.shape for rgb in pictures] == [(240, 320, 3)] * 20
    assert not any(map(shows_code, pictures))
    assert all(abs(int(rgb[:20, :, 1].mean()) - 83) < 8 for rgb in pictures)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="no ffprobe")
def test_ffprobe_reads_what_it_is(transport: str) -> None:
    with Feeder() as feeder, serving(feeder) as server:
        url = f"rtsp://127.0.0.1:{server.port}/cam1"
        shown = "stream=codec_name,profile,width,height,pix_fmt"
        command = [
            "ffprobe",
            "-v",
            "error",
            "-rtsp_transport",
            transport,
            "-show_entries",
            shown,
            "-of",
            "csv",
            url,
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.stdout.strip() == "stream,h264,Constrained Baseline,320,240,yuv420p", done.stderr


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@pytest.mark.skipif(shutil.which("gst-launch-1.0") is None, reason="no GStreamer")
def test_gstreamer_plays_it(protocol: str, tmp_path: Path) -> None:
    got = tmp_path / "got.yuv"
    with Feeder() as feeder, serving(feeder, WHO) as server:
        source = f"rtspsrc location=rtsp://127.0.0.1:{server.port}/cam1 protocols={protocol} latency=50"
        source += f" user-id={WHO.user} user-pw={WHO.password}"
        # whichever decoder is installed: libav's is a package of its own
        line = f"{source} ! rtph264depay ! decodebin ! videoconvert ! video/x-raw,format=I420"
        line += f" ! identity eos-after=20 ! filesink location={got}"
        done = subprocess.run(
            ["gst-launch-1.0", "-q", *line.split()], capture_output=True, text=True, timeout=30, check=False
        )
    assert got.stat().st_size >= 18 * 320 * 240 * 3 // 2, done.stderr


@pytest.mark.parametrize("codec", ["pcm_alaw", "pcm_mulaw", "aac"])
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_sound_goes_along_as_it_is(codec: str, transport: str, tmp_path: Path) -> None:
    with (
        sound_of(tmp_path / "tone", codec) as (stream, due),
        Feeder(sound=due) as feeder,
        serving(feeder, sound=stream) as server,
    ):
        url = f"rtsp://127.0.0.1:{server.port}/cam1"
        options = {"rtsp_transport": transport, "analyzeduration": "500000"}
        with av.open(url, options=options, timeout=5) as container:
            assert container.streams.audio[0].codec_context.name == codec
            heard, seen_s, heard_s = [], [], []
            frames: Any = container.decode(video=0, audio=0)
            for frame in frames:
                if isinstance(frame, av.AudioFrame):
                    heard.append(frame.to_ndarray())
                    heard_s.append(frame.time or 0.0)
                else:
                    seen_s.append(frame.time or 0.0)
                if len(heard) > 8 and len(seen_s) > 8:
                    break
    assert np.abs(np.concatenate(heard, 1).astype(float)).max() > (0.1 if codec == "aac" else 2000)
    assert abs(heard_s[-1] - seen_s[-1]) < 0.7


@pytest.mark.parametrize("who", ["", "warden:wrong@", "other:Canary-7713@"])
def test_nobody_watches_without_the_password(who: str) -> None:
    with Feeder() as feeder, serving(feeder, WHO) as server:
        with pytest.raises(av.HTTPUnauthorizedError):
            watched(f"rtsp://{who}127.0.0.1:{server.port}/cam1", "tcp", 1)
        assert server.status().sent == 0


def test_a_digest_serves_on_its_own_connection_only() -> None:
    with Feeder() as feeder, serving(feeder, WHO) as server:
        one, other = Talker(server.port), Talker(server.port)
        with one, other:
            challenge = one.ask("DESCRIBE")
            nonce = re.search(r'nonce="(\w+)"', challenge)[1]  # type: ignore[index]
            parts = [f"{WHO.user}:stream_guard:{WHO.password}", f"DESCRIBE:{one.url}"]
            first, second = (hashlib.md5(part.encode()).hexdigest() for part in parts)  # noqa: S324
            response = hashlib.md5(f"{first}:{nonce}:{second}".encode()).hexdigest()  # noqa: S324
            given = f'Digest username="{WHO.user}", realm="stream_guard", nonce="{nonce}", uri="{one.url}", '
            given += f'response="{response}"'
            assert one.status("DESCRIBE", Authorization=given) == 200
            assert other.status("DESCRIBE", Authorization=given) == 401
            for _ in range(3):
                assert other.status("DESCRIBE", Authorization="Digest x=y") == 401
            assert other.status("DESCRIBE", Authorization=f"Basic {WHO.user}") == 401
            assert other.ask("OPTIONS") == ""  # after five failures


def test_others_are_let_in_with_a_password_only() -> None:
    server = RtspServer({}, RtspServing(host="0.0.0.0", port=0))  # noqa: S104
    with pytest.raises(OutputError, match="set a user and a password"):
        server.start()


def test_a_port_that_is_taken_is_an_error_at_once() -> None:
    with Feeder() as feeder, serving(feeder) as server:
        second = RtspServer({}, RtspServing(port=server.port))
        before = set(threading.enumerate())
        with pytest.raises(OutputError, match=rf"127\.0\.0\.1:{server.port} cannot start"):
            second.start()
        assert new_threads(before) == set()
        assert not second.status().running


def test_requests_get_the_status_they_deserve() -> None:
    tcp = "RTP/AVP/TCP;unicast;interleaved=0-1"
    with Feeder() as feeder, serving(feeder) as server, Talker(server.port) as talker:
        assert "DESCRIBE" in talker.ask("OPTIONS")
        assert talker.status("DESCRIBE", talker.url.replace("cam1", "cam2")) == 404
        assert talker.status("DESCRIBE", talker.url.replace("cam1", "%ff")) == 400
        assert talker.status("PLAY") == 455
        assert talker.status("PAUSE") == 455
        assert talker.status("RECORD") == 405
        assert talker.status("DANCE") == 501
        assert talker.status("SETUP") == 461
        assert talker.status("SETUP", Transport="RTP/AVP;multicast") == 461
        assert talker.status("SETUP", Transport="RTP/AVP;client_port=80-81") == 400
        assert talker.status("SETUP", Transport="RTP/AVP;client_port=9999999") == 400
        assert talker.status("SETUP", Transport="RTP/AVP/TCP;interleaved=300-301") == 400
        assert talker.status("SETUP", Session="0123", Transport=tcp) == 454
        assert talker.status("SETUP", talker.url + "/trackID=0", Transport=tcp) == 200
        assert talker.status("SETUP", talker.url + "/trackID=0", Transport=tcp) == 455
        assert talker.status("GET_PARAMETER") == 200
        assert talker.status("TEARDOWN") == 200
        assert server.status().viewers == 0
        assert talker.status("PLAY") == 455
        assert talker.status("SETUP", talker.url + "/trackID=0", Transport=tcp) == 200


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x16\x03\x01" + b"\0" * 60 + b"\r\n\r\n", "400"),
        (b"GET / HTTP/1.1\r\n\r\n", "400"),
        (b"OPTIONS rtsp://x/cam1 RTSP/2.0\r\nCSeq: 4\r\n\r\n", "505"),
        (b"OPTIONS rtsp://x/cam1 RTSP/1.0\r\nno colon\r\n\r\n", "400"),
        (b"DESCRIBE rtsp://[x/cam1 RTSP/1.0\r\nCSeq: 1\r\n\r\n", "400"),
        (b"OPTIONS * RTSP/1.0\r\nContent-Length: -1\r\n\r\n", "400"),
        (b"OPTIONS * RTSP/1.0\r\nContent-Length: 99999999\r\n\r\n", "413"),
        (b"OPTIONS * RTSP/1.0\r\n" + b"".join(b"A%d: b\r\n" % i for i in range(200)) + b"\r\n", "400"),
        (b"OPTIONS * RTSP/1.0\r\nA: " + b"b" * 40_000 + b"\r\n\r\n", "400"),
        (b"OPTIONS * RTSP/1.0\r\nCSeq: 1\xc3\x28\r\n\r\n", "400"),
        (b"\r\n\r\n$\x00\x00\x04abcdOPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n", "200"),
        (b"OPTIONS * RTSP/1.0\r\nCSeq: 1\x00; rm\r\n\r\n", "200"),
    ],
)
def test_nonsense_gets_an_answer_and_harms_nobody(sent: bytes, status: str) -> None:
    with Feeder() as feeder, serving(feeder) as server:
        with Talker(server.port) as talker:
            answer = talker.say(sent)
            assert answer.startswith(f"RTSP/1.0 {status} ")
            assert "\x00" not in answer
        with Talker(server.port) as talker:
            assert talker.status("DESCRIBE") == 200


@given(st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)), st.text(max_size=80))
@example(b"OPTIONS * RTSP/1.0\r\n: x", "RTP/AVP;;=;client_port=")
@example(b"OPTIONS * RTSP/1.0\r\nCSeq: 1", "RTP/AVP;client_port=\u0661\u0662\u0663\u0664-\u0665")
def test_whatever_is_sent_is_understood_or_refused(head: bytes, transport: str) -> None:
    with suppress(Refused):
        assert parsed(head).path is not None
    with suppress(Refused):
        wish = wish_of(transport)
        assert 0 <= wish.first < wish.second <= 65_535


def test_there_is_a_limit_on_viewers_and_on_connections() -> None:
    tcp = "RTP/AVP/TCP;unicast;interleaved=0-1"
    with Feeder() as feeder, serving(feeder, most_viewers=2) as server:
        talkers = [Talker(server.port) for _ in range(18)]
        assert [t.status("SETUP", Transport=tcp) for t in talkers[:3]] == [200, 200, 453]
        assert server.status().viewers == 2
        with Talker(server.port) as late:
            assert " 503 " in late.say(b"")
        talkers[0].socket.close()
        assert until(lambda: server.status().viewers == 1)
        assert talkers[2].status("SETUP", Transport=tcp) == 200
        for talker in talkers:
            talker.socket.close()
        assert until(lambda: server.status().viewers == 0)


def test_a_viewer_that_reads_nothing_is_put_out_and_slows_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream_guard.outputs.rtsp_server.transport._FROZEN_S", 1.0)
    monkeypatch.setattr("stream_guard.outputs.rtsp_server.connection._WAITING_BYTES", 4096)
    with Feeder(width=640, height=480) as feeder, serving(feeder) as server, Talker(server.port) as frozen:
        frozen.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        assert frozen.status("SETUP", Transport="RTP/AVP/TCP;unicast;interleaved=0-1") == 200
        assert frozen.status("PLAY") == 200
        assert len(watched(f"rtsp://127.0.0.1:{server.port}/cam1", "tcp", 30)) == 30
        assert until(lambda: server.status().viewers == 0, 30)
        assert feeder.slowest_s < 0.2


def test_stopping_leaves_no_thread_and_no_socket_behind(caplog: pytest.LogCaptureFixture) -> None:
    with Feeder() as feeder:
        before = set(threading.enumerate())
        open_before = len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(3):
            with serving(feeder) as server:
                one, other, idle = (Talker(server.port) for _ in range(3))
                assert one.status("SETUP", Transport="RTP/AVP;unicast;client_port=50000-50001") == 200
                assert other.status("SETUP", Transport="RTP/AVP/TCP;unicast;interleaved=0-1") == 200
                assert (one.status("PLAY"), other.status("PLAY")) == (200, 200)
                assert until(lambda: server.status().sent > 4)
            for talker in (one, other, idle):
                talker.socket.close()
        assert new_threads(before) == set()
        assert len(list(Path("/proc/self/fd").iterdir())) == open_before
    assert caplog.records == []


def test_pictures_are_packed_as_rfc_6184_has_it() -> None:
    sps, pps, idr = b"\x67abc", b"\x68d", b"\x65" + bytes(range(1, 251)) * 20
    packet = av.Packet(b"\0\0\0\1" + sps + b"\0\0\0\1" + pps + b"\0\0\1" + idr)
    assert units(bytes(packet)) == [sps, pps, idr]
    together, *pieces = payloads(packet)
    assert together == b"\x78\0\4" + sps + b"\0\2" + pps
    assert all(len(piece) <= 1400 and piece[0] == 0x7C for piece in pieces)
    assert [piece[1] for piece in pieces] == [0x85, 0x05, 0x05, 0x45]
    assert b"\x65" + b"".join(piece[2:] for piece in pieces) == idr
    assert payloads(packet) is payloads(packet)
