"""One viewer's connection to the RTSP server: its requests, and what is sent to it."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Final

from stream_guard.errors import OutputError
from stream_guard.outputs.branch import Branch, waking
from stream_guard.outputs.encoder import Parameters
from stream_guard.outputs.output import Feed
from stream_guard.outputs.rtsp_server.digest import Gate
from stream_guard.outputs.rtsp_server.message import Refused, Request, read_request, response
from stream_guard.outputs.rtsp_server.player import Counts, play
from stream_guard.outputs.rtsp_server.transport import Datagrams, Interleaved, Transport, wish_of
from stream_guard.outputs.sdp import SOUND, VIDEO, describe
from stream_guard.outputs.sound import sound_track

_SESSION_S: Final = 60
"""A viewer by UDP that is not heard of for so long is gone."""
_IDLE_S: Final = 20.0
"""A connection that plays nothing may be silent for so long."""
_FIRST_PICTURE_S: Final = 5.0
_MOST_FAILURES: Final = 5
_WAITING_BYTES: Final = 1 << 18
"""More than this on its way to a viewer, here or in the kernel: its queue fills and drops to a key frame."""

_Answer = tuple[dict[str, str], bytes]
"""Headers and body."""


class Connection:
    """Answers one connection until either side ends it."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        feeds: Mapping[str, Feed],
        gate: Gate,
        counts: Counts,
        most_viewers: int,
    ) -> None:
        self._reader, self._writer = reader, writer
        self._feeds, self._gate, self._counts, self._most_viewers = feeds, gate, counts, most_viewers
        self._session = secrets.token_hex(8)
        self._feed: Feed | None = None
        self._transports: dict[str, Transport] = {}
        self._sending: asyncio.Task[None] | None = None
        writer.transport.set_write_buffer_limits(high=_WAITING_BYTES)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _WAITING_BYTES)
        self._methods: dict[str, Callable[[Request], Awaitable[_Answer]]] = {
            "OPTIONS": self._options, "DESCRIBE": self._describe, "SETUP": self._setup, "PLAY": self._play,
            "PAUSE": self._pause, "GET_PARAMETER": self._get_parameter, "TEARDOWN": self._teardown,
        }  # fmt: skip

    async def serve(self) -> None:
        """Answer requests until the peer has gone, asks for the end, or is to be put out."""
        try:
            while await self._answer_one():
                pass
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            pass  # it has gone, or is taken to have
        finally:
            await self._release()

    async def _answer_one(self) -> bool:
        request: Request | None = None
        try:
            request = await self._next_request()
            if request is None:
                return True
            self._require_admitted(request)
            answer = await self._dispatch(request)
        except Refused as refusal:
            headers = refusal.headers
            sequence = request.headers.get("cseq") if request else headers.get("CSeq")
            await self._write(response(refusal.status, sequence, headers))
            return not refusal.hang_up
        await self._write(answer)
        return True

    async def _next_request(self) -> Request | None:
        """Return the next request; wait for ever while it plays, unless sending ends or it falls silent."""
        reading = asyncio.ensure_future(read_request(self._reader))
        try:
            while True:
                waiting = {reading} | ({self._sending} if self._sending else set())
                patience_s = _SESSION_S / 4 if self._sending else _SESSION_S if self._transports else _IDLE_S
                done, _ = await asyncio.wait(waiting, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
                if reading in done:
                    return reading.result()
                if done or not self._is_alive():
                    raise TimeoutError
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    def _is_alive(self) -> bool:
        """Tell whether a viewer that asks for nothing is still heard of."""
        silent_s = min((t.silent_s() for t in self._transports.values()), default=0.0)
        return self._sending is not None and silent_s <= _SESSION_S

    def _require_admitted(self, request: Request) -> None:
        if request.method == "OPTIONS" or self._gate.admits(
            request.method, request.headers.get("authorization")
        ):
            return
        raise Refused(
            401, {"WWW-Authenticate": self._gate.challenge}, hang_up=self._gate.failures >= _MOST_FAILURES
        )

    async def _dispatch(self, request: Request) -> bytes:
        method = self._methods.get(request.method)
        if method is None:
            known = request.method in ("ANNOUNCE", "RECORD", "SET_PARAMETER", "REDIRECT")
            raise Refused(405 if known else 501, {"Allow": ", ".join(self._methods)})
        session = request.headers.get("session", self._session).partition(";")[0].strip()
        if session != self._session:
            raise Refused(454)
        headers, body = await method(request)
        return response(200, request.headers.get("cseq"), headers, body)

    # -- methods -------------------------------------------------------------------------------------

    async def _options(self, _: Request) -> _Answer:
        return {"Public": ", ".join(self._methods)}, b""

    async def _describe(self, request: Request) -> _Answer:
        feed = self._feed_at(request.path)
        parameters = await self._parameters(feed.branches.get("h264"))
        base = request.uri.rstrip("/") + "/"
        return {"Content-Base": base, "Content-Type": "application/sdp"}, describe(
            feed.name, parameters, sound_track(feed.sound())
        )

    def _feed_at(self, path: str) -> Feed:
        feed = self._feeds.get(path)
        if feed is None:
            raise Refused(404)
        return feed

    async def _parameters(self, branch: Branch) -> Parameters:
        """Return what is to be said of a stream: it takes its first packet to know."""
        if branch.parameters is not None:
            return branch.parameters
        arrived = asyncio.Event()
        with branch.subscribe(wake=waking(asyncio.get_running_loop(), arrived)) as packets:
            with suppress(TimeoutError):
                async with asyncio.timeout(_FIRST_PICTURE_S):
                    await arrived.wait()
            try:
                coded = packets.take(0)
            except OutputError as exc:
                raise Refused(503) from exc
        if coded is None:
            raise Refused(503, {"Retry-After": "2"})
        return coded.parameters

    async def _setup(self, request: Request) -> _Answer:
        name, _, track = request.path.rpartition("/")
        if track not in (VIDEO, SOUND):
            name, track = request.path, VIDEO  # the only track may be asked for by the name of the whole
        feed = self._feed_at(name)
        if self._sending is not None or track in self._transports or self._feed not in (None, feed):
            raise Refused(455)
        wish = wish_of(request.headers.get("transport", ""))
        if not self._transports and self._counts.viewers >= self._most_viewers:
            raise Refused(453)
        transport = Interleaved if wish.interleaved else Datagrams
        made = transport(self._writer, wish)
        self._counts.viewers += not self._transports
        self._feed, self._transports[track] = feed, made
        return {"Transport": made.header, **self._session_header()}, b""

    def _session_header(self) -> dict[str, str]:
        return {"Session": f"{self._session};timeout={_SESSION_S}"}

    async def _play(self, request: Request) -> _Answer:
        if self._feed is None or VIDEO not in self._transports:
            raise Refused(455)
        if self._sending is None:
            playing = play(self._feed, self._transports, self._counts)
            self._sending = asyncio.ensure_future(playing)
        return {"Range": "npt=now-", **self._session_header()}, b""

    async def _pause(self, _: Request) -> _Answer:
        if not self._transports:
            raise Refused(455)
        await self._stop_sending()
        return self._session_header(), b""

    async def _get_parameter(self, _: Request) -> _Answer:
        return (self._session_header() if self._transports else {}), b""

    async def _teardown(self, _: Request) -> _Answer:
        await self._end_session()  # the connection stays: GStreamer may still ask for a pause
        return {}, b""

    # -- the end --------------------------------------------------------------------------------------

    async def _write(self, data: bytes) -> None:
        self._writer.write(data)
        async with asyncio.timeout(_IDLE_S):
            await self._writer.drain()

    async def _stop_sending(self) -> None:
        sending, self._sending = self._sending, None
        if sending is not None:
            sending.cancel()
            with suppress(asyncio.CancelledError, OSError, TimeoutError, OutputError):
                await sending

    async def _end_session(self) -> None:
        await self._stop_sending()
        self._counts.viewers -= bool(self._transports)
        for transport in self._transports.values():
            transport.close()
        self._transports.clear()
        self._feed = None

    async def _release(self) -> None:
        await self._end_session()
        self._writer.transport.abort() if self._lagging() else self._writer.close()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(1):
                await self._writer.wait_closed()

    def _lagging(self) -> bool:
        """Tell whether closing in order would wait for a viewer that takes nothing."""
        return self._writer.transport.get_write_buffer_size() > 0
