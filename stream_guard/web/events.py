"""Routes of server-sent events: all jobs, or one, as they change."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final

from fastapi import APIRouter, Response

from stream_guard.jobs.job import Deleted, Job
from stream_guard.jobs.queue import JobQueue
from stream_guard.outputs.branch import waking
from stream_guard.web import ids  # noqa: F401 - the shape {job_id:job}
from stream_guard.web.documents import JobDocument
from stream_guard.web.reception import Reception, ReceptionHere
from stream_guard.web.refusal import answers
from stream_guard.web.streaming import PatientStream

_HEARTBEAT_S: Final = 15.0
_HEARTBEAT: Final = b": nothing new\n\n"
_RETRY: Final = b"retry: 2000\n\n"
"""Milliseconds until a browser asks again when the server has gone."""
_TYPE: Final = "text/event-stream"
_EVENT: Final = {
    "description": "Each event; the data are JSON.",
    "type": "object",
    "properties": {"event": {"enum": ["job", "deleted"]}, "data": {"type": "string"}},
}
_EVENTS: Final = {
    "description": 'Events "job" (a JobDocument) and "deleted" (its id), the present state first.',
    "content": {_TYPE: {"schema": _EVENT}},
}
_UNBUFFERED: Final = {"X-Accel-Buffering": "no"}
Change = Job | Deleted
router = APIRouter(prefix="/api/jobs", tags=["jobs"])


@router.get("/events", response_class=Response, responses={200: _EVENTS})
async def watch_jobs(reception: ReceptionHere) -> Response:
    """Tell of all jobs as they change, without end."""
    return PatientStream(_of_all(reception), media_type=_TYPE, headers=_UNBUFFERED)


@router.get(
    "/{job_id:job}/events",
    response_class=Response,
    responses=answers(s404="There is no such job.") | {200: _EVENTS},
)
async def watch_job(job_id: str, reception: ReceptionHere) -> Response:
    """Tell of one job as it changes; ends when the job has ended."""
    await reception.ask(reception.queue.job, job_id)
    return PatientStream(_of_one(reception, job_id), media_type=_TYPE, headers=_UNBUFFERED)


@contextmanager
def _listening(queue: JobQueue) -> Iterator[Callable[[], Awaitable[list[Change]]]]:
    """Yield what waits for changes and returns each job's newest state; nothing where none came in time."""
    arrived = asyncio.Event()
    with queue.watch(waking(asyncio.get_running_loop(), arrived)) as watch:

        async def changed() -> list[Change]:
            try:
                async with asyncio.timeout(_HEARTBEAT_S):
                    await arrived.wait()
            except TimeoutError:
                return []
            arrived.clear()
            return watch.take(0)

        yield changed


async def _of_all(reception: Reception) -> AsyncGenerator[bytes, None]:
    with _listening(reception.queue) as changed:
        jobs = await reception.ask(reception.queue.jobs)
        yield _RETRY + b"".join(_event(job) for job in reversed(jobs))
        while True:
            changes = await changed()
            yield b"".join(_event(change) for change in changes) or _HEARTBEAT


async def _of_one(reception: Reception, job_id: str) -> AsyncGenerator[bytes, None]:
    with _listening(reception.queue) as changed:
        changes: list[Change] = [await reception.ask(reception.queue.job, job_id)]
        while True:
            ours = [change for change in changes if change.id == job_id]
            for change in ours:
                yield _event(change)
                if isinstance(change, Deleted) or change.state.is_over:
                    return
            if not changes:
                yield _HEARTBEAT
            changes = await changed()


def _event(change: Change) -> bytes:
    if isinstance(change, Job):
        return b"event: job\ndata: " + JobDocument.model_validate(change).model_dump_json().encode() + b"\n\n"
    return b"event: deleted\ndata: " + json.dumps({"id": change.id}).encode() + b"\n\n"
