"""How the API says no: one sentence, and one word for programs."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as StarletteException
from starlette.requests import ClientDisconnect
from starlette.routing import Match
from starlette.types import Scope

from stream_guard.errors import SettingsError, StreamGuardError
from stream_guard.jobs import job
from stream_guard.web import peer
from stream_guard.web.documents import Problem
from stream_guard.web.headers import HEADERS

RETRY_S: Final = 2
_METHODS: Final = ("DELETE", "GET", "OPTIONS", "PATCH", "POST", "PUT")
_STATUS: Final[Mapping[type, int]] = {
    peer.OfferError: 400,
    peer.CodecError: 406,
    job.NoSuchJob: 404,
    job.NotDone: 409,
    job.TooLarge: 413,
    job.JobFailed: 422,
    SettingsError: 422,
    job.QueueFull: 503,
    job.NoRoom: 507,
}
_WORDS: Final = {404: "not_found", 405: "not_allowed"}


class Refusal(HTTPException):
    """A request that is not granted."""

    def __init__(self, status: int, code: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, detail, dict(headers or {}))
        self.code = code


def later(status: int, code: str, detail: str, retry_s: int = RETRY_S) -> Refusal:
    """Return a refusal that may be a grant soon."""
    return Refusal(status, code, detail, {"Retry-After": str(retry_s)})


def problem(status: int, code: str, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse(Problem(detail=detail, code=code).model_dump(), status, headers)


def answers(**said: str) -> dict[int | str, dict[str, Any]]:
    """Return refusals for the documentation: `answers(s404="no such job")`."""
    return {int(name[1:]): refused(text) for name, text in said.items()}


def refused(text: str, *, retry: bool = False) -> dict[str, Any]:
    """Return the documentation of one refusal."""
    seconds = {"description": "Seconds after which to try again.", "schema": {"type": "integer"}}
    return {"model": Problem, "description": text} | ({"headers": {"Retry-After": seconds}} if retry else {})


def add_refusals(app: FastAPI) -> None:
    """Have all that goes wrong told alike."""
    app.add_exception_handler(StarletteException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(StreamGuardError, _told)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _broken)


async def _http(request: Request, error: Any) -> JSONResponse:
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(_allowed(request))
    code = getattr(error, "code", None) or _WORDS.get(error.status_code, "refused")
    return problem(error.status_code, code, _sentence(error.detail), headers)


def _allowed(request: Request) -> list[str]:
    """Return the methods of all routes to an address; Starlette names those of the first alone."""
    asked = ({**request.scope, "method": method} for method in _METHODS)
    return [one["method"] for one in asked if _is_routed(request.app, one)]


def _is_routed(app: FastAPI, scope: Scope) -> bool:
    return any(route.matches(scope)[0] is Match.FULL for route in app.routes)


async def _invalid(_: Request, error: Any) -> JSONResponse:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:]) or "the body"
    reason = first["msg"].removeprefix("Input ").removeprefix("Value error, ").rstrip(".")
    return problem(422, "invalid", f"{where} is not valid: {reason}.")


async def _told(_: Request, error: Any) -> JSONResponse:
    status = next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), 500)
    if error.code == "not_media":
        status = 415
    retry = {"Retry-After": str(error.retry_after_s)} if isinstance(error, job.QueueFull) else None
    return problem(status, error.code, str(error), retry)


async def _gone(_: Request, error: Exception) -> JSONResponse:
    """Answer nobody: the client hung up, and what it sent is deleted."""
    return problem(400, "gone", "The client hung up.")


async def _broken(_: Request, error: Exception) -> JSONResponse:
    detail = f"The server made a mistake ({type(error).__name__}); please report it."
    return problem(500, "internal", detail, HEADERS)  # answered outside all that else would add them


def _sentence(detail: object) -> str:
    text = str(detail)
    return text if text.endswith(".") else f"{text or HTTPStatus(400).phrase}."
