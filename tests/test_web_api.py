"""The API's documentation, and how it says no, whatever was asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from stream_guard.settings.web import Web
from stream_guard.version import VERSION
from stream_guard.web.server import WebServer
from tests.stations import Feeder
from tests.webs import FedStation, serving

TOKEN = "Canary-token-0815"  # noqa: S105
GATE = {"401", "403"}


@pytest.fixture(scope="module")
def server() -> Iterator[WebServer]:
    with Feeder() as feeder, serving(cam=FedStation(feeder)) as running:
        yield running


@pytest.fixture(scope="module")
def document(server: WebServer) -> Any:
    return httpx.get(f"{server.address}openapi.json").json()


def operations(document: Any) -> Iterator[tuple[str, Any]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def test_the_document_says_what_this_is(document: Any) -> None:
    assert document["info"]["title"] == "stream_guard"
    assert document["info"]["version"] == VERSION
    assert "security" not in document
    assert [tag["name"] for tag in document["tags"]] == ["streams", "webrtc", "supervision"]


def test_every_operation_is_described_with_all_its_answers(document: Any) -> None:
    found = require_whole(document)
    assert {"get /api/streams", "post /whep/{name}", "delete /whip/{name}/{session_id}"} <= found.keys()


def require_whole(document: Any) -> dict[str, Any]:
    """Check that operations have names, words and all refusals of the gate, and return them."""
    found = dict(operations(document))
    names = [operation["operationId"] for operation in found.values()]
    assert len(set(names)) == len(names)
    for name, operation in found.items():
        assert operation["description"].endswith("."), name
        assert len(operation["tags"]) == 1, name
        assert operation["responses"].keys() >= GATE - {"401"}, name
        for status, answer in operation["responses"].items():
            if status[0] in "45" and name != "get /healthz":
                (content,) = answer["content"].items()
                if content[0] == "text/plain" and status in ("400", "416"):
                    continue  # Starlette's own words about a wrong Range
                assert content == (
                    "application/json",
                    {"schema": {"$ref": "#/components/schemas/Problem"}},
                ), name
    return found


def test_only_health_can_be_asked_without_the_token() -> None:
    with serving(Web(port=0, token=SecretStr(TOKEN))) as server:
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        document = httpx.get(f"{server.address}openapi.json", headers=bearer).json()
    assert document["security"] == [{"bearer": []}, {"cookie": []}]
    without = [name for name, operation in operations(document) if operation.get("security") == []]
    assert without == ["get /healthz"]
    assert all("401" in o["responses"] for name, o in operations(document) if name not in without)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "none", 404, "not_found"),
        ("GET", "static/none.js", 404, "not_found"),
        ("GET", "api/streams/none", 404, "no_such_stream"),
        ("GET", "live/none", 404, "no_such_stream"),
        ("DELETE", "whep/cam/none", 404, "no_such_session"),
        ("TRACE", "api/streams", 405, "not_allowed"),
        ("POST", "whep/cam", 415, "wrong_type"),
    ],
)
def test_refusals_are_one_sentence_and_one_word(
    server: WebServer, method: str, path: str, status: int, code: str
) -> None:
    answer = httpx.request(method, server.address + path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json().keys() == {"detail", "code"}
    assert answer.json()["detail"].endswith(".")


def test_a_wrong_method_is_told_all_the_right_ones(server: WebServer) -> None:
    assert httpx.put(f"{server.address}whep/cam").headers["Allow"] == "OPTIONS, POST"
    assert httpx.put(f"{server.address}whep/cam/none").headers["Allow"] == "DELETE, PATCH"
