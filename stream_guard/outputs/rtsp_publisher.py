"""An RTSP client that records to a server: ANNOUNCE, SETUP, RECORD, and RTP within the connection.

FFmpeg's muxer would do, but PyAV opens it with the interpreter locked: a server that accepts and then says
nothing stopped every thread of the program for as long as it liked (measured).
"""

from __future__ import annotations

import re
import secrets
import select
import socket
import ssl
import struct
import time
from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Final
from urllib.parse import urlsplit

from stream_guard.errors import OutputError
from stream_guard.model.address import SafeUrl, is_loopback
from stream_guard.outputs.digest import fields_of, hashed

_PORTS: Final = {"rtsp": 554, "rtsps": 322}
_ANSWER_S: Final = 5.0
_FROZEN_S: Final = 5.0
_KERNEL_BYTES: Final = 1 << 18
"""Not more is on its way to a slow server: what is older than its frames is of no use."""
_POLL_S: Final = 0.25
_KEEP_ALIVE_S: Final = 20.0
_MOST_BYTES: Final = 65_536
"""Of an answer."""
_NO_ANSWER: Final = "it does not answer as an RTSP server does"


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: tuple[tuple[str, str], ...]

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]


class Publisher:
    """One recording connection; a context manager that ends it."""

    def __init__(
        self, target: SafeUrl, sdp: bytes, tracks: Sequence[str], stopped: Callable[[], bool]
    ) -> None:
        """Connect and begin to record.

        Raises:
            OutputError: the server cannot be reached, refuses, or falls silent.
        """
        self._target, self._stopped = target, stopped
        self._sequence = 0
        self._session: str | None = None
        self._authorize: Callable[[str, str], str] | None = None
        self._received = b""
        self._alive_s = time.monotonic()
        self._socket = self._connected()
        try:
            self._begin(sdp, tracks)
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> Publisher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            with suppress(OutputError, OSError):
                self._write(self._request("TEARDOWN", self._target.url))
        self._socket.close()

    def send(self, track: int, packets: Iterable[bytes], *, control: bool = False) -> None:
        """Send RTP, or RTCP, packets of a track by its number.

        Raises:
            OutputError: the server has gone or takes nothing.
        """
        self._hear()
        self._write(b"".join(struct.pack("!cBH", b"$", 2 * track + control, len(p)) + p for p in packets))
        if time.monotonic() - self._alive_s > _KEEP_ALIVE_S:
            self._alive_s = time.monotonic()
            self._write(self._request("GET_PARAMETER", self._target.url))

    # -- the connection -------------------------------------------------------------------------------

    def _connected(self) -> socket.socket:
        address = urlsplit(self._target.url)
        host, port = address.hostname or "", address.port or _PORTS[address.scheme]
        try:
            plain = socket.create_connection((host, port), timeout=_ANSWER_S)
        except OSError as exc:
            raise self._failure(exc.strerror or "it does not answer") from exc
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL_BYTES)
        if address.scheme == "rtsp":
            return plain
        try:
            return ssl.create_default_context().wrap_socket(plain, server_hostname=host)
        except OSError as exc:
            plain.close()
            raise self._failure(f"no secure connection: {exc.strerror or exc}") from exc

    def _begin(self, sdp: bytes, tracks: Sequence[str]) -> None:
        url = self._target.url
        self._ask("ANNOUNCE", url, {"Content-Type": "application/sdp"}, sdp)
        for number, track in enumerate(tracks):
            channels = f"interleaved={2 * number}-{2 * number + 1}"
            transport = {"Transport": f"RTP/AVP/TCP;unicast;mode=record;{channels}"}
            answer = self._ask("SETUP", f"{url.rstrip('/')}/{track}", transport)
            self._session = next(iter(answer.all("session")), "").partition(";")[0] or None
        self._ask("RECORD", url, {"Range": "npt=0.000-"})
        self._socket.settimeout(0)

    def _ask(
        self, method: str, url: str, headers: dict[str, str] | None = None, body: bytes = b""
    ) -> _Answer:
        """Return the server's consent, after a second try with the password if it wants one."""
        answer = self._exchange(method, url, headers, body)
        if answer.status == 401 and self._authorize is None:
            self._authorize = self._answer_to(answer.all("www-authenticate"))
            answer = self._exchange(method, url, headers, body)
        if answer.status == 401:
            raise self._failure("it does not accept the user or the password; check both")
        if answer.status != 200:
            raise self._failure(f"it answers {method} with status {answer.status}")
        return answer

    def _exchange(self, method: str, url: str, headers: dict[str, str] | None, body: bytes) -> _Answer:
        try:
            self._socket.sendall(self._request(method, url, headers, body))
            return self._answer()
        except OSError as exc:
            raise self._failure(exc.strerror or "it does not answer") from exc

    def _request(
        self, method: str, url: str, headers: dict[str, str] | None = None, body: bytes = b""
    ) -> bytes:
        self._sequence += 1
        lines = [f"{method} {url} RTSP/1.0", f"CSeq: {self._sequence}", "User-Agent: stream_guard"]
        lines += [f"Session: {self._session}"] if self._session else []
        lines += [f"Authorization: {self._authorize(method, url)}"] if self._authorize else []
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        lines += [f"Content-Length: {len(body)}"] if body else []
        return "\r\n".join((*lines, "", "")).encode() + body

    def _answer(self) -> _Answer:
        """Return the next answer; its body, and what else the server sends in between, is skipped."""
        deadline_s = time.monotonic() + _ANSWER_S
        self._receive(4, deadline_s)
        while self._received[:1] == b"$":
            self._skip(4 + int.from_bytes(self._received[2:4], "big"), deadline_s)
            self._receive(4, deadline_s)
        while (end := self._received.find(b"\r\n\r\n") + 4) < 4:
            self._receive(len(self._received) + 1, deadline_s)
        answer = self._parsed(self._received[:end])
        self._skip(end + self._body_bytes(answer), deadline_s)
        return answer

    def _receive(self, least_bytes: int, deadline_s: float) -> None:
        """Wait until so much is there that has not been skipped."""
        while len(self._received) < least_bytes:
            if time.monotonic() > deadline_s or least_bytes > _MOST_BYTES:
                raise self._failure(_NO_ANSWER)
            more = self._socket.recv(4096)
            if not more:
                raise self._failure("it closed the connection")
            self._received += more

    def _skip(self, count: int, deadline_s: float) -> None:
        self._receive(count, deadline_s)
        self._received = self._received[count:]

    def _body_bytes(self, answer: _Answer) -> int:
        length = next(iter(answer.all("content-length")), "0")
        if not re.fullmatch(r"[0-9]{1,9}", length):
            raise self._failure(_NO_ANSWER)
        return int(length)

    def _parsed(self, head: bytes) -> _Answer:
        first, *lines = head.decode("utf-8", "replace").strip().split("\r\n")
        matched = re.fullmatch(r"RTSP/1\.\d (\d{3})\b.*", first)
        if matched is None:
            raise self._failure(_NO_ANSWER)
        pairs = [line.partition(":")[::2] for line in lines]
        return _Answer(int(matched[1]), tuple((name.strip().lower(), value.strip()) for name, value in pairs))

    def _hear(self) -> None:
        """Skip the receiver's reports; notice the end of the connection."""
        try:
            gone = not self._socket.recv(_MOST_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        except OSError as exc:
            raise self._failure(exc.strerror or "the connection broke") from exc
        if gone:
            raise self._failure("it closed the connection")

    def _write(self, data: bytes) -> None:
        left, moved_s = memoryview(data), time.monotonic()
        while left:
            try:
                left, moved_s = left[self._socket.send(left) :], time.monotonic()
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                select.select([], [self._socket], [], _POLL_S)
            except OSError as exc:
                raise self._failure(exc.strerror or "the connection broke") from exc
            if time.monotonic() - moved_s > _FROZEN_S or (left and self._stopped()):
                raise self._failure(f"it has taken nothing for {_FROZEN_S:g} s")

    # -- passwords ------------------------------------------------------------------------------------

    def _answer_to(self, challenges: list[str]) -> Callable[[str, str], str]:
        """Return what makes the Authorization header of a request; a digest where the server knows it."""
        if not self._target.password:
            raise self._failure("it wants a user and a password; set them")
        for challenge in challenges:
            if challenge.lower().startswith("digest "):
                given = fields_of(challenge)
                return lambda method, url: self._digest(given, method, url)
        address = urlsplit(self._target.url)
        if address.scheme != "rtsps" and not is_loopback(address.hostname or ""):
            raise self._failure("it wants the password in the clear; use rtsps")
        token = b64encode(f"{self._target.user}:{self._target.password}".encode()).decode()
        return lambda _method, _url: f"Basic {token}"

    def _digest(self, given: dict[str, str], method: str, url: str) -> str:
        user, realm, nonce = self._target.user, given.get("realm", ""), given.get("nonce", "")
        first = hashed(f"{user}:{realm}:{self._target.password}")
        second = hashed(f"{method}:{url}")
        texts = {"username": user, "realm": realm, "nonce": nonce, "uri": url}
        if "auth" in given.get("qop", "").split(","):
            once = secrets.token_hex(8)
            texts["response"] = hashed(f"{first}:{nonce}:00000001:{once}:auth:{second}")
            extra = f', qop=auth, nc=00000001, cnonce="{once}"'
        else:
            texts["response"], extra = hashed(f"{first}:{nonce}:{second}"), ""
        if "opaque" in given:
            texts["opaque"] = given["opaque"]
        return "Digest " + ", ".join(f'{name}="{value}"' for name, value in texts.items()) + extra

    def _failure(self, reason: str) -> OutputError:
        return OutputError(f"{self._target} takes no stream: {reason}.")
