"""Uploads that name other files and addresses: nobody is called, and no neighbour is shown."""

from __future__ import annotations

import io
import json
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from tests import hostile
from tests.media import Clip, frames, make
from tests.servers import SAMPLES, Served, created, over, redacted, served, upload

NAMES = ("a.mp4", "a.jpg")
NEIGHBOUR = (255, 0, 255)
KINDS = tuple(hostile.playlists("", Path("/")))


@dataclass
class Listener:
    """Notes who calls at an address of its own, by TCP or UDP."""

    tcp: socket.socket
    udp: socket.socket
    calls: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.tcp.getsockname()[1]}"

    def note_calls(self) -> None:
        while True:
            try:
                caller, _ = self.tcp.accept()
            except OSError:
                return
            self.calls.append("tcp")
            caller.close()

    def note_packets(self) -> None:
        while self.udp.recvfrom(2048)[0] != b"over":
            self.calls.append("udp")


@contextmanager
def listening() -> Iterator[Listener]:
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        udp.bind(tcp.getsockname())
        one = Listener(tcp, udp)
        threads = [threading.Thread(target=each) for each in (one.note_calls, one.note_packets)]
        for thread in threads:
            thread.start()
        try:
            yield one
        finally:
            tcp.shutdown(socket.SHUT_RDWR)
            udp.sendto(b"over", udp.getsockname())
            for thread in threads:
                thread.join()


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    with listening() as one:
        yield one


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("references") / "jobs") as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Served) -> Iterator[httpx.Client]:
    with server.client() as open_:
        yield open_


@pytest.fixture(scope="module")
def neighbour(client: httpx.Client, server: Served) -> Path:
    """The original of somebody else's job."""
    job = created(client, hostile.plain(NEIGHBOUR), "other.png", start="false")
    return next((server.folder / str(job["id"])).glob("original.*"))


def test_the_listener_would_hear_it(listener: Listener) -> None:
    with listening() as other:
        with socket.create_connection(other.tcp.getsockname()) as caller:
            assert caller.recv(1) == b""
        assert other.calls == ["tcp"]
    assert listener.calls == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_list_is_no_picture_and_no_video(
    client: httpx.Client, server: Served, neighbour: Path, listener: Listener, kind: str, name: str
) -> None:
    before = sorted(server.folder.iterdir())
    answer = upload(client, hostile.playlists(listener.address, neighbour)[kind], name)
    assert (answer.status_code, answer.json()["code"]) == (415, "not_media")
    assert str(server.folder) not in answer.text
    assert sorted(server.folder.iterdir()) == before, "nothing of it is kept"
    assert listener.calls == []
    assert not Path(f"{neighbour}.run").exists()


@pytest.mark.parametrize("kind", ["ffconcat", "m3u8", "sdp"])
def test_a_list_behind_an_honest_head_is_not_followed(
    client: httpx.Client, neighbour: Path, listener: Listener, kind: str
) -> None:
    text = hostile.playlists(listener.address, neighbour)[kind]
    for data in (hostile.picture() + text, b"\xff\xd8\xff" + text, b"BM" + text, b"GIF89a" + text):
        answer = upload(client, data)
        if answer.status_code == 201:
            job = over(client, answer.json())
            _require_no_neighbour(client, job)
        else:
            assert answer.status_code == 415
    assert listener.calls == []


def test_a_film_whose_frames_are_elsewhere_is_not_followed(
    client: httpx.Client, tmp_path: Path, listener: Listener
) -> None:
    other = make(tmp_path / "other.mov", Clip(paint=lambda w, h, _: np.full((h, w, 3), NEIGHBOUR, np.uint8)))
    answer = upload(client, hostile.film_elsewhere(tmp_path, other), "a.mov")
    if answer.status_code == 201:
        _require_no_neighbour(client, over(client, answer.json()))
    else:
        assert answer.status_code == 415
    assert listener.calls == []


def _require_no_neighbour(client: httpx.Client, job: dict[str, Any]) -> None:
    """Fail if the neighbour's colour is to be seen in a result."""
    answer = client.get(f"/api/jobs/{job['id']}/result")
    if job["state"] == "done":
        for shown in _pictures(answer.content, job["outcome"]["result_name"]):
            away = np.abs(shown.astype(int) - NEIGHBOUR).sum(axis=-1)
            assert (away < 60).mean() < 0.5
    else:
        assert answer.status_code == 409


def _pictures(data: bytes, name: str) -> list[Any]:
    path = Path(name)
    if path.suffix in (".mp4", ".mov", ".mkv"):
        return [frame.to_ndarray(format="rgb24") for frame in _decoded(data, path.suffix)]
    return [np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))]


def _decoded(data: bytes, suffix: str) -> list[Any]:
    with tempfile.NamedTemporaryFile(suffix=suffix) as file:
        file.write(data)
        file.flush()
        return frames(Path(file.name))


def test_the_neighbour_would_be_known_again(client: httpx.Client) -> None:
    job = redacted(client, hostile.plain(NEIGHBOUR), "n.png")
    with pytest.raises(AssertionError):
        _require_no_neighbour(client, job)


def test_no_route_takes_an_address(client: httpx.Client, listener: Listener) -> None:
    document = client.get("/openapi.json").json()
    given = [
        parameter["name"]
        for operations in document["paths"].values()
        for operation in operations.values()
        for parameter in operation.get("parameters", [])
    ]
    assert given
    assert not {"url", "uri", "source", "src", "path", "file", "href", "location", "callback"} & set(given)
    for name in ("url", "source", "src", "callback"):
        for method, path in (("POST", "/api/jobs?name=a.jpg&"), ("GET", "/api/streams?")):
            there = f"{listener.address}/a.jpg"
            answer = client.request(method, f"{path}{name}={there}", content=there.encode())
            assert answer.status_code in (200, 415), (method, name)
    answer = client.get(f"/api/streams/{listener.address}/snapshot.jpg")
    assert answer.status_code == 404
    assert listener.calls == []


@pytest.mark.parametrize(
    "chosen",
    [
        {"sources": {"x": {"url": "rtsp://127.0.0.1:1/"}}},
        {"jobs": {"jobs_folder": "/tmp"}},  # noqa: S108
        {"web": {"host": "0.0.0.0"}},  # noqa: S104
        {"outputs": {"push_user": "x"}},
        {"limits": {"lag_memory_mb": 100_000}},
        {"output": {"overwrite": True}},
        {"redact": {"style": "../../x"}},
        {"detect": {"detectors": ["../../x"]}},
        {"detect": {"preset": "/etc/passwd"}},
        {"redact": "solid"},
        {"": {"": ""}},
    ],
    ids=str,
)
def test_a_job_can_choose_no_folder_no_address_and_no_limit(
    client: httpx.Client, chosen: dict[str, Any]
) -> None:
    before = client.get("/api/jobs").json()["jobs"]
    answer = upload(client, hostile.picture(), settings=json.dumps(chosen))
    assert (answer.status_code, answer.json()["code"]) == (422, "settings")
    assert client.get("/api/settings/example.jpg", params={"settings": json.dumps(chosen)}).status_code == 422
    assert client.get("/api/jobs").json()["jobs"] == before


def test_a_codec_is_a_name_and_no_path(client: httpx.Client) -> None:
    job = redacted(client, hostile.plain(NEIGHBOUR), settings=json.dumps({"output": {"codec": "../../x"}}))
    assert job["state"] == "done", "a picture needs none"
    film = (SAMPLES / "walk.mp4").read_bytes()
    job = redacted(client, film, "a.mp4", settings=json.dumps({"output": {"codec": "../../x"}}))
    assert (job["state"], job["code"]) == ("failed", "settings")
    assert "no video encoder" in job["message"] or "../../x" in job["message"], job["message"]
