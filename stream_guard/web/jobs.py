"""Routes of jobs: list, state, start, cancel, delete."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request, Response
from pydantic import ValidationError

from stream_guard.jobs.job import Job
from stream_guard.jobs.upload import GB
from stream_guard.web import ids  # noqa: F401 - the shape {job_id:job}
from stream_guard.web.bodies import text_of
from stream_guard.web.documents import JobDocument, JobList, JobStart, Quota
from stream_guard.web.reception import Reception, ReceptionHere
from stream_guard.web.refusal import Refusal, answers, refused

_MOST_BYTES: Final = 64 * 1024
_JSON: Final = "application/json"
_NO_JOB: Final = answers(s404="There is no such job, or no longer.")
_START: Final[dict[str, Any]] = {
    "requestBody": {
        "required": False,
        "content": {_JSON: {"schema": {"$ref": "#/components/schemas/JobStart"}}},
    }
}
_STARTED: Final = (
    _NO_JOB
    | answers(
        s409="The job is queued or running already, or still on its way.",
        s413="The body is larger than any honest one.",
        s415=f"The body is not {_JSON}.",
        s422="The settings are not valid.",
    )
    | {503: refused("So many jobs wait that no more are taken.", retry=True)}
)
router = APIRouter(prefix="/api/jobs", tags=["jobs"])


@router.get("")
async def list_jobs(reception: ReceptionHere) -> JobList:
    """List all jobs, the newest first."""
    return await reception.ask(_listed, reception)


def _listed(reception: Reception) -> JobList:
    health = reception.queue.health()
    return JobList(
        jobs=[_document(job) for job in reception.queue.jobs()],
        keep_hours=reception.limits.keep_hours,
        quota=Quota(used=health.bytes_used, total=health.quota_bytes),
        upload_bytes=round(reception.limits.upload_gb * GB),
        workers=health.workers,
    )


@router.get("/{job_id:job}", responses=_NO_JOB)
async def get_job(job_id: str, reception: ReceptionHere) -> JobDocument:
    """Tell how a job fares."""
    return _document(await reception.ask(reception.queue.job, job_id))


@router.post("/{job_id:job}/start", status_code=202, responses=_STARTED, openapi_extra=_START)
async def start_job(job_id: str, request: Request, reception: ReceptionHere) -> JobDocument:
    """Run a job that waits, or run one again that is over, with other settings if some are given."""
    how = await _how(request)
    if how.settings is not None:
        reception.check(how.settings)
    return _document(await reception.errand(reception.queue.start, job_id, how.settings, how.verify))


@router.post("/{job_id:job}/cancel", status_code=202, responses=_NO_JOB)
async def cancel_job(job_id: str, reception: ReceptionHere) -> JobDocument:
    """Stop a job; its original is kept until it expires or is deleted."""
    return _document(await reception.ask(reception.queue.cancel, job_id))


@router.delete("/{job_id:job}", status_code=204, response_class=Response, responses=_NO_JOB)
async def delete_job(job_id: str, reception: ReceptionHere) -> Response:
    """Delete a job with its original and its result, now; one that runs is stopped."""
    await reception.ask(reception.queue.delete, job_id)
    return Response(status_code=204)


def _document(job: Job) -> JobDocument:
    return JobDocument.model_validate(job)


async def _how(request: Request) -> JobStart:
    """Return how to run a job; nothing at all stands for "as before"."""
    if request.headers.get("content-length", "") in ("", "0") and "transfer-encoding" not in request.headers:
        return JobStart()
    try:
        return JobStart.model_validate_json(await text_of(request, _JSON, _MOST_BYTES))
    except ValidationError as exc:
        raise Refusal(422, "invalid", f"The body is not valid: {exc.errors()[0]['msg']}.") from exc
