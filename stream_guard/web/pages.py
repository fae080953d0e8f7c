"""The pages, and what they are made of."""

from __future__ import annotations

from functools import cache
from pathlib import Path, PurePath
from typing import Final

from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from stream_guard.web.refusal import Refusal
from stream_guard.web.studio import StudioHere

STATIC: Final = Path(__file__).parent / "static"
_TYPES: Final = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
router = APIRouter(include_in_schema=False)


def add_pages(app: FastAPI, first: str) -> None:
    """Add all pages; `first` is the one that opens at /."""
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


@router.api_route("/static/{path:path}", methods=["GET", "HEAD"])
async def static(path: str) -> Response:
    if path not in _files():
        raise HTTPException(404)
    return Response(_files()[path], media_type=_TYPES[PurePath(path).suffix])


def _page(name: str) -> Response:
    return HTMLResponse(_files()[f"{name}.html"])


@cache
def _files() -> dict[str, bytes]:
    """Return all there is by name, from memory: who waits for the disk waits for all that is written to it.

    Nor does a request for one of them wait for another thread, which the stations' would keep waiting.
    """
    return {p.relative_to(STATIC).as_posix(): p.read_bytes() for p in STATIC.rglob("*") if p.suffix in _TYPES}
