"""RTSP requests and responses as bytes (RFC 2326), with limits on everything that a peer sends."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final
from urllib.parse import unquote, urlsplit

MOST_HEADER_BYTES: Final = 16_384
MOST_BODY_BYTES: Final = 16_384
_MOST_HEADERS: Final = 64
_REQUEST_LINE: Final = re.compile(r"([A-Za-z_]{1,32}) (\S{1,2048}) (RTSP/\d\.\d)")
_PHRASES: Final = {
    451: "Parameter Not Understood", 453: "Not Enough Bandwidth", 454: "Session Not Found",
    455: "Method Not Valid In This State", 459: "Aggregate Operation Not Allowed",
    461: "Unsupported Transport", 505: "RTSP Version Not Supported",
}  # fmt: skip


class Refused(Exception):  # noqa: N818 - a reply, seen by the peer only
    """A request that is answered with an error status."""

    def __init__(
        self, status: int, headers: Mapping[str, str] | None = None, *, hang_up: bool = False
    ) -> None:
        super().__init__(status)
        self.status = status
        self.headers = dict(headers or {})
        self.hang_up = hang_up
        """What follows cannot be understood any more."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request; header names in lower case."""

    method: str
    uri: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """The decoded path of the address, without slashes around it.

        Raises:
            Refused: it is no address.
        """
        try:
            return unquote(urlsplit(self.uri).path, errors="strict").strip("/")
        except ValueError as exc:
            raise Refused(400) from exc


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """Return the next request; None for interleaved data (the receiver's reports), which is skipped.

    Raises:
        Refused: it is malformed or too long.
        asyncio.IncompleteReadError: the peer has gone.
    """
    first = await reader.readexactly(1)
    if first == b"$":
        header = await reader.readexactly(3)
        await reader.readexactly(int.from_bytes(header[1:], "big"))
        return None
    if first in b"\r\n":
        return None
    try:
        head = first + await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError as exc:
        raise Refused(400, hang_up=True) from exc
    request = parsed(head)
    await _skip_body(reader, request)
    return request


async def _skip_body(reader: asyncio.StreamReader, request: Request) -> None:
    length = request.headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit() and len(length) < 10):
        raise Refused(400, hang_up=True)
    if int(length) > MOST_BODY_BYTES:
        raise Refused(413, hang_up=True)
    await reader.readexactly(int(length))


def parsed(head: bytes) -> Request:
    """Return a request's head as data.

    Raises:
        Refused: it is malformed.
    """
    try:
        first, *lines = head.decode("utf-8").rstrip("\r\n").split("\r\n")
    except UnicodeDecodeError as exc:
        raise Refused(400, hang_up=True) from exc
    matched = _REQUEST_LINE.fullmatch(first)
    if matched is None or len(lines) > _MOST_HEADERS:
        raise Refused(400, hang_up=True)
    method, uri, version = matched.groups()
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise Refused(400, hang_up=True)
        headers[name.strip().lower()] = value.strip()
    if version != "RTSP/1.0":
        raise Refused(505, {"CSeq": _number(headers.get("cseq"))})
    return Request(method, uri, headers)


def _number(text: str | None) -> str:
    """Return a peer's number as it may be repeated to it."""
    return text if text and re.fullmatch(r"\d{1,10}", text) else "0"


def response(
    status: int, sequence: str | None, headers: Mapping[str, str] | None = None, body: bytes = b""
) -> bytes:
    """Return a response as bytes."""
    phrase = _PHRASES.get(status) or HTTPStatus(status).phrase
    lines = [f"RTSP/1.0 {status} {phrase}", f"CSeq: {_number(sequence)}", "Server: stream_guard"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items() if name != "CSeq"]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join((*lines, "", "")).encode() + body
