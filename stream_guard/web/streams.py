"""Routes of live streams but for WebRTC: how they fare, Motion JPEG, snapshots."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Response
from starlette.types import Send

from stream_guard.outputs import mjpeg
from stream_guard.web import figures
from stream_guard.web.documents import StreamDocument, Streams
from stream_guard.web.reception import ReceptionIfAny
from stream_guard.web.refusal import answers, later, refused
from stream_guard.web.streaming import PatientStream
from stream_guard.web.studio import Studio, StudioHere

_NO_STREAM: Final = answers(s404="There is no such stream.")
_WATCHING: Final = _NO_STREAM | {
    409: refused("The stream has shown nothing yet.", retry=True),
    503: refused("All places for viewers are taken, or no picture came in time.", retry=True),
}
_JPEG: Final = {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}
_MOTION: Final = {mjpeg.CONTENT_TYPE.partition(";")[0]: {"schema": {"type": "string", "format": "binary"}}}
router = APIRouter(prefix="/api/streams", tags=["streams"])


@router.get("")
async def list_streams(studio: StudioHere, reception: ReceptionIfAny) -> Streams:
    """List all live sources and how they fare."""
    streams = [_document(reading) for reading in studio.readings()]
    return Streams(streams=streams, files=reception is not None)


@router.get("/{name}", responses=_NO_STREAM)
async def get_stream(name: str, studio: StudioHere) -> StreamDocument:
    """Tell how one live source fares."""
    studio.channel(name)
    return _document(studio.reading(name))


@router.get(
    "/{name}/mjpeg",
    response_class=Response,
    responses=_WATCHING | {200: {"description": "Redacted pictures without end.", "content": _MOTION}},
)
async def watch_stills(name: str, studio: StudioHere) -> Response:
    """Show a stream as Motion JPEG, where WebRTC cannot be had."""
    studio.admit(studio.channel(name))
    return _MotionJpeg(studio, name)


@router.get(
    "/{name}/snapshot.jpg",
    response_class=Response,
    responses=_WATCHING | {200: {"description": "The newest redacted picture.", "content": _JPEG}},
)
async def take_snapshot(name: str, studio: StudioHere) -> Response:
    """Take one redacted picture of a stream."""
    channel = studio.channel(name)
    studio.admit(channel)
    picture = await mjpeg.snapshot(channel.branches)
    if picture is None:
        raise later(503, "no_picture", "No picture came in time.")
    return Response(picture, media_type="image/jpeg")


def _document(reading: figures.Reading) -> StreamDocument:
    return StreamDocument.model_validate(figures.as_json(reading))


class _MotionJpeg(PatientStream):
    """Pictures for one viewer, who is counted while they are sent."""

    def __init__(self, studio: Studio, name: str) -> None:
        super().__init__(mjpeg.parts(studio.channels[name].branches), mjpeg.CONTENT_TYPE)
        self._studio, self._name = studio, name

    async def stream_response(self, send: Send) -> None:
        self._studio.still_viewing[self._name] += 1
        try:
            await super().stream_response(send)
        finally:
            self._studio.still_viewing[self._name] -= 1
