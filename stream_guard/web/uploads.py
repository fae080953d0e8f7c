"""The route by which files come in: streamed to disk piece by piece, however large."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import contextmanager_in_threadpool
from fastapi.responses import JSONResponse

from stream_guard.web.bodies import type_of
from stream_guard.web.choices import IN_ADDRESS
from stream_guard.web.documents import JobDocument
from stream_guard.web.reception import ChosenHere, Reception, ReceptionHere
from stream_guard.web.refusal import Refusal, answers, refused

_PIECE: Final = 1 << 18
"""Bytes that are written at once: a trip to another thread costs more than to write one packet."""
_STALLED_S: Final = 60.0
_FORMS: Final = {"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"}
"""What other sites' forms can send without being asked for leave."""
_BYTES: Final = {"schema": {"type": "string", "format": "binary"}}
_TAKES: Final[dict[str, Any]] = IN_ADDRESS | {
    "requestBody": {"required": True, "content": {"application/octet-stream": _BYTES}}
}
_CREATED: Final[dict[str, Any]] = {
    "description": "The job.",
    "headers": {"Location": {"schema": {"type": "string"}, "required": True}},
}
_ANSWERS: Final = answers(
    s408="Nothing more came for a minute.",
    s413="The file is larger than is allowed.",
    s415="The file is neither picture nor video, or comes as a form does.",
    s422="Name or settings are not valid.",
    s507="The disk or the quota is used up.",
) | {201: _CREATED, 503: refused("So many jobs wait that no more are taken.", retry=True)}
router = APIRouter(prefix="/api/jobs", tags=["jobs"])


@router.post("", status_code=201, response_model=JobDocument, responses=_ANSWERS, openapi_extra=_TAKES)
async def create_job(
    request: Request,
    reception: ReceptionHere,
    chosen: ChosenHere,
    name: Annotated[str, Query(min_length=1, max_length=1000, description="What the file is called.")],
    start: Annotated[bool, Query(description="Run it at once, or let it wait for a start.")] = True,
    verify: Annotated[bool, Query(description="Prove the result when it is done.")] = False,
) -> Response:
    """Upload a picture or video: the body is the file, byte by byte."""
    if type_of(request) in _FORMS:
        raise Refusal(415, "form", "Send the file itself as application/octet-stream, not a form.")
    upload = await reception.ask(reception.queue.upload, name, _length(request))
    async with contextmanager_in_threadpool(upload):
        await _receive(request, reception, upload.write)
        job = await reception.errand(upload.finish, start=start, settings=chosen, verify=verify)
    document = JobDocument.model_validate(job).model_dump(mode="json")
    return JSONResponse(document, 201, {"Location": f"/api/jobs/{job.id}"})


async def _receive(request: Request, reception: Reception, write: Callable[[bytes], None]) -> None:
    """Write what comes; no more is taken from the network than the disk has taken before."""
    now_s, piece = asyncio.get_running_loop().time, bytearray()
    try:
        async with asyncio.timeout(_STALLED_S) as patience:
            async for chunk in request.stream():
                piece += chunk
                if len(piece) >= _PIECE:
                    await reception.write(write, bytes(piece))
                    piece.clear()
                await reception.turn()
                patience.reschedule(now_s() + _STALLED_S)
    except TimeoutError as exc:
        raise Refusal(408, "stalled", f"Nothing more of the file came for {_STALLED_S:.0f} s.") from exc
    await reception.write(write, bytes(piece))


def _length(request: Request) -> int | None:
    """Return how long the body says that it is; the server has checked that it is a number."""
    said = request.headers.get("content-length")
    return None if said is None else int(said)
