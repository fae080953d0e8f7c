"""How RTP reaches one viewer: within the RTSP connection, or as datagrams."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol

from stream_guard.outputs.rtsp_server.message import Refused

_LOWEST_PORT: Final = 1024
_TRIES: Final = 50
_FROZEN_S: Final = 10.0
"""A viewer that has taken nothing for so long is put out."""


class Transport(Protocol):
    """Takes the RTP and RTCP packets of one track."""

    header: str
    """The Transport header of the answer to SETUP."""

    async def send(self, packets: Iterable[bytes]) -> None:
        """Send RTP packets.

        Raises:
            OSError: the viewer has gone or takes nothing.
        """
        ...

    async def report(self, packet: bytes) -> None:
        """Send an RTCP packet."""
        ...

    def silent_s(self) -> float:
        """Return how long nothing was heard of the viewer, as far as this can tell."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Wish:
    """What a viewer asks for: channels of the connection, or its own UDP ports."""

    interleaved: bool
    first: int
    second: int


def wish_of(header: str) -> Wish:
    """Return the first of the offers in a Transport header that can be met.

    Raises:
        Refused: there is none (461), or its numbers make no sense (400).
    """
    for offer in header.split(",")[:16]:
        profile, *details = [part.strip() for part in offer.split(";")]
        given = dict(part.lower().partition("=")[::2] for part in details)
        if "multicast" in given or "record" in given.get("mode", "").lower():
            continue
        if profile.upper() == "RTP/AVP/TCP":
            return Wish(True, *_pair(given.get("interleaved", "0-1"), 0, 255))
        if profile.upper() in ("RTP/AVP", "RTP/AVP/UDP") and "client_port" in given:
            return Wish(False, *_pair(given["client_port"], _LOWEST_PORT, 65_535))
    raise Refused(461)


def _pair(text: str, lowest: int, highest: int) -> tuple[int, int]:
    matched = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", text)
    if matched is None:
        raise Refused(400)
    first = int(matched[1])
    second = int(matched[2]) if matched[2] else first + 1
    if not lowest <= first < second <= highest:
        raise Refused(400)
    return first, second


class Interleaved:
    """Packets between the responses of the RTSP connection."""

    def __init__(self, writer: asyncio.StreamWriter, wish: Wish) -> None:
        self._writer, self._wish = writer, wish
        self.header = f"RTP/AVP/TCP;unicast;interleaved={wish.first}-{wish.second}"

    async def send(self, packets: Iterable[bytes]) -> None:
        await self._write(self._wish.first, packets)

    async def report(self, packet: bytes) -> None:
        await self._write(self._wish.second, [packet])

    async def _write(self, channel: int, packets: Iterable[bytes]) -> None:
        self._writer.write(b"".join(struct.pack("!cBH", b"$", channel, len(p)) + p for p in packets))
        async with asyncio.timeout(_FROZEN_S):
            await self._writer.drain()

    def silent_s(self) -> float:
        return 0.0  # that it takes what is sent is all one can ask of it

    def close(self) -> None:
        """Nothing is open but the connection."""


class Datagrams:
    """Packets to the viewer's UDP ports, at the address its connection comes from and no other."""

    def __init__(self, writer: asyncio.StreamWriter, wish: Wish) -> None:
        """Bind two neighbouring ports.

        Raises:
            Refused: none are free.
        """
        here, there = writer.get_extra_info("sockname"), writer.get_extra_info("peername")
        family = writer.get_extra_info("socket").family
        self._sockets = _neighbours(family, here)
        self._targets = [(there[0], port, *there[2:]) for port in (wish.first, wish.second)]
        ports = [sock.getsockname()[1] for sock in self._sockets]
        self.header = (
            f"RTP/AVP;unicast;client_port={wish.first}-{wish.second};server_port={ports[0]}-{ports[1]}"
        )
        self._heard_s = time.monotonic()
        self._loop = asyncio.get_running_loop()
        for sock in self._sockets:
            self._loop.add_reader(sock, self._hear, sock)

    def _hear(self, sock: socket.socket) -> None:
        with suppress(OSError):
            sock.recv(2048)
            self._heard_s = time.monotonic()

    async def send(self, packets: Iterable[bytes]) -> None:
        for packet in packets:
            with suppress(BlockingIOError):  # a full buffer is a loss as any other on the way
                self._sockets[0].sendto(packet, self._targets[0])

    async def report(self, packet: bytes) -> None:
        with suppress(BlockingIOError):
            self._sockets[1].sendto(packet, self._targets[1])

    def silent_s(self) -> float:
        return time.monotonic() - self._heard_s

    def close(self) -> None:
        for sock in self._sockets:
            self._loop.remove_reader(sock)
            sock.close()


def _neighbours(family: int, here: tuple[str, int]) -> tuple[socket.socket, socket.socket]:
    """Return sockets bound to an even port and the next one."""
    for _ in range(_TRIES):
        first, second = (socket.socket(family, socket.SOCK_DGRAM) for _ in "ab")
        first.setblocking(False)
        second.setblocking(False)
        try:
            first.bind((here[0], 0, *here[2:]))
            port = first.getsockname()[1]
            if port % 2 == 0:
                second.bind((here[0], port + 1, *here[2:]))
                return first, second
        except OSError:  # the next one is taken: try elsewhere
            pass
        first.close()
        second.close()
    raise Refused(503)
