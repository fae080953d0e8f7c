"""All that the routes of jobs share: the queue, its news, and threads to wait in for its answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated, Any, Final, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Request

from stream_guard.jobs.queue import JobQueue
from stream_guard.settings import Settings
from stream_guard.web.choices import schema_of
from stream_guard.web.news import News

_WRITERS: Final = 8
_PAINTERS: Final = 4
_Result = TypeVar("_Result")


class Desk:
    """Where jobs are handed in and asked after; lives on the event loop, which nothing here blocks."""

    def __init__(self, queue: JobQueue, settings: Settings) -> None:
        self.queue, self.limits = queue, settings.jobs
        self.schema = schema_of(settings)
        self.news = News(queue)
        # apart, so that neither a slow disk nor previews keep the page's own small questions waiting
        self._writers, self._painters = CapacityLimiter(_WRITERS), CapacityLimiter(_PAINTERS)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Hear of changes while the server runs."""
        async with self.news.open():
            yield

    async def ask(self, question: Callable[..., _Result], *given: Any, **named: Any) -> _Result:
        """Return the answer to something short."""
        return await to_thread.run_sync(partial(question, *given, **named))

    async def trouble(self) -> str | None:
        """Say what keeps jobs from being run, or from being told of; None where all is well."""
        return (await self.ask(self.queue.health)).trouble or self.news.trouble

    async def write(self, action: Callable[[bytes], None], data: bytes) -> None:
        await to_thread.run_sync(action, data, limiter=self._writers)

    async def paint(self, question: Callable[..., _Result], *given: Any) -> _Result:
        """Return what takes a worker a second or two."""
        return await to_thread.run_sync(question, *given, limiter=self._painters)


def _desk_of(request: Request) -> Desk | None:
    desk: Desk | None = request.app.state.desk
    return desk


DeskHere = Annotated[Desk, Depends(_desk_of)]
DeskIfAny = Annotated[Desk | None, Depends(_desk_of)]
