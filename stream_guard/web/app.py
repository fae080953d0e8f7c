"""The web app: pages and API put together, behind the gate."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from fastapi import FastAPI

from stream_guard.settings.web import Web
from stream_guard.web import health, streams, webrtc
from stream_guard.web.access import Gate, check, token_of
from stream_guard.web.channel import Channel
from stream_guard.web.openapi import documentation
from stream_guard.web.pages import add_pages
from stream_guard.web.refusal import add_refusals
from stream_guard.web.studio import Studio


def create_app(channels: Mapping[str, Channel], web: Web) -> FastAPI:
    """Return the app for stations by name.

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
    app.state.studio = studio
    for part in (streams, webrtc, health):
        app.include_router(part.router)
    add_pages(app, "index")
    add_refusals(app)
    app.openapi = documentation(app, locked=bool(token_of(web)))  # type: ignore[method-assign]
    app.add_middleware(Gate, web=web)
    return app
