"""The server: a port, a thread with its event loop, and a limit on who may connect."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from stream_guard.errors import OutputError
from stream_guard.model.address import is_loopback
from stream_guard.outputs.output import Feed, OutputStatus
from stream_guard.outputs.rtsp_server.connection import Connection
from stream_guard.outputs.rtsp_server.digest import Credentials, Gate
from stream_guard.outputs.rtsp_server.message import MOST_HEADER_BYTES, response
from stream_guard.outputs.rtsp_server.player import Counts

_SPARE_CONNECTIONS: Final = 16
"""Beyond the viewers: those who only ask."""


@dataclass(frozen=True, slots=True)
class RtspServing:
    """Where and to whom the server serves."""

    host: str = "127.0.0.1"
    port: int = 8554
    """0 takes any free one."""
    credentials: Credentials | None = None
    """Needed where others than this machine can connect."""
    most_viewers: int = 50


class RtspServer:
    """Serves every station under /NAME, in a thread of its own (fulfils `Output`)."""

    name = "rtsp"

    def __init__(self, feeds: Mapping[str, Feed], serving: RtspServing) -> None:
        self.port = 0
        """The port in use, once started."""
        self._feeds, self._serving = feeds, serving
        self._counts = Counts()
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()
        self._error: OSError | None = None
        self._connections: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Listen.

        Raises:
            OutputError: the address cannot be had, or others can reach it and no password is set.
        """
        where = f"the RTSP server at {self._serving.host}:{self._serving.port}"
        if self._serving.credentials is None and not is_loopback(self._serving.host):
            raise OutputError(
                f"{where} could be reached from other machines; set a user and a password for it, "
                "or listen on 127.0.0.1."
            )
        self._ready.clear()
        self._error = None
        self._thread = threading.Thread(target=asyncio.run, args=(self._run(),), name="rtsp", daemon=True)
        self._thread.start()
        self._ready.wait()
        if self._error is not None:
            self.stop()
            raise OutputError(f"{where} cannot start: {self._error.strerror}.") from self._error

    def stop(self) -> None:
        """Put every viewer out and end the thread."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        if self._error is None:
            self._loop.call_soon_threadsafe(self._ended.set)
        thread.join()

    def status(self) -> OutputStatus:
        counts = self._counts
        running = self._thread is not None
        return OutputStatus(self.name, running, None, counts.sent, counts.dropped, counts.viewers)

    async def _run(self) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        try:
            server = await asyncio.start_server(
                self._accept, self._serving.host, self._serving.port, limit=MOST_HEADER_BYTES
            )
        except OSError as exc:
            self._error = exc
            self._ready.set()
            return
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._ended.wait()
        server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._connections) >= self._serving.most_viewers + _SPARE_CONNECTIONS:
            writer.write(response(503, None, {"Retry-After": "10"}))
            writer.close()
            return
        serving = self._serving
        connection = Connection(
            reader, writer, self._feeds, Gate(serving.credentials), self._counts, serving.most_viewers
        )
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - asyncio runs this in a task
        self._connections.add(task)
        try:
            with suppress(asyncio.CancelledError):  # asyncio takes a callback's being cancelled for a failure
                await connection.serve()
        finally:
            self._connections.discard(task)
