"""The real server with a real queue behind it, and a client that waits for jobs as a program would."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from stream_guard.jobs.queue import JobQueue
from stream_guard.settings import Settings
from stream_guard.settings.jobs import Jobs
from stream_guard.settings.web import Web
from stream_guard.web.app import create_app
from stream_guard.web.reception import Reception
from stream_guard.web.server import WebServer
from tests.stations import until

SAMPLES = Path(__file__).parents[1] / "samples"
PORTRAIT, WALK = SAMPLES / "portrait.jpg", SAMPLES / "walk.mp4"
OVER = {"done", "failed", "cancelled"}
PATIENCE_S = 60.0

Told = dict[str, Any]


@contextmanager
def taking_jobs(folder: Path, web: Web | None = None, **limits: Any) -> Iterator[WebServer]:
    """Serve a queue with one worker; the limits are settings of the section jobs."""
    settings = Settings(jobs=Jobs(**{"workers": 1} | limits), web=web or Web(port=0))
    with JobQueue(folder, settings) as queue:
        app = create_app({}, settings.web, Reception(queue, settings))
        with WebServer(app, settings.web) as server:
            yield server


class Client:
    """Asks a server for jobs; a context manager."""

    def __init__(self, server: WebServer) -> None:
        self.http = httpx.Client(base_url=server.address, timeout=PATIENCE_S)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def post(self, body: bytes | Path, **query: Any) -> httpx.Response:
        """Upload a file; what is a dict among the questions is sent as JSON."""
        content = body.read_bytes() if isinstance(body, Path) else body
        name = body.name if isinstance(body, Path) else "clip.mp4"
        asked = {key: json.dumps(value) if isinstance(value, dict) else value for key, value in query.items()}
        return self.http.post("/api/jobs", params={"name": name} | asked, content=content)

    def uploaded(self, body: bytes | Path, **query: Any) -> str:
        answer = self.post(body, **query)
        assert answer.status_code == 201, answer.text
        found: str = answer.json()["id"]
        return found

    def job(self, job_id: str) -> Told:
        answer = self.http.get(f"/api/jobs/{job_id}")
        assert answer.status_code == 200, answer.text
        found: Told = answer.json()
        return found

    def jobs(self) -> list[Told]:
        found: list[Told] = self.http.get("/api/jobs").json()["jobs"]
        return found

    def over(self, job_id: str) -> Told:
        """Return a job once it is over."""
        assert until(lambda: self.job(job_id)["state"] in OVER, PATIENCE_S)
        return self.job(job_id)

    def done(self, job_id: str) -> Told:
        job = self.over(job_id)
        assert job["state"] == "done", job
        return job

    @contextmanager
    def events(self, path: str = "/api/jobs/events") -> Iterator[Events]:
        events = Events(self.http, path)
        try:
            yield events
        finally:
            events.close()


class Events:
    """Server-sent events as they come, read by a thread."""

    def __init__(self, http: httpx.Client, path: str) -> None:
        self.seen: list[tuple[str, Told]] = []
        self.ended = threading.Event()
        self._answer = http.send(http.build_request("GET", path), stream=True)
        assert self._answer.headers["Content-Type"].startswith("text/event-stream")
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        kind = ""
        with suppress(httpx.HTTPError, httpx.StreamError):
            for line in self._answer.iter_lines():
                word, _, rest = line.partition(": ")
                if word == "event":
                    kind = rest
                elif word == "data":
                    self.seen.append((kind, json.loads(rest)))
        self.ended.set()

    def of(self, job_id: str) -> list[Told]:
        return [told for kind, told in list(self.seen) if kind == "job" and told["id"] == job_id]

    def await_(self, condition: Callable[[], bool]) -> None:
        assert until(condition, PATIENCE_S), self.seen

    def close(self) -> None:
        """Hang up; to close the answer alone would wait for the server's next word."""
        with suppress(OSError):
            stream = self._answer.extensions["network_stream"]
            stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        self._thread.join(PATIENCE_S)
        self._answer.close()
