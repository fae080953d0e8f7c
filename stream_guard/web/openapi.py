"""The documentation of the API, made from its routes: /openapi.json."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from stream_guard.settings import Settings
from stream_guard.version import VERSION
from stream_guard.web.access import COOKIE
from stream_guard.web.choices import SCHEMA, schema_of
from stream_guard.web.documents import JobStart, Problem

_ABOUT: Final = """Redacts pictures, videos and live cameras on this machine, and nowhere else.

Where a token is set, programs send it as `Authorization: Bearer TOKEN`; a browser opens a page once with
`?token=TOKEN` and keeps a cookie. Refusals are told as `{"detail": "one sentence", "code": "one_word"}`."""
_TAGS: Final = [
    {"name": "jobs", "description": "Pictures and videos: upload, progress, result, report."},
    {"name": "settings", "description": "What a job may choose, and how it looks."},
    {"name": "streams", "description": "Live cameras: state, Motion JPEG, snapshots."},
    {"name": "webrtc", "description": "Live cameras by WHEP and WHIP (RFC 9725), in real time."},
    {"name": "supervision", "description": "Health and metrics."},
]
_OPEN: Final = "/healthz"
_SCHEMES: Final = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE},
}


def documentation(app: FastAPI, *, locked: bool) -> Callable[[], dict[str, Any]]:
    """Return what FastAPI asks for the document; `locked` where a token is needed."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app, locked)
        return app.openapi_schema

    return document


def _document(app: FastAPI, locked: bool) -> dict[str, Any]:
    found = get_openapi(
        title="stream_guard",
        version=VERSION,
        description=_ABOUT,
        routes=app.routes,
        separate_input_output_schemas=False,
    )
    found["tags"] = _used(found)
    schemas = found["components"]["schemas"]
    schemas["Problem"] = Problem.model_json_schema()
    if app.state.reception is not None:
        schemas |= {SCHEMA: schema_of(Settings()), "JobStart": _job_start()}
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for path, operations in found["paths"].items():
        for operation in operations.values():
            _guard(operation, locked and path != _OPEN)
    if locked:
        found["components"]["securitySchemes"] = _SCHEMES
        found["security"] = [{name: []} for name in _SCHEMES]
        found["paths"][_OPEN]["get"]["security"] = []
    return found


def _job_start() -> dict[str, Any]:
    """Return the model of how a job is run; Pydantic knows its settings for an object and no more."""
    schema = JobStart.model_json_schema()
    schema["properties"]["settings"]["anyOf"][0] = {"$ref": f"#/components/schemas/{SCHEMA}"}
    return schema


def _used(document: dict[str, Any]) -> list[dict[str, str]]:
    every = (operation for operations in document["paths"].values() for operation in operations.values())
    used = {tag for operation in every for tag in operation["tags"]}
    return [tag for tag in _TAGS if tag["name"] in used]


def _guard(operation: dict[str, Any], locked: bool) -> None:
    """Document what the gate answers before the route is asked."""
    answers = operation["responses"]
    if _is_fastapis(answers.get("422", {})):
        del answers["422"]  # it is there for every parameter, though any text will do for a name
    for answer in answers.values():
        if answer["description"] == "Successful Response":
            answer["description"] = "What was asked for."
    answers.setdefault("403", _refusal("The request comes from another site, or under an unknown name."))
    if locked:
        answers.setdefault("401", _refusal("The token is missing or wrong."))
    operation["responses"] = dict(sorted(answers.items()))


def _is_fastapis(answer: dict[str, Any]) -> bool:
    return answer.get("description") == "Validation Error"


def _refusal(text: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": text, "content": {"application/json": {"schema": schema}}}
