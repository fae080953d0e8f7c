"""Routes of WebRTC over HTTP (RFC 9725): WHEP to watch a stream, WHIP to publish one."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from stream_guard.web import peer, whep, whip
from stream_guard.web.bodies import text_of
from stream_guard.web.refusal import Refusal, answers, later, refused
from stream_guard.web.sessions import Session, Sessions
from stream_guard.web.studio import StudioHere

_TEXT: Final = {"schema": {"type": "string"}}
_HEADER: Final = {"schema": {"type": "string"}, "required": True}
_OPTIONS: Final[dict[int | str, dict[str, Any]]] = {
    204: {
        "description": "What is taken here.",
        "headers": {"Accept-Post": _HEADER, "Allow": _HEADER},
    }
}
_OFFERED: Final = answers(
    s400="The offer is no SDP, or cannot be answered.",
    s404="There is no such stream.",
    s406="The offer has no codec that is spoken here.",
    s413="The offer is larger than any honest one.",
    s415=f"The body is not {peer.OFFER_TYPE}.",
) | {
    201: {
        "description": "The answer, all candidates in it; Location is the session, which a DELETE ends.",
        "content": {peer.OFFER_TYPE: _TEXT},
        "headers": {"Location": _HEADER, "ETag": _HEADER, "Accept-Patch": _HEADER},
    },
    409: refused("The stream has shown nothing yet, or somebody publishes here already.", retry=True),
}
_WATCHED: Final = _OFFERED | {503: refused("All places for viewers are taken.", retry=True)}
_TRICKLED: Final = answers(
    s400="The fragment has a candidate that cannot be understood.",
    s404="There is no such session, or it has ended.",
    s412="The session has another ETag.",
    s413="The fragment is larger than any honest one.",
    s415=f"The body is not {peer.TRICKLE_TYPE}.",
    s422="The fragment restarts ICE, which is not done here.",
) | {204: {"description": "The candidates are taken."}}
_ENDED: Final = answers(s404="There is no such session, or it has ended.")
_NO_WHIP: Final = "This stream takes no pictures by WHIP."
router = APIRouter(tags=["webrtc"])


def _takes(media_type: str) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {media_type: _TEXT}}}


@router.options("/whep/{name}", status_code=204, response_class=Response, responses=_OPTIONS)
async def describe_whep(name: str) -> Response:
    """Tell what WHEP takes."""
    return _options()


@router.post(
    "/whep/{name}",
    status_code=201,
    response_class=Response,
    responses=_WATCHED,
    openapi_extra=_takes(peer.OFFER_TYPE),
)
async def watch_stream(name: str, request: Request, studio: StudioHere) -> Response:
    """Watch a stream: send the offer of a WebRTC connection that receives video."""
    channel = studio.channel(name)
    offer = await text_of(request, peer.OFFER_TYPE, peer.MOST_BYTES)
    studio.admit(channel)
    session, answer = await whep.watch(studio.viewing, name, channel, offer, studio.loopback)
    return _created("whep", session, answer)


@router.options("/whip/{name}", status_code=204, response_class=Response, responses=_OPTIONS)
async def describe_whip(name: str) -> Response:
    """Tell what WHIP takes."""
    return _options()


@router.post(
    "/whip/{name}",
    status_code=201,
    response_class=Response,
    responses=_OFFERED,
    openapi_extra=_takes(peer.OFFER_TYPE),
)
async def publish_stream(name: str, request: Request, studio: StudioHere) -> Response:
    """Publish a camera: send the offer of a WebRTC connection that sends video."""
    intake = studio.channel(name).whip
    if intake is None:
        raise Refusal(404, "no_whip", _NO_WHIP)
    offer = await text_of(request, peer.OFFER_TYPE, peer.MOST_BYTES)
    if studio.publishing.at(name):
        raise later(409, "taken", "Somebody publishes here already.")
    session, answer = await whip.publish(studio.publishing, name, intake, offer, studio.loopback)
    return _created("whip", session, answer)


@router.patch(
    "/whep/{name}/{session_id}",
    status_code=204,
    response_class=Response,
    responses=_TRICKLED,
    openapi_extra=_takes(peer.TRICKLE_TYPE),
)
async def trickle_whep(name: str, session_id: str, request: Request, studio: StudioHere) -> Response:
    """Add candidates to the session of a viewer."""
    return await _trickle(studio.viewing, name, session_id, request)


@router.patch(
    "/whip/{name}/{session_id}",
    status_code=204,
    response_class=Response,
    responses=_TRICKLED,
    openapi_extra=_takes(peer.TRICKLE_TYPE),
)
async def trickle_whip(name: str, session_id: str, request: Request, studio: StudioHere) -> Response:
    """Add candidates to the session of a publisher."""
    return await _trickle(studio.publishing, name, session_id, request)


@router.delete("/whep/{name}/{session_id}", response_class=Response, responses=_ENDED)
async def end_whep(name: str, session_id: str, studio: StudioHere) -> Response:
    """Stop watching."""
    return await _end(studio.viewing, name, session_id)


@router.delete("/whip/{name}/{session_id}", response_class=Response, responses=_ENDED)
async def end_whip(name: str, session_id: str, studio: StudioHere) -> Response:
    """Stop publishing."""
    return await _end(studio.publishing, name, session_id)


async def _trickle(sessions: Sessions, name: str, session_id: str, request: Request) -> Response:
    session = _found(sessions, name, session_id)
    fragment = await text_of(request, peer.TRICKLE_TYPE, peer.MOST_BYTES)
    given = peer.ufrag(fragment)
    if given and given != session.remote_ufrag:
        raise Refusal(422, "no_restart", "ICE is not restarted here; open a new session.")
    if request.headers.get("if-match", session.etag) != session.etag:
        raise Refusal(412, "other_etag", "The session has another ETag.")
    await peer.add_candidates(session.connection, fragment)
    return Response(status_code=204)


async def _end(sessions: Sessions, name: str, session_id: str) -> Response:
    await sessions.end(_found(sessions, name, session_id))
    return Response(status_code=200)


def _found(sessions: Sessions, name: str, session_id: str) -> Session:
    session = sessions.find(name, session_id)
    if session is None:
        raise Refusal(404, "no_such_session", "There is no such session, or it has ended.")
    return session


def _options() -> Response:
    return Response(status_code=204, headers={"Accept-Post": peer.OFFER_TYPE, "Allow": "OPTIONS, POST"})


def _created(kind: str, session: Session, answer: str) -> Response:
    headers = {
        "Location": f"/{kind}/{quote(session.station, safe='')}/{session.id}",
        "ETag": session.etag,
        "Accept-Patch": peer.TRICKLE_TYPE,
    }
    return Response(answer, 201, headers, media_type=peer.OFFER_TYPE)
