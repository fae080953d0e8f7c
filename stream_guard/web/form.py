"""Routes of the form: what a job may choose, and how each choice looks."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from stream_guard.web.choices import IN_ADDRESS
from stream_guard.web.reception import ChosenHere, ReceptionHere
from stream_guard.web.refusal import answers

router = APIRouter(prefix="/api/settings", tags=["settings"])


@router.get("/schema")
async def get_settings_schema(reception: ReceptionHere) -> dict[str, Any]:
    """Return the JSON Schema of what a job may choose; its defaults are this server's settings."""
    return reception.schema


@router.get(
    "/example.jpg",
    response_class=Response,
    responses=answers(s422="The settings are not valid.")
    | {200: {"description": "The portrait.", "content": {"image/jpeg": {"schema": {"type": "string"}}}}},
    openapi_extra=IN_ADDRESS,
)
async def get_example(reception: ReceptionHere, chosen: ChosenHere) -> Response:
    """Return the bundled portrait, redacted with these settings."""
    return Response(await reception.errand(reception.queue.example, chosen), media_type="image/jpeg")
