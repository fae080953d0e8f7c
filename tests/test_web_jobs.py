"""Files by HTTP, as the page and programs hand them in: uploaded, redacted, told of, fetched, deleted."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from stream_guard.web.server import WebServer
from tests.job_clients import PORTRAIT, WALK, Client, taking_jobs
from tests.test_web_api import require_whole

SOLID = {"redact": {"style": "solid", "colour": "#ff0000"}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("jobs") / "folder"


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[WebServer]:
    with taking_jobs(folder) as running:
        yield running


@pytest.fixture
def client(server: WebServer) -> Iterator[Client]:
    """A client that leaves no job to the next."""
    with Client(server) as asking:
        yield asking
        for job in asking.jobs():
            assert asking.http.delete(f"/api/jobs/{job['id']}").status_code == 204


def reds(jpeg: bytes) -> int:
    """Return how many pixels are as red as the mask."""
    rgb = np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB")).astype(int)
    return int(((rgb[..., 0] > 230) & (rgb[..., 1] < 30) & (rgb[..., 2] < 30)).sum())


def test_pictures_and_a_video_at_once(client: Client) -> None:
    """What the page does with a drop of files, from the first byte to the zip."""
    with client.events() as events, ThreadPoolExecutor(3) as threads:
        files = [PORTRAIT, PORTRAIT, WALK]
        ids = list(threads.map(lambda path: client.uploaded(path, settings=SOLID), files))
        jobs = [client.done(job_id) for job_id in ids]
        shares = [told["progress"]["share"] for told in events.of(ids[2]) if told["progress"]]
        events.await_(lambda: events.of(ids[2])[-1]["state"] == "done")
    assert len({share for share in shares if 0 < share < 1}) >= 2
    assert shares == sorted(shares)
    assert [job["kind"] for job in jobs] == ["picture", "picture", "video"]
    assert all(job["outcome"]["faces"] >= 1 and job["exit_code"] == 0 for job in jobs)
    picture, video = (client.http.get(f"/api/jobs/{job_id}/result") for job_id in ids[1:])
    assert (picture.headers["Content-Type"], video.headers["Content-Type"]) == ("image/jpeg", "video/mp4")
    assert reds(picture.content) > 1000
    assert reds(PORTRAIT.read_bytes()) == 0
    with av.open(io.BytesIO(video.content), "r") as container:
        assert len(list(container.decode(video=0))) == 125
    archive = client.http.get("/api/jobs/archive", params={"id": ids}).content
    with zipfile.ZipFile(io.BytesIO(archive)) as found:
        assert found.testzip() is None
        assert [name for name in found.namelist() if not name.endswith(".json")] == [
            "portrait.redacted.jpg", "portrait.redacted (2).jpg", "walk.redacted.mp4",
        ]  # fmt: skip
        assert found.read("walk.redacted.mp4") == video.content
        assert json.loads(found.read("walk.redacted.mp4.report.json"))["frames"]["out"] == 125
    assert len(zipfile.ZipFile(io.BytesIO(client.http.get("/api/jobs/archive").content)).namelist()) == 6


def test_a_result_comes_in_parts_under_its_name(client: Client) -> None:
    job_id = client.uploaded(PORTRAIT, name="../Grüße\r\n 你好.jpg")
    name = client.done(job_id)["outcome"]["result_name"]
    assert name == "Grüße 你好.redacted.jpg"
    whole = client.http.get(f"/api/jobs/{job_id}/result")
    part = client.http.get(f"/api/jobs/{job_id}/result", headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, whole.content[10:20])
    assert part.headers["Content-Range"] == f"bytes 10-19/{len(whole.content)}"
    beyond = client.http.get(f"/api/jobs/{job_id}/result", headers={"Range": "bytes=99999999-"})
    assert beyond.status_code == 416
    quoted = "filename*=utf-8''Gr%C3%BC%C3%9Fe%20%E4%BD%A0%E5%A5%BD.redacted.jpg"
    assert whole.headers["Content-Disposition"] == f"inline; {quoted}"
    saved = client.http.get(f"/api/jobs/{job_id}/result?download=1")
    assert saved.headers["Content-Disposition"] == f"attachment; {quoted}"
    original = client.http.get(f"/api/jobs/{job_id}/original")
    assert (original.content, original.headers["Content-Type"]) == (PORTRAIT.read_bytes(), "image/jpeg")


def test_a_report_tells_of_the_faces_and_of_no_folder(client: Client, folder: Path) -> None:
    job_id = client.uploaded(PORTRAIT, verify=True)
    job = client.done(job_id)
    assert (job["outcome"]["verified"], job["outcome"]["findings"]) == (True, 0)
    report = client.http.get(f"/api/jobs/{job_id}/report")
    assert report.headers["Content-Type"] == "application/json"
    assert len(report.json()["tracks"]) == 1
    assert str(folder) not in report.text
    assert job_id not in report.text


def test_a_job_waits_to_be_started_and_runs_again_otherwise(client: Client) -> None:
    job_id = client.uploaded(PORTRAIT, start=False)
    assert client.job(job_id)["state"] == "waiting"
    result = f"/api/jobs/{job_id}/result"
    assert client.http.get(result).json()["code"] == "not_done"
    start = f"/api/jobs/{job_id}/start"
    assert client.http.post(start, json={"settings": SOLID}).status_code == 202
    assert client.done(job_id)["settings"] == SOLID
    red = client.http.get(result).content
    assert client.http.post(start, json={"settings": {"redact": {"style": "icon"}}}).status_code == 202
    assert client.done(job_id)["settings"] == {"redact": {"style": "icon"}}
    assert reds(red) > 1000 > reds(client.http.get(result).content)
    assert client.http.post(start).status_code == 202  # as before
    assert client.done(job_id)["settings"] == {"redact": {"style": "icon"}}


def test_a_job_is_cancelled_and_retried(client: Client) -> None:
    job_id = client.uploaded(WALK, settings={"detect": {"preset": "thorough"}})
    with client.events(f"/api/jobs/{job_id}/events") as events:
        events.await_(lambda: any(told["progress"] for told in events.of(job_id)))
        assert client.http.post(f"/api/jobs/{job_id}/cancel").status_code == 202
        assert events.ended.wait(30)
        assert events.of(job_id)[-1]["state"] == "cancelled"
    assert client.http.get(f"/api/jobs/{job_id}/result").status_code == 409
    fast = {"settings": {"detect": {"preset": "fast"}}}
    assert client.http.post(f"/api/jobs/{job_id}/start", json=fast).status_code == 202
    assert client.done(job_id)["outcome"]["frames"] == 125


def test_what_is_deleted_is_gone(client: Client, folder: Path) -> None:
    job_id = client.uploaded(PORTRAIT)
    client.done(job_id)
    with client.events() as events:
        events.await_(lambda: bool(events.of(job_id)))
        assert client.http.delete(f"/api/jobs/{job_id}").status_code == 204
        events.await_(lambda: ("deleted", {"id": job_id}) in events.seen)
    for part in ("", "/result", "/original", "/report", "/events", "/preview.jpg"):
        answer = client.http.get(f"/api/jobs/{job_id}{part}")
        assert (answer.status_code, answer.json()["code"]) == (404, "no_such_job")
    assert client.http.get("/api/jobs/archive", params={"id": job_id}).status_code == 404
    for verb in ("start", "cancel"):
        assert client.http.post(f"/api/jobs/{job_id}/{verb}").status_code == 404
    assert client.http.delete(f"/api/jobs/{job_id}").status_code == 404
    assert not [path for path in folder.rglob("*") if job_id in str(path)]


def test_a_frame_is_shown_before_all_of_it_is_run(client: Client) -> None:
    job_id = client.uploaded(WALK, start=False)
    asked = {"time_s": "2.0", "settings": json.dumps(SOLID)}
    answer = client.http.get(f"/api/jobs/{job_id}/preview.jpg", params=asked)
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert Image.open(io.BytesIO(answer.content)).size == (640, 360)
    assert reds(answer.content) > 50
    wrong = client.http.get(
        f"/api/jobs/{job_id}/preview.jpg", params={"settings": '{"redact": {"style": 1}}'}
    )
    assert (wrong.status_code, wrong.json()["code"]) == (422, "settings")
    assert client.http.get(f"/api/jobs/{job_id}/preview.jpg?time_s=nan").json()["code"] == "invalid"


def test_the_form_knows_its_fields_and_shows_each_style(client: Client) -> None:
    schema = client.http.get("/api/settings/schema").json()
    assert list(schema["properties"]) == ["detect", "track", "zones", "redact", "output"]
    redact = schema["properties"]["redact"]["properties"]
    assert {"frost", "solid", "classic"} <= set(redact["style"]["enum"])
    assert redact["style"]["default"] == "frost"
    assert "overwrite" not in schema["properties"]["output"]["properties"]
    assert "folder" not in json.dumps(schema)
    plain = client.http.get("/api/settings/example.jpg").content
    red = client.http.get("/api/settings/example.jpg", params={"settings": json.dumps(SOLID)}).content
    assert reds(red) > 1000 > reds(plain)


def test_the_list_says_how_much_room_there_is(client: Client) -> None:
    first, second = client.uploaded(PORTRAIT, start=False), client.uploaded(PORTRAIT, start=False)
    told = client.http.get("/api/jobs").json()
    assert [job["id"] for job in told["jobs"]] == [second, first]
    assert (told["keep_hours"], told["workers"], told["upload_bytes"]) == (24, 1, 4_000_000_000)
    assert told["quota"]["total"] == 50_000_000_000
    assert told["quota"]["used"] >= 2 * PORTRAIT.stat().st_size
    assert client.http.get("/").status_code == 200
    assert client.http.get("/api/streams").json() == {"streams": [], "files": True}


def test_supervision_sees_the_queue(client: Client) -> None:
    client.done(client.uploaded(PORTRAIT))
    assert client.http.get("/healthz").json() == {"healthy": True, "unhealthy": {}, "idle": []}
    figures = dict(
        line.rsplit(" ", 1) for line in client.http.get("/metrics").text.splitlines() if line[0] != "#"
    )
    assert figures["stream_guard_jobs_done"] == "1"
    assert int(figures["stream_guard_jobs_bytes"]) > PORTRAIT.stat().st_size
    assert int(figures["stream_guard_jobs_workers_alive"]) >= 1


@pytest.mark.parametrize("path", ["/api/jobs/events", "/api/jobs/archive", "/api/jobs"])
def test_other_sites_learn_nothing(client: Client, path: str) -> None:
    for headers in (
        {"Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
    ):
        assert client.http.get(path, headers=headers).status_code == 403


def test_every_operation_is_documented(client: Client) -> None:
    document = client.http.get("/openapi.json").json()
    require_whole(document)
    schemas = document["components"]["schemas"]
    assert schemas["JobStart"]["properties"]["settings"]["anyOf"][0] == {
        "$ref": "#/components/schemas/JobSettings"
    }
    assert "settings" in [p["name"] for p in document["paths"]["/api/jobs"]["post"]["parameters"]]
    referred = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(document)))
    assert referred <= schemas.keys()


def test_only_ids_are_ids(client: Client) -> None:
    for path in ("archive", "events"):
        answer = client.http.delete(f"/api/jobs/{path}")
        assert (answer.status_code, answer.headers["Allow"]) == (405, "GET")
    for path in ("..%2f..%2fetc%2fpasswd", "x" * 21, "x" * 23, "%00" * 22, "é" * 22):
        answer = client.http.get(f"/api/jobs/{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
