"""What comes back is what we wrote, of the type that it is, and nothing that a browser would run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests import hostile
from tests.servers import Served, redacted, served, upload

KINDS = (
    "JPEG and zip", "GIF and jar", "PNG and HTML", "PNG with HTML inside", "JPEG with HTML inside",
    "JPEG and PDF", "JPEG with a script in its EXIF", "MP4 and HTML", "MP4 and zip",
    "MKV with HTML in its title",
)  # fmt: skip
NO_MEDIA = {
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><rect width="9" height="9"/></svg>',
    "HTML": b"<!doctype html>" + hostile.PAYLOAD,
    "PDF": b"%PDF-1.4\n%%EOF\n",
    "script": b"#!/bin/sh\ntouch /tmp/x\n",
    "XML": b"<?xml version='1.0'?><!DOCTYPE l [<!ENTITY a 'ha'><!ENTITY b '&a;&a;'>]><l>&b;</l>",
    "program": b"\x7fELF\x02\x01\x01" + bytes(200),
    "nothing": b"",
    "one byte": b"\xff",
    "noise": bytes(range(256)) * 8,
    "PostScript": b"%!PS\n(r) file pop\n",
}
RUN_BY_BROWSERS = ("html", "xml", "svg", "javascript", "pdf", "x-java")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("content") / "jobs") as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Served) -> Iterator[httpx.Client]:
    with server.client() as open_:
        yield open_


@pytest.fixture(scope="module")
def polyglots(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[bytes, str, str]]:
    return hostile.polyglots(tmp_path_factory.mktemp("made"))


def test_all_kinds_are_tried(polyglots: dict[str, tuple[bytes, str, str]]) -> None:
    assert tuple(polyglots) == KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_two_things_comes_back_as_one(
    client: httpx.Client, polyglots: dict[str, tuple[bytes, str, str]], kind: str
) -> None:
    data, name, result_type = polyglots[kind]
    job = redacted(client, data, name)
    assert job["state"] == "done", job["message"]
    result = client.get(f"/api/jobs/{job['id']}/result")
    assert result.headers["content-type"] == result_type == job["outcome"]["result_type"]
    assert b"canary-payload" not in result.content
    assert b"PK\x03\x04" not in result.content
    report = client.get(f"/api/jobs/{job['id']}/report")
    assert report.headers["content-type"].startswith("application/json")
    assert "canary-payload" not in report.text
    _require_inert(result)
    _require_inert(report)


@pytest.mark.parametrize("kind", KINDS)
def test_the_original_cannot_be_run(
    client: httpx.Client, polyglots: dict[str, tuple[bytes, str, str]], kind: str
) -> None:
    data, _, _ = polyglots[kind]
    answer = upload(client, data, "page.html", start="false")
    assert answer.status_code == 201
    original = client.get(f"/api/jobs/{answer.json()['id']}/original", params={"download": 1})
    assert original.content == data
    assert original.headers["content-disposition"].startswith("attachment")
    _require_inert(original)
    _require_inert(client.get(f"/api/jobs/{answer.json()['id']}/original"))


def _require_inert(answer: httpx.Response) -> None:
    kind = answer.headers["content-type"].lower()
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not [word for word in RUN_BY_BROWSERS if word in kind], kind
    assert kind.startswith(("image/", "video/", "application/json", "application/octet-stream")), kind
    assert "'unsafe" not in answer.headers["content-security-policy"]


@pytest.mark.parametrize("name", ["page.html", "a.svg", "a.mp4", "a.js", "a"])
def test_the_type_of_a_result_is_what_it_holds_whatever_the_name_of_the_original(
    client: httpx.Client, name: str
) -> None:
    job = redacted(client, hostile.picture(), name)
    result = client.get(f"/api/jobs/{job['id']}/result")
    assert result.headers["content-type"] == job["outcome"]["result_type"] == "image/png"
    assert result.content.startswith(b"\x89PNG")
    assert job["outcome"]["result_name"].endswith(".redacted.png")


@pytest.mark.parametrize("name", ["a.jpg", "a.svg", "a.html", "a.mp4"])
@pytest.mark.parametrize("kind", NO_MEDIA)
def test_what_is_no_picture_and_no_video_is_refused_whatever_its_name(
    client: httpx.Client, server: Served, kind: str, name: str
) -> None:
    before = sorted(server.folder.iterdir())
    answer = upload(client, NO_MEDIA[kind], name)
    assert (answer.status_code, answer.json()["code"]) == (415, "not_media")
    assert sorted(server.folder.iterdir()) == before


def test_a_report_names_no_place_of_the_server(client: httpx.Client, server: Served) -> None:
    job = redacted(client, hostile.picture(), verify="true")
    report = client.get(f"/api/jobs/{job['id']}/report").text
    for place in (str(server.folder), str(server.folder.parent), str(Path.home())):
        assert place not in report
        assert place not in json.dumps(job)
