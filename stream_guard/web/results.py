"""Routes of what a job leaves: result, original, report, preview, and a zip of all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response
from fastapi.responses import FileResponse, StreamingResponse

from stream_guard.jobs.choice import Chosen
from stream_guard.jobs.job import Job, JobState
from stream_guard.jobs.names import TYPES
from stream_guard.web import ids  # noqa: F401 - the shape {job_id:job}
from stream_guard.web.archive import Entry, unique, zipped
from stream_guard.web.choices import IN_ADDRESS
from stream_guard.web.reception import ChosenHere, Reception, ReceptionHere
from stream_guard.web.refusal import Refusal, answers

_BYTES: Final = {"schema": {"type": "string", "format": "binary"}}
_UNKNOWN: Final = "application/octet-stream"
_NOT_DONE: Final = answers(
    s404="There is no such job, or no longer.",
    s409="It is not there yet.",
    s422="A parameter is not valid, or the file cannot be read.",
)
_TEXT: Final = {"text/plain": {"schema": {"type": "string"}}}
_RANGES: Final[dict[int | str, dict[str, Any]]] = {
    400: {"description": "The range cannot be understood.", "content": _TEXT},
    416: {"description": "The range is beyond the end.", "content": _TEXT},
}
Download = Annotated[bool, Query(description="Have browsers save the file, not show it.")]
router = APIRouter(prefix="/api/jobs", tags=["jobs"])


def _media(text: str, *others: str) -> dict[int | str, dict[str, Any]]:
    content = dict.fromkeys([*dict.fromkeys(TYPES.values()), *others], _BYTES)
    return {
        200: {"description": text, "content": content},
        206: {"description": "A part.", "content": content},
    }


@router.get(
    "/archive",
    response_class=Response,
    responses=_NOT_DONE | {200: {"description": "The zip.", "content": {"application/zip": _BYTES}}},
)
async def download_archive(
    reception: ReceptionHere,
    id: Annotated[list[str], Query(description="Which jobs; all that are done if none is named.")] = [],  # noqa: B006
) -> Response:
    """Download the results and reports of several jobs as one zip."""
    entries = await reception.ask(_entries, reception, id)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    headers = {"Content-Disposition": f'attachment; filename="stream-guard-{stamp}.zip"'}
    return StreamingResponse(zipped(entries), media_type="application/zip", headers=headers)


@router.get(
    "/{job_id:job}/result",
    response_class=Response,
    responses=_NOT_DONE | _RANGES | _media("The redacted picture or video."),
)
async def get_result(job_id: str, reception: ReceptionHere, download: Download = False) -> Response:
    """Return the redacted picture or video; parts of it too, by Range."""
    job, path = await _found(reception, job_id, reception.queue.result)
    if job.outcome is None:
        raise Refusal(409, "not_done", "The job is not done yet.")
    return _file(path, job.outcome.result_type, job.outcome.result_name, download)


@router.get(
    "/{job_id:job}/original",
    response_class=Response,
    responses=_NOT_DONE | _RANGES | _media("The file as it came, not redacted.", _UNKNOWN),
)
async def get_original(job_id: str, reception: ReceptionHere, download: Download = False) -> Response:
    """Return the file as it came; parts of it too, by Range."""
    job, path = await _found(reception, job_id, reception.queue.original)
    media_type = TYPES.get(path.suffix.lower(), _UNKNOWN)
    return _file(path, media_type, job.name, download or media_type == _UNKNOWN)


@router.get(
    "/{job_id:job}/report",
    response_class=Response,
    responses=_NOT_DONE
    | _RANGES
    | {200: {"description": "The report.", "content": {"application/json": {}}}},
)
async def get_report(job_id: str, reception: ReceptionHere, download: Download = False) -> Response:
    """Return the report of a job that is done: what was covered, for how long and why."""
    job, path = await _found(reception, job_id, reception.queue.report)
    return _file(path, "application/json", _report_name(job), download)


@router.get(
    "/{job_id:job}/preview.jpg",
    response_class=Response,
    responses=_NOT_DONE | {200: {"description": "One redacted frame.", "content": {"image/jpeg": _BYTES}}},
    openapi_extra=IN_ADDRESS,
)
async def get_preview(
    job_id: str,
    reception: ReceptionHere,
    chosen: ChosenHere,
    time_s: Annotated[float, Query(ge=0, le=1e6, allow_inf_nan=False, description="Where in a video.")] = 0.0,
) -> Response:
    """Redact one frame, to see how settings look before all of it is run."""
    return Response(
        await reception.errand(_preview, reception, job_id, time_s, chosen), media_type="image/jpeg"
    )


def _preview(reception: Reception, job_id: str, time_s: float, chosen: Chosen | None) -> bytes:
    return reception.queue.preview(job_id, time_s, chosen).read_bytes()


async def _found(reception: Reception, job_id: str, part: Callable[[str], Path]) -> tuple[Job, Path]:
    return await reception.ask(reception.queue.job, job_id), await reception.ask(part, job_id)


def _file(path: Path, media_type: str, name: str, download: bool) -> Response:
    shown = "attachment" if download else "inline"
    return FileResponse(path, media_type=media_type, filename=name, content_disposition_type=shown)


def _report_name(job: Job) -> str:
    return f"{job.outcome.result_name if job.outcome else job.name}.report.json"


def _entries(reception: Reception, wanted: Sequence[str]) -> list[Entry]:
    """Return what goes into the archive: of each job the result and the report."""
    queue = reception.queue
    jobs = [queue.job(one) for one in dict.fromkeys(wanted)] or [
        job for job in queue.jobs() if job.state is JobState.DONE
    ]
    if not jobs:
        raise Refusal(409, "not_done", "No job is done yet.")
    names = unique([job.outcome.result_name if job.outcome else job.name for job in jobs])
    return [
        entry
        for job, name in zip(jobs, names, strict=True)
        for entry in (
            Entry(name, queue.result(job.id)),
            Entry(f"{name}.report.json", queue.report(job.id)),
        )
    ]
