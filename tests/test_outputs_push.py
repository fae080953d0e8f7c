"""Pushing to real servers: gst-rtsp-server records; and to servers that are dead, frozen or rude."""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import av
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from stream_guard.errors import OutputError
from stream_guard.outputs import rtsp_publisher
from stream_guard.outputs.branch import Branches
from stream_guard.outputs.output import Feed
from stream_guard.outputs.rtsp_push import rtsp_push
from stream_guard.outputs.sessions import Sessions
from stream_guard.outputs.target import target_of
from tests.cameras import ROOT, SYSTEM_PYTHON, has_rtsp_server
from tests.stations import RGB, Feeder, shows_code, until
from tests.streams import new_threads
from tests.test_outputs_files import sound_of

CANARY = "Canary-7714"


needs_server = pytest.mark.skipif(not has_rtsp_server(), reason="no gst-rtsp-server for the system's Python")


@dataclass(frozen=True)
class Recorder:
    port: int
    process: subprocess.Popen[str]

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}/cam1"


@contextmanager
def recorder(file: Path, *who: str, port: int = 0) -> Iterator[Recorder]:
    """Run a server that records to a file."""
    command = [SYSTEM_PYTHON, "-m", "tests.rtsp_recorder", str(file), str(port), *who]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert server.stdout is not None
        yield Recorder(int(server.stdout.readline()), server)
    finally:
        server.kill()
        server.communicate()


@contextmanager
def pushing(
    feeder: Feeder, url: str, user: str = "", password: str = "", sound: Any = None
) -> Iterator[Sessions]:
    branches = Branches(feeder.hub)
    output = rtsp_push(Feed("cam1", feeder.hub, branches, lambda: sound), target_of(url, user, password))
    output.start()
    try:
        yield output
    finally:
        output.stop()
        branches.close()


def recorded(file: Path, count: int) -> list[RGB]:
    with av.open(str(file), format="h264") as container:
        frames = islice(container.decode(video=0), count)
        return [frame.to_ndarray(format="rgb24") for frame in frames]  # type: ignore[misc]


def grows_beyond(file: Path, size: int) -> bool:
    return until(lambda: file.exists() and file.stat().st_size > size, 15)


@needs_server
@pytest.mark.parametrize("who", [(), ("warden", CANARY)])
def test_a_real_server_records_redacted_pictures(who: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "got.h264"
    with Feeder() as feeder, recorder(file, *who) as server, pushing(feeder, server.url, *who) as output:
        assert grows_beyond(file, 60_000)
        status = output.status()
    assert (status.running, status.reason) == (True, None)
    pictures = recorded(file, 30)
    assert len(pictures) == 30
    assert not any(map(shows_code, pictures))


@needs_server
def test_sound_is_recorded_too(tmp_path: Path) -> None:
    file, heard = tmp_path / "got.h264", tmp_path / "got.h264.alaw"
    with (
        sound_of(tmp_path / "tone", "pcm_alaw") as (stream, due),
        Feeder(sound=due) as feeder,
        recorder(file, "--sound") as server,
        pushing(feeder, server.url, sound=stream) as output,
    ):
        assert grows_beyond(file, 20_000), output.status()
        assert grows_beyond(heard, 4000), output.status()
    with av.open(str(heard), format="alaw", options={"sample_rate": "8000"}) as container:
        loudest = max(int(abs(frame.to_ndarray().astype(int)).max()) for frame in container.decode(audio=0))
    assert loudest > 2000


@needs_server
def test_a_wrong_password_is_said_and_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "got.h264"
    with (
        Feeder() as feeder,
        recorder(file, "warden", "right") as server,
        pushing(feeder, server.url.replace("//", f"//warden:{CANARY}@")) as output,
    ):
        assert until(lambda: output.status().reason is not None)
        reason = output.status().reason or ""
    assert "does not accept the user or the password" in reason
    assert server.url in reason
    assert CANARY not in reason + repr(output.__dict__)
    assert not file.exists() or not file.stat().st_size


@needs_server
def test_it_goes_on_when_the_server_comes_back(tmp_path: Path) -> None:
    with (
        Feeder() as feeder,
        recorder(tmp_path / "one.h264") as server,
        pushing(feeder, server.url) as output,
    ):
        assert until(lambda: output.status().sent > 10)
        server.process.kill()
        assert until(lambda: output.status().reason is not None)
        sent = output.status().sent
        with recorder(tmp_path / "two.h264", port=server.port):
            assert until(lambda: output.status().sent > sent + 10)
            assert output.status().reason is None


@contextmanager
def rude(behave: Callable[[socket.socket], None]) -> Iterator[int]:
    """Run a server that does something to each connection; yield its port."""
    server = socket.create_server(("127.0.0.1", 0))
    taken: list[socket.socket] = []

    def accept() -> None:
        with suppress(OSError):
            while True:
                taken.append(server.accept()[0])
                behave(taken[-1])

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
        for one in (server, *taken):
            one.close()


def _silent(_: socket.socket) -> None: ...


def consents_then_freezes(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    _consent(connection)


def _consent(connection: socket.socket) -> None:
    """Say yes to ANNOUNCE, SETUP and RECORD."""
    for number in (1, 2, 3):
        _hear_one(connection)
        connection.sendall(b"RTSP/1.0 200 OK\r\nCSeq: %d\r\nSession: 1\r\n\r\n" % number)


def _hear_one(connection: socket.socket) -> bytes:
    """Return the head of a request, once its body has come too."""
    head = b""
    while b"\r\n\r\n" not in head:
        byte = connection.recv(1)
        if not byte:
            raise ConnectionResetError
        head += byte
    left = int(found[1]) if (found := re.search(rb"Content-Length: (\d+)", head)) else 0
    while left:
        left -= len(connection.recv(left))
    return head


def _talks_nonsense(connection: socket.socket) -> None:
    connection.sendall(b"SSH-2.0-x\r\n\r\n")


def _floods(connection: socket.socket) -> None:
    connection.sendall(b"x" * 100_000)


def _promises_too_much(connection: socket.socket) -> None:
    connection.sendall(b"RTSP/1.0 200 OK\r\nContent-Length: 99999999\r\n\r\n")


def _counts_in_words(connection: socket.socket) -> None:
    connection.sendall(b"RTSP/1.0 200 OK\r\nContent-Length: ten\r\n\r\n")


def _hangs_up(connection: socket.socket) -> None:
    connection.close()


@pytest.mark.parametrize(
    ("behave", "says"),
    [
        (_silent, "does not answer|timed out"),
        (consents_then_freezes, "has taken nothing"),
        (_talks_nonsense, "does not answer as an RTSP server does"),
        (_floods, "does not answer as an RTSP server does|reset"),
        (_promises_too_much, "does not answer as an RTSP server does"),
        (_counts_in_words, "does not answer as an RTSP server does"),
        (_hangs_up, "closed the connection|reset|broken pipe"),
    ],
)
def test_a_rude_server_is_reported_and_holds_nobody_up(
    behave: Callable[[socket.socket], None], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rtsp_publisher, "_ANSWER_S", 1.0)
    monkeypatch.setattr(rtsp_publisher, "_FROZEN_S", 1.0)
    monkeypatch.setattr(rtsp_publisher, "_KERNEL_BYTES", 4096)
    before = set(threading.enumerate())
    with rude(behave) as port, Feeder() as feeder:
        with pushing(feeder, f"rtsp://127.0.0.1:{port}/cam1") as output:
            assert until(lambda: output.status().reason is not None, 20)
            assert re.search(says, output.status().reason or "", re.IGNORECASE), output.status()
            published = feeder.published
            assert until(lambda: feeder.published > published + 5, 2)
        assert feeder.slowest_s < 0.2
    assert new_threads(before) == set()


def _asks_with_a_page(connection: socket.socket) -> None:
    """Want a password, in words for people too, and begin every answer with a receiver's report."""
    page = b"<html>401 Unauthorized</html>"
    challenge = b'WWW-Authenticate: Digest realm="x", nonce="1"\r\n'
    with suppress(OSError):
        _hear_one(connection)
        connection.sendall(b"$\x01\x00\x03abcRTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\n" + challenge)
        connection.sendall(b"Content-Length: %d\r\n\r\n" % len(page))
        time.sleep(0.1)  # the page comes by itself
        connection.sendall(page)
        assert b"Authorization: Digest" in _hear_one(connection)
        for _ in range(3):
            connection.sendall(b"RTSP/1.0 200 OK\r\nSession: 1\r\nContent-Length: 2\r\n\r\nOK")
            _hear_one(connection)


def test_the_body_of_an_answer_is_no_answer() -> None:
    with rude(_asks_with_a_page) as port:
        target = target_of(f"rtsp://127.0.0.1:{port}/cam1", "me", CANARY)
        with rtsp_publisher.Publisher(target, b"v=0\r\n", ("trackID=0",), lambda: False):
            pass


def test_stopping_does_not_wait_for_a_frozen_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtsp_publisher, "_KERNEL_BYTES", 4096)
    with (
        rude(consents_then_freezes) as port,
        Feeder() as feeder,
        pushing(feeder, f"rtsp://127.0.0.1:{port}/cam1") as output,
    ):
        assert until(lambda: output.status().sent > 0)
        assert until(lambda: _stands_still(output))
        started_s = time.monotonic()
        output.stop()
        assert time.monotonic() - started_s < 1


def _stands_still(output: Sessions) -> bool:
    sent = output.status().sent
    time.sleep(0.3)
    return output.status().sent == sent


def _certified(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Return a server's side of TLS as "localhost", and the file with its certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]), datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(1))
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    certificate = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
    file = folder / "certificate.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(certificate.public_bytes(Encoding.PEM) + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context, file


@pytest.mark.parametrize("trusted", [True, False])
def test_a_secure_server_is_trusted_by_its_certificate(
    trusted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, file = _certified(tmp_path)
    got: list[int] = []

    def records(connection: socket.socket) -> None:
        with (
            suppress(ssl.SSLError, ConnectionError),
            context.wrap_socket(connection, server_side=True) as tls,
        ):
            _consent(tls)
            while data := tls.recv(65_536):
                got.append(len(data))

    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with (
        rude(records) as port,
        Feeder() as feeder,
        pushing(feeder, f"rtsps://localhost:{port}/cam1") as output,
    ):
        if trusted:
            assert until(lambda: sum(got) > 20_000), output.status()
        else:
            assert until(lambda: output.status().reason is not None)
            assert "no secure connection" in (output.status().reason or "")
            assert not got


@pytest.mark.parametrize("url", ["http://x/y", "rtsp:///cam", "rtsp://x:99999/cam", "cam", "rtsp://[x/cam"])
def test_what_is_no_target_is_refused(url: str) -> None:
    with pytest.raises(OutputError, match="pushed to addresses that begin with rtsp"):
        target_of(url)


def test_a_password_in_an_address_is_taken_out() -> None:
    target = target_of(f"rtsp://me:{CANARY}%21@host:554/a?token={CANARY}")
    assert (target.user, target.password) == ("me", CANARY + "!")
    assert str(target) == "rtsp://host:554/a"
    assert str(target_of(f"rtsp://host/live;password={CANARY}")) == "rtsp://host/live;password=***"
    with pytest.raises(OutputError, match="write %2F for a slash in a password") as caught:
        target_of(f"rtsp://me:12/{CANARY}@host/a")
    assert CANARY not in repr(caught.getrepr())
