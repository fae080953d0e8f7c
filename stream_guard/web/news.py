"""What changes in the queue, spread to all who listen: one thread hears it, however many they are."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from stream_guard.jobs.job import Deleted, Job
from stream_guard.jobs.queue import JobQueue

_GLANCE_S: Final = 0.5
"""How often the thread looks whether it is to end."""
Change = Job | Deleted


class Listening:
    """One who listens: of each job the newest state, so that who is slow is owed no more than that."""

    def __init__(self) -> None:
        self._owed: dict[str, Change] = {}
        self._arrived = asyncio.Event()

    def owe(self, changes: Sequence[Change]) -> None:
        for change in changes:
            self._owed.pop(change.id, None)
            self._owed[change.id] = change
        self._arrived.set()

    async def take(self, timeout_s: float) -> list[Change]:
        """Return what has changed, waiting for something; empty where nothing did."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._arrived.wait()
        except TimeoutError:
            return []
        self._arrived.clear()
        changes, self._owed = list(self._owed.values()), {}
        return changes


class News:
    """Hears of changes in a thread of its own, from opening to closing."""

    def __init__(self, queue: JobQueue) -> None:
        self._queue = queue
        self._listening: set[Listening] = set()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def trouble(self) -> str | None:
        """Why nothing is told any more, None where all is well."""
        if self._thread is not None and self._thread.is_alive():
            return None
        return "changes of jobs are not told any more; start the server anew"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._hear, args=(loop,), name="job news", daemon=True)
        self._thread.start()
        try:
            yield
        finally:
            self._ended.set()
            await asyncio.to_thread(self._thread.join)

    @contextmanager
    def listen(self) -> Iterator[Listening]:
        """Yield what is told of all that changes from now on."""
        one = Listening()
        self._listening.add(one)
        try:
            yield one
        finally:
            self._listening.discard(one)

    def _hear(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._queue.watch() as watch:
            while not self._ended.is_set():
                if changes := watch.take(_GLANCE_S):
                    loop.call_soon_threadsafe(self._spread, changes)

    def _spread(self, changes: Sequence[Change]) -> None:
        for one in self._listening:
            one.owe(changes)
