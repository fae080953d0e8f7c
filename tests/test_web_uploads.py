"""Uploads that go wrong: too large, too many, no media, wrong words, and clients that vanish."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import httpx
import pytest

from stream_guard.web.server import WebServer
from tests.job_clients import PORTRAIT, Client, taking_jobs
from tests.stations import until

LIMIT = 200_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("jobs") / "folder"


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[WebServer]:
    with taking_jobs(folder, upload_gb=LIMIT / 1e9) as running:
        yield running


@pytest.fixture
def client(server: WebServer) -> Iterator[Client]:
    """A client after whom no job is left, for all that it sends is refused."""
    with Client(server) as asking:
        yield asking
        assert asking.jobs() == []


def nothing_is_left(folder: Path) -> bool:
    return not list(folder.rglob("original*"))


@pytest.mark.parametrize("chunked", [False, True])
def test_what_is_too_large_is_refused(client: Client, folder: Path, chunked: bool) -> None:
    body = bytes(LIMIT + 1)
    pieces = (body[at : at + 65536] for at in range(0, len(body), 65536))
    answer = client.http.post("/api/jobs", params={"name": "x.mp4"}, content=pieces if chunked else body)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert until(lambda: nothing_is_left(folder))


@pytest.mark.parametrize("body", [b"", b"%PDF-1.7 no picture", b"<svg xmlns='http://www.w3.org/2000/svg'/>"])
def test_what_is_no_picture_and_no_video_is_refused(client: Client, folder: Path, body: bytes) -> None:
    answer = client.post(body, name="portrait.jpg")
    assert (answer.status_code, answer.json()["code"]) == (415, "not_media")
    assert until(lambda: nothing_is_left(folder))


@pytest.mark.parametrize(
    "settings",
    [
        '{"redact": {"style": "frozt"}}', '{"\\ud800": {}}', '{"output": {"quality": false}}',
        '{"redact": {"style": "classic"}}', '{"redact": {"no": 1}}',
        '{"web": {"port": 1}}', '{"jobs": {"jobs_folder": "/"}}', '{"output": {"overwrite": true}}',
        '{"detect": {"detectors": ["mtcnn"]}}', '{"redact": 1}', "[]", "{", "[" * 20_000, "",
        '{"redact": {"colour": "red"}}', '{"track": {"lag_s": NaN}}',
    ],
)  # fmt: skip
def test_wrong_settings_are_refused_in_one_sentence(client: Client, settings: str) -> None:
    answer = client.http.post(
        "/api/jobs", params={"name": "x.jpg", "settings": settings}, content=PORTRAIT.read_bytes()
    )
    assert answer.status_code == 422, answer.text
    assert answer.json()["code"] in ("settings", "invalid")
    assert "\n" not in answer.json()["detail"]


@pytest.mark.parametrize(
    ("query", "status"),
    [({}, 422), ({"name": ""}, 422), ({"name": "x" * 1001}, 422), ({"name": "x", "start": "maybe"}, 422)],
)
def test_wrong_questions_are_refused(client: Client, query: dict[str, str], status: int) -> None:
    answer = client.http.post("/api/jobs", params=query, content=PORTRAIT.read_bytes())
    assert (answer.status_code, answer.json()["code"]) == (status, "invalid")


@pytest.mark.parametrize("media_type", ["multipart/form-data; boundary=x", "text/plain", "Text/Plain;x=y"])
def test_what_a_form_can_send_is_refused(client: Client, media_type: str) -> None:
    answer = client.http.post(
        "/api/jobs?name=x.jpg", content=PORTRAIT.read_bytes(), headers={"Content-Type": media_type}
    )
    assert (answer.status_code, answer.json()["code"]) == (415, "form")


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b"{}", "text/plain", 415), (b"{}", "", 415), (b"{", "application/json", 422),
        (b'{"verify": 7}', "application/json", 422), (b'{"other": 1}', "application/json", 422),
            (b'{"settings": {"redact": 1}}', "application/json", 422),
            (b'{"settings": {"redact": {"margin_side": true}}}', "application/json", 422),
        (b" " * 70_000, "application/json", 413), (b"[]", "application/json; charset=utf-8", 422),
    ],
)  # fmt: skip
def test_a_start_takes_json_of_its_own_kind(
    client: Client, body: bytes, media_type: str, status: int
) -> None:
    headers = {"Content-Type": media_type} if media_type else {}
    answer = client.http.post(f"/api/jobs/{22 * 'x'}/start", content=body, headers=headers)
    assert answer.status_code == status
    assert answer.json().keys() == {"detail", "code"}


def test_a_client_that_vanishes_leaves_nothing(client: Client, server: WebServer, folder: Path) -> None:
    where = urlsplit(server.address)
    with socket.create_connection((where.hostname or "", where.port or 0)) as connection:
        head = (
            f"POST /api/jobs?name=x.jpg HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Length: {LIMIT}\r\n\r\n"
        )
        connection.sendall(head.encode() + PORTRAIT.read_bytes()[:20_000])
        assert until(lambda: [job["state"] for job in client.jobs()] == ["uploading"])
    assert until(lambda: client.jobs() == [])
    assert nothing_is_left(folder)


def test_a_full_queue_asks_to_come_back(tmp_path: Path) -> None:
    with taking_jobs(tmp_path / "folder", queue=1) as server, Client(server) as client:
        answers = [client.post(PORTRAIT) for _ in range(4)]
        refused = [answer for answer in answers if answer.status_code != 201]
        assert refused
        for answer in refused:
            assert (answer.status_code, answer.json()["code"]) == (503, "queue_full")
            assert int(answer.headers["Retry-After"]) > 0
        for job in client.jobs():
            client.done(job["id"])


def test_a_used_up_quota_is_told(tmp_path: Path) -> None:
    with taking_jobs(tmp_path / "folder", quota_gb=20_000 / 1e9) as server, Client(server) as client:
        answer = client.post(PORTRAIT)
        assert (answer.status_code, answer.json()["code"]) == (507, "no_room")


def test_the_server_stops_though_somebody_listens_and_uploads(tmp_path: Path) -> None:
    def endless() -> Iterator[bytes]:
        yield PORTRAIT.read_bytes()
        started.append(True)
        while not stopped:
            yield bytes(1000)

    started: list[bool] = []
    stopped: list[bool] = []
    answered: list[httpx.Response] = []
    with taking_jobs(tmp_path / "folder") as server, Client(server) as client, client.events() as events:

        def upload() -> None:
            with suppress(httpx.HTTPError):
                answered.append(httpx.post(f"{server.address}api/jobs?name=x.jpg", content=endless()))

        uploading = Thread(target=upload)
        uploading.start()
        events.await_(lambda: bool(started) and bool(events.seen))
        server.stop()
        assert events.ended.wait(10)
        stopped.append(True)
        uploading.join(10)
    assert not uploading.is_alive()
    assert [answer for answer in answered if answer.is_success] == []
