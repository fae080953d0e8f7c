"""The web app: pages, WHEP, WHIP, Motion JPEG, status, metrics and health of all stations."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse, StreamingResponse
from starlette.staticfiles import StaticFiles
from starlette.types import Send

from stream_guard.outputs import mjpeg
from stream_guard.settings.web import Web
from stream_guard.web import figures, peer, whep, whip
from stream_guard.web.access import Gate, check, is_loopback
from stream_guard.web.channel import Channel
from stream_guard.web.sessions import Session, Sessions

RETRY_S: Final = 2
STATIC: Final = Path(__file__).parent / "static"
_METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_STUCK_S: Final = 15.0
"""Who takes no byte of Motion JPEG for so long has gone."""


class Studio:
    """All that the routes share; lives on the event loop."""

    def __init__(self, channels: Mapping[str, Channel], web: Web) -> None:
        self.channels = channels
        self.loopback = is_loopback(web.host)
        self.most_viewers = web.viewers
        self.viewing, self.publishing = Sessions(), Sessions()
        self.still_viewing: dict[str, int] = dict.fromkeys(channels, 0)
        """Viewers by Motion JPEG."""
        self.meters: dict[str, figures.LatencyMeter] = {}

    @asynccontextmanager
    async def open(self, _: FastAPI) -> AsyncIterator[None]:
        """Measure while the server runs, and leave no connection behind."""
        async with AsyncExitStack() as undo:
            for name, channel in self.channels.items():
                self.meters[name] = undo.enter_context(figures.LatencyMeter(channel.station.hub))
            undo.push_async_callback(self.publishing.close)
            undo.push_async_callback(self.viewing.close)
            yield

    def channel(self, name: str) -> Channel:
        if name not in self.channels:
            raise HTTPException(404, "There is no such station.")
        return self.channels[name]

    def reading(self, name: str) -> figures.Reading:
        channel, meter = self.channels[name], self.meters.get(name)
        return figures.Reading(
            name,
            channel.station.status(),
            self.viewers(name),
            meter.reading() if meter else figures.Spread(),
            takes_whip=channel.whip is not None,
            published=self.publishing.at(name) > 0,
        )

    def viewers(self, name: str) -> int:
        """Return how many watch a station, by WebRTC and Motion JPEG."""
        return self.viewing.at(name) + self.still_viewing[name]

    def readings(self) -> list[figures.Reading]:
        return [self.reading(name) for name in self.channels]

    def admit(self, channel: Channel) -> None:
        """Turn a viewer away where there is nothing to see, or no room."""
        later = {"Retry-After": str(RETRY_S)}
        if not channel.on_air:
            raise HTTPException(409, "The station has shown nothing yet; try again soon.", later)
        if len(self.viewing) + sum(self.still_viewing.values()) >= self.most_viewers:
            raise HTTPException(503, f"All {self.most_viewers} places for viewers are taken.", later)


def create_app(channels: Mapping[str, Channel], web: Web) -> FastAPI:
    """Return the app for stations by name.

    Raises:
        SettingsError: the settings would let strangers in.
    """
    check(web)
    studio = Studio(channels, web)
    app = FastAPI(title="stream_guard", docs_url=None, redoc_url=None, lifespan=studio.open)
    app.state.channels, app.state.studio = channels, studio
    app.add_exception_handler(peer.OfferError, _refused(400))
    app.add_exception_handler(peer.CodecError, _refused(406))
    _add_pages(app, studio)
    _add_status(app, studio)
    _add_whep(app, studio)
    _add_whip(app, studio)
    app.add_middleware(Gate, web=web)
    return app


def _refused(code: int) -> Any:
    def handle(_: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, code)

    return handle


# -- pages and figures ---------------------------------------------------------------------------------


def _add_pages(app: FastAPI, studio: Studio) -> None:
    app.mount("/static", StaticFiles(directory=STATIC), name="static")

    @app.get("/", include_in_schema=False)
    async def index() -> FileResponse:
        return FileResponse(STATIC / "index.html")

    @app.get("/live/{name}", include_in_schema=False)
    async def live(name: str) -> FileResponse:
        studio.channel(name)
        return FileResponse(STATIC / "live.html")

    @app.get("/publish/{name}", include_in_schema=False)
    async def publish(name: str) -> FileResponse:
        if studio.channel(name).whip is None:
            raise HTTPException(404, "This station takes no pictures by WHIP.")
        return FileResponse(STATIC / "publish.html")


def _add_status(app: FastAPI, studio: Studio) -> None:
    @app.get("/api/streams")
    async def streams() -> dict[str, Any]:
        return {"streams": [figures.as_json(reading) for reading in studio.readings()]}

    @app.get("/api/streams/{name}")
    async def stream(name: str) -> dict[str, Any]:
        studio.channel(name)
        return figures.as_json(studio.reading(name))

    @app.get("/api/streams/{name}/mjpeg", response_class=StreamingResponse)
    async def motion_jpeg(name: str) -> Response:
        channel = studio.channel(name)
        studio.admit(channel)
        return _MotionJpeg(studio, name)

    @app.get("/api/streams/{name}/snapshot.jpg")
    async def snapshot(name: str) -> Response:
        channel = studio.channel(name)
        studio.admit(channel)
        picture = await mjpeg.snapshot(channel.branches)
        if picture is None:
            raise HTTPException(503, "No picture came in time.", {"Retry-After": str(RETRY_S)})
        return Response(picture, media_type="image/jpeg")

    @app.get("/metrics")
    async def metrics() -> PlainTextResponse:
        return PlainTextResponse(figures.metrics(studio.readings()), media_type=_METRICS_TYPE)

    @app.get("/healthz")
    async def health(request: Request) -> JSONResponse:
        reasons = {one.name: figures.unhealthy(one.status) for one in studio.readings()}
        ill = {name: reason for name, reason in reasons.items() if reason is not None}
        told = {"unhealthy": ill} if request.scope["trusted"] else {}
        return JSONResponse({"healthy": not ill, **told}, 503 if ill else 200)


class _MotionJpeg(StreamingResponse):
    """Pictures for one viewer, who is counted while they are sent."""

    def __init__(self, studio: Studio, name: str) -> None:
        self._pictures = mjpeg.parts(studio.channels[name].branches)
        super().__init__(self._pictures, media_type=mjpeg.CONTENT_TYPE)
        self._studio, self._name = studio, name

    async def stream_response(self, send: Send) -> None:
        async def impatient(message: Any) -> None:
            async with asyncio.timeout(_STUCK_S):
                await send(message)

        self._studio.still_viewing[self._name] += 1
        try:
            async with aclosing(self._pictures):
                with suppress(TimeoutError):
                    await super().stream_response(impatient)
        finally:
            self._studio.still_viewing[self._name] -= 1


# -- WebRTC ------------------------------------------------------------------------------------------


def _add_whep(app: FastAPI, studio: Studio) -> None:
    @app.options("/whep/{name}")
    async def whep_options(name: str) -> Response:
        return _options()

    @app.post("/whep/{name}", status_code=201)
    async def whep_offer(name: str, request: Request) -> Response:
        channel = studio.channel(name)
        offer = await _body(request, peer.OFFER_TYPE)
        studio.admit(channel)
        session, answer = await whep.watch(studio.viewing, name, channel, offer, studio.loopback)
        return _created("whep", session, answer)

    _add_session(app, "whep", studio.viewing)


def _add_whip(app: FastAPI, studio: Studio) -> None:
    @app.options("/whip/{name}")
    async def whip_options(name: str) -> Response:
        return _options()

    @app.post("/whip/{name}", status_code=201)
    async def whip_offer(name: str, request: Request) -> Response:
        intake = studio.channel(name).whip
        if intake is None:
            raise HTTPException(404, "This station takes no pictures by WHIP.")
        offer = await _body(request, peer.OFFER_TYPE)
        if studio.publishing.at(name):
            raise HTTPException(409, "Somebody publishes here already.", {"Retry-After": str(RETRY_S)})
        session, answer = await whip.publish(studio.publishing, name, intake, offer, studio.loopback)
        return _created("whip", session, answer)

    _add_session(app, "whip", studio.publishing)


def _add_session(app: FastAPI, kind: str, sessions: Sessions) -> None:
    def find(name: str, session_id: str) -> Session:
        session = sessions.find(name, session_id)
        if session is None:
            raise HTTPException(404, "There is no such session, or it has ended.")
        return session

    @app.patch(f"/{kind}/{{name}}/{{session_id}}", status_code=204, name=f"{kind}_trickle")
    async def trickle(name: str, session_id: str, request: Request) -> Response:
        session = find(name, session_id)
        fragment = await _body(request, peer.TRICKLE_TYPE)
        given = peer.ufrag(fragment)
        if given and given != session.remote_ufrag:
            raise HTTPException(422, "ICE is not restarted here; open a new session.")
        if request.headers.get("if-match", session.etag) != session.etag:
            raise HTTPException(412, "The session has another ETag.")
        await peer.add_candidates(session.connection, fragment)
        return Response(status_code=204)

    @app.delete(f"/{kind}/{{name}}/{{session_id}}", name=f"{kind}_end")
    async def end(name: str, session_id: str) -> Response:
        await sessions.end(find(name, session_id))
        return Response(status_code=200)


def _options() -> Response:
    return Response(status_code=204, headers={"Accept-Post": peer.OFFER_TYPE, "Allow": "OPTIONS, POST"})


def _created(kind: str, session: Session, answer: str) -> Response:
    headers = {
        "Location": f"/{kind}/{quote(session.station, safe='')}/{session.id}",
        "ETag": session.etag,
        "Accept-Patch": peer.TRICKLE_TYPE,
    }
    return Response(answer, 201, headers, media_type=peer.OFFER_TYPE)


async def _body(request: Request, media_type: str) -> str:
    """Return the body of a request of one type, if it is no larger than any honest one."""
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != media_type:
        raise HTTPException(415, f"Send {media_type}.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > peer.MOST_BYTES:
            raise HTTPException(413, f"An offer has at most {peer.MOST_BYTES} bytes.")
    return body.decode("utf-8", "replace")
