"""The WebRTC connections that are open, each with an address nobody can guess, and an end in any case."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final

from aiortc import RTCPeerConnection

CONNECT_S: Final = 15.0
"""A peer that has not connected by then has gone; later aioice notices within 30 s."""
_CLOSE_S: Final = 2.0


def _nothing() -> None:
    """Do nothing."""


@dataclass(eq=False, slots=True)
class Session:
    """One viewer or publisher."""

    connection: RTCPeerConnection
    station: str
    remote_ufrag: str
    ended: Callable[[], None] = _nothing
    """Called once, when the connection is closed."""
    id: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    etag: str = field(default_factory=lambda: f'"{secrets.token_hex(8)}"')
    watch: asyncio.Task[None] | None = None
    closing: bool = False


class Sessions:
    """The open connections of one kind; used from the event loop only."""

    def __init__(self, connect_s: float = CONNECT_S) -> None:
        self._connect_s = connect_s
        self._open: dict[str, Session] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._open)

    def at(self, station: str) -> int:
        """Return how many a station has."""
        return sum(session.station == station for session in tuple(self._open.values()))

    def find(self, station: str, session_id: str) -> Session | None:
        session = self._open.get(session_id)
        return session if session is not None and session.station == station and not session.closing else None

    def add(self, session: Session) -> None:
        """Keep a session until it ends, fails or does not come about."""
        self._open[session.id] = session
        connection = session.connection

        def changed() -> None:
            if connection.connectionState in ("failed", "closed"):
                self.end_soon(session)

        connection.on("connectionstatechange", changed)
        session.watch = self.run(self._watch(session))

    async def end(self, session: Session) -> None:
        """Close a session; harmless when that has begun. Its place is free once nothing comes from it."""
        if session.closing:
            return
        session.closing = True
        try:
            await session.connection.close()
        finally:
            del self._open[session.id]
            session.ended()
            if session.watch is not None:
                session.watch.cancel()

    async def close(self) -> None:
        """End all sessions."""
        await asyncio.gather(*(self.end(session) for session in tuple(self._open.values())))
        if self._tasks:  # ends that had begun, and what drains tracks that have ended
            await asyncio.wait(self._tasks, timeout=_CLOSE_S)

    async def _watch(self, session: Session) -> None:
        await asyncio.sleep(self._connect_s)
        if session.connection.connectionState != "connected":
            self.end_soon(session)

    def end_soon(self, session: Session) -> None:
        """End a session from where nothing can be awaited."""
        if not session.closing:
            self.run(self.end(session))

    def run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do something beside all else."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
