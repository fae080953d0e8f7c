"""The pages, and what they are made of."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

from stream_guard.web.refusal import Refusal
from stream_guard.web.studio import StudioHere

STATIC: Final = Path(__file__).parent / "static"
router = APIRouter(include_in_schema=False)


def add_pages(app: FastAPI, first: str) -> None:
    """Add all pages; `first` is the one that opens at /."""
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.include_router(router)

    @app.get("/", include_in_schema=False)
    async def index() -> Response:
        return _page(first)


@router.get("/live")
async def stations() -> Response:
    return _page("stations")


@router.get("/live/{name}")
async def live(name: str, studio: StudioHere) -> Response:
    studio.channel(name)
    return _page("live")


@router.get("/publish/{name}")
async def publish(name: str, studio: StudioHere) -> Response:
    if studio.channel(name).whip is None:
        raise Refusal(404, "no_whip", "This stream takes no pictures by WHIP.")
    return _page("publish")


@router.get("/docs")
async def docs() -> Response:
    return _page("docs")


def _page(name: str) -> Response:
    return HTMLResponse(_text(name))


@cache
def _text(name: str) -> bytes:
    """Return a page from memory: who waits for the disk waits for all that is written to it."""
    return (STATIC / f"{name}.html").read_bytes()
