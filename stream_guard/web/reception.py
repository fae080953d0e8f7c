"""Where jobs are handed in and asked after: the queue, and threads to wait in for its answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Final, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Query, Request

from stream_guard import parts
from stream_guard.detect.registry import members
from stream_guard.jobs.choice import Chosen, laid_over
from stream_guard.jobs.queue import JobQueue
from stream_guard.settings import Settings
from stream_guard.web.choices import MOST_CHARACTERS, parsed, require_kinds, schema_of

_WRITERS: Final = 8
_ERRANDS: Final = 4
_Result = TypeVar("_Result")


class Reception:
    """Asks the queue from the event loop, which nothing here blocks."""

    def __init__(self, queue: JobQueue, settings: Settings) -> None:
        self.queue, self.limits, self._settings = queue, settings.jobs, settings
        self.schema = schema_of(settings)
        # apart, so that neither a slow disk nor previews keep the page's own small questions waiting
        self._reading = asyncio.Lock()
        self._writing, self._waiting = CapacityLimiter(_WRITERS), CapacityLimiter(_ERRANDS)

    async def ask(self, question: Callable[..., _Result], *given: Any, **named: Any) -> _Result:
        """Return the answer to something short."""
        return await to_thread.run_sync(partial(question, *given, **named))

    async def write(self, action: Callable[[bytes], None], data: bytes) -> None:
        await to_thread.run_sync(action, data, limiter=self._writing)

    async def turn(self) -> None:
        """Wait until one more upload may read on: one in each round of the event loop, however many come.

        Thirty at full speed would otherwise each bring 256 KiB a round, and a page takes several rounds.
        """
        async with self._reading:
            await asyncio.sleep(0)

    async def errand(self, errand: Callable[..., _Result], *given: Any, **named: Any) -> _Result:
        """Return what a worker has to do first, in a second or two."""
        return await to_thread.run_sync(partial(errand, *given, **named), limiter=self._waiting)

    def check(self, chosen: Chosen) -> None:
        """Look at choices before gigabytes come with them.

        Raises:
            SettingsError: one is unknown, out of range, or none that a job may make.
        """
        require_kinds(chosen, self.schema)
        settings = Settings.model_validate(laid_over(self._settings, chosen))
        parts.style(settings.redact)
        members(settings.detect.detectors)


def _reception_of(request: Request) -> Reception | None:
    reception: Reception | None = request.app.state.reception
    return reception


ReceptionHere = Annotated[Reception, Depends(_reception_of)]
ReceptionIfAny = Annotated[Reception | None, Depends(_reception_of)]


def _chosen(
    reception: ReceptionHere,
    settings: Annotated[str | None, Query(max_length=MOST_CHARACTERS, include_in_schema=False)] = None,
) -> Chosen | None:
    if settings is None:
        return None
    chosen = parsed(settings)
    reception.check(chosen)
    return chosen


ChosenHere = Annotated[Chosen | None, Depends(_chosen)]
"""The choices in an address, checked."""
