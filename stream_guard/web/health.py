"""Routes for supervision: health, and metrics in Prometheus' format."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from stream_guard.web import figures
from stream_guard.web.documents import Health
from stream_guard.web.reception import ReceptionIfAny
from stream_guard.web.studio import StudioHere

_METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_METRICS: Final = {"description": "All figures.", "content": {"text/plain": {"schema": {"type": "string"}}}}
_ILL: Final[dict[int | str, dict[str, Any]]] = {503: {"model": Health, "description": "Something is ill."}}
_JOBS: Final = "/jobs"
"""No stream can have that name."""
router = APIRouter(tags=["supervision"])


@router.get("/metrics", response_class=Response, responses={200: _METRICS})
async def get_metrics(studio: StudioHere, reception: ReceptionIfAny) -> Response:
    """Return all figures in Prometheus' text format."""
    health = await reception.ask(reception.queue.health) if reception else None
    text = figures.metrics(studio.readings()) + (figures.of_jobs(health) if health else "")
    return PlainTextResponse(text, media_type=_METRICS_TYPE)


@router.get("/healthz", response_model=Health, response_model_exclude_none=True, responses=_ILL)
async def get_health(request: Request, studio: StudioHere, reception: ReceptionIfAny) -> Response:
    """Tell whether all is well; a stream to which nobody publishes is idle, not ill."""
    readings = studio.readings()
    reasons = {one.name: figures.unhealthy(one.status) for one in readings}
    reasons[_JOBS] = (await reception.ask(reception.queue.health)).trouble if reception else None
    ill = {name: reason for name, reason in reasons.items() if reason is not None}
    idle = [one.name for one in readings if one.status.idle]
    told = {"unhealthy": ill, "idle": idle} if request.scope["trusted"] else {}
    return JSONResponse({"healthy": not ill, **told}, 503 if ill else 200)
