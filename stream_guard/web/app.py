"""The web app: pages and API put together, behind the gate."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from fastapi import FastAPI

from stream_guard.settings.web import Web
from stream_guard.web import events, form, health, jobs, results, streams, uploads, webrtc
from stream_guard.web.access import Gate, check, token_of
from stream_guard.web.channel import Channel
from stream_guard.web.openapi import documentation
from stream_guard.web.pages import add_pages
from stream_guard.web.reception import Reception
from stream_guard.web.refusal import add_refusals
from stream_guard.web.studio import Studio

_OF_JOBS: Final = (form, uploads, events, results, jobs)


def create_app(channels: Mapping[str, Channel], web: Web, reception: Reception | None = None) -> FastAPI:
    """Return the app for stations by name; with a reception it takes files too, and they are its first page.

    Raises:
        SettingsError: the settings would let strangers in.
    """
    check(web)
    studio = Studio(channels, web)

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        async with studio.open():
            yield

    app = FastAPI(
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=running,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.studio, app.state.reception = studio, reception
    for part in (*(_OF_JOBS if reception else ()), streams, webrtc, health):
        app.include_router(part.router)
    add_pages(app, "files" if reception else "stations")
    add_refusals(app)
    app.openapi = documentation(app, locked=bool(token_of(web)))  # type: ignore[method-assign]
    app.add_middleware(Gate, web=web)
    return app
