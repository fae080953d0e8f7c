"""Many uploads at once, and a server that is killed: no job is lost, and none is half done.

`scripts/load_web.py` measures the same with large files.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from tests.hostile import picture
from tests.servers import BYTES, SAMPLES, Served, created, family, over, redacted, served, upload

MANY = 30


def workers(server: Served) -> list[int]:
    """Return the numbers of the worker processes."""
    return [
        pid for pid in family(server.process.pid) if "jobs.worker" in Path(f"/proc/{pid}/cmdline").read_text()
    ]


def test_thirty_uploads_at_once_are_all_redacted_by_few_workers(tmp_path: Path) -> None:
    with served(tmp_path / "jobs") as server, server.client() as client:
        with ThreadPoolExecutor(MANY) as senders:
            answers = list(senders.map(lambda n: upload(client, picture(), f"{n}.jpg"), range(MANY)))
        assert [answer.status_code for answer in answers] == [201] * MANY
        most = client.get("/api/jobs").json()["workers"]
        jobs = [over(client, answer.json()) for answer in answers]
        assert [(job["state"], job["name"]) for job in jobs] == [("done", f"{n}.jpg") for n in range(MANY)]
        assert len({job["id"] for job in client.get("/api/jobs").json()["jobs"]}) == MANY
        assert most <= len(workers(server)) <= most + 1, "one more is for previews"
        for job in jobs:
            assert client.get(f"/api/jobs/{job['id']}/result").headers["content-type"] == "image/jpeg"


def test_what_was_running_when_the_server_was_killed_is_run_again(tmp_path: Path) -> None:
    folder = tmp_path / "jobs"
    film = (SAMPLES / "walk.mp4").read_bytes()
    with served(folder) as server, server.client() as client:
        done = redacted(client, picture())
        running = created(client, film, "walk.mp4")
        queued = created(client, picture(), "queued.jpg")
        waiting = created(client, picture(), "waiting.jpg", start="false")
        half = threading.Thread(target=_send_half, args=(server,), daemon=True)
        half.start()
        _until_seen(client, running["id"], "running")
        _until_seen(client, None, "uploading")
        orphans = workers(server)
        server.process.kill()
        server.process.wait()
        half.join(20)
    assert orphans
    deadline_s = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in orphans):
        assert time.monotonic() < deadline_s, "a worker has outlived its server"
        time.sleep(0.05)
    with served(folder) as server, server.client() as client:
        found = {job["id"]: job for job in client.get("/api/jobs").json()["jobs"]}
        assert found.keys() == {job["id"] for job in (done, running, queued, waiting)}
        assert found[done["id"]] == done
        assert found[waiting["id"]]["state"] == "waiting"
        for job in (running, queued):
            again = over(client, job)
            assert again["state"] == "done", again
            assert client.get(f"/api/jobs/{job['id']}/result").content
        assert {path.name for path in folder.iterdir() if path.is_dir()} == found.keys()


def _send_half(server: Served) -> None:
    """Begin an upload that never ends."""

    def pieces() -> object:
        yield picture()
        server.process.wait(60)

    try:
        httpx.post(f"{server.address}/api/jobs?name=half.jpg", content=pieces(), headers=BYTES)  # type: ignore[arg-type]
    except httpx.HTTPError:
        return
    raise AssertionError("a killed server has answered")


def _until_seen(client: httpx.Client, job_id: str | None, state: str) -> None:
    deadline_s = time.monotonic() + 30
    while not any(
        job["state"] == state and job_id in (None, job["id"])
        for job in client.get("/api/jobs").json()["jobs"]
    ):
        assert time.monotonic() < deadline_s, f"nothing is {state}"
        time.sleep(0.02)
