"""Other sites in the same browser: whatever they send, they start, read and delete nothing."""

from __future__ import annotations

import http.client
import json
import re
import secrets
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.hostile import picture
from tests.servers import BYTES, TOKEN, Job, Served, created, redacted, served

EVIL = "evil.example"
MUST_HAVE = {
    "content-security-policy": r"default-src '(self|none)'.*frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store|no-cache",
}
NEVER = ("server", "x-powered-by", "access-control-allow-origin", "access-control-allow-credentials")
CROSS_SITE = {
    "a form": {"Content-Type": "application/x-www-form-urlencoded"},
    "a form with files": {"Content-Type": "multipart/form-data; boundary=x"},
    "a form of plain text": {"Content-Type": "text/plain"},
    "a form from elsewhere": {"Origin": f"https://{EVIL}", "Content-Type": "text/plain"},
    "a script from elsewhere": {"Origin": f"https://{EVIL}", **BYTES},
    "a sandboxed frame": {"Origin": "null", **BYTES},
    "another port": {"Origin": "http://127.0.0.1:1", **BYTES},
    "another scheme of another host": {"Origin": "https://localhost", **BYTES},
    "no-cors": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", **BYTES},
    "another name of the same site": {"Sec-Fetch-Site": "same-site", **BYTES},
    "a form that is sent by navigation": {
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "navigate",
        "Content-Type": "application/x-www-form-urlencoded",
    },
    "a rebound name": {"Host": EVIL, **BYTES},
    "a rebound name with its own origin": {"Host": EVIL, "Origin": f"http://{EVIL}", **BYTES},
    "a name that begins like ours": {"Host": f"localhost.{EVIL}", **BYTES},
    "a name in front of ours": {"Host": f"{EVIL}@127.0.0.1", **BYTES},
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("sites") / "jobs") as running:
        yield running


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("locked") / "jobs", token=TOKEN) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Served) -> Iterator[httpx.Client]:
    with server.client() as open_:
        yield open_


@pytest.fixture(scope="module")
def job(client: httpx.Client) -> Job:
    return redacted(client, picture())


def ids(client: httpx.Client) -> set[str]:
    return {job["id"] for job in client.get("/api/jobs").json()["jobs"]}


@pytest.mark.parametrize("headers", CROSS_SITE.values(), ids=CROSS_SITE.keys())
def test_nothing_is_started_or_deleted_from_elsewhere(
    client: httpx.Client, job: Job, headers: dict[str, str]
) -> None:
    before = ids(client)
    of_job = f"/api/jobs/{job['id']}"
    for method, path in (("POST", "/api/jobs?name=a.jpg"), ("POST", f"{of_job}/start")):
        answer = client.request(method, path, content=picture(), headers=headers)
        assert answer.status_code in (403, 415), (method, path)
    if headers.keys() & {"Origin", "Host", "Sec-Fetch-Site"}:
        for method, path in (("POST", f"{of_job}/cancel"), ("DELETE", of_job)):
            assert client.request(method, path, headers=headers).status_code == 403, (method, path)
    assert ids(client) == before
    assert client.get(of_job).json() == client.get(of_job).json() | {"state": "done"}


@pytest.mark.parametrize("headers", CROSS_SITE.values(), ids=CROSS_SITE.keys())
def test_nothing_is_read_from_elsewhere(client: httpx.Client, job: Job, headers: dict[str, str]) -> None:
    if not headers.keys() & {"Origin", "Host", "Sec-Fetch-Site"}:
        headers = headers | {"Sec-Fetch-Site": "cross-site"}
    of_job = f"/api/jobs/{job['id']}"
    for path in (
        "/api/jobs",
        "/api/jobs/events",
        f"{of_job}/events",
        f"{of_job}/result",
        "/api/jobs/archive",
    ):
        answer = client.get(path, headers=headers)
        assert answer.status_code == 403, path
        assert job["id"] not in answer.text


def test_a_link_from_elsewhere_opens_pages_and_nothing_else(client: httpx.Client, job: Job) -> None:
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert client.get("/", headers=link).status_code == 200
    for path in (f"/api/jobs/{job['id']}/result", f"/api/jobs/{job['id']}/original", "/api/jobs/archive"):
        assert client.get(path, headers=link).status_code == 403


def test_two_hosts_or_none_are_refused(server: Served) -> None:
    for hosts in ((), ("127.0.0.1", EVIL), (EVIL, "127.0.0.1")):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        connection.putrequest("GET", "/api/jobs", skip_host=True)
        for host in hosts:
            connection.putheader("Host", host)
        connection.endheaders()
        assert connection.getresponse().status in (400, 403), hosts
        connection.close()


def test_a_preflight_gets_no_leave(client: httpx.Client) -> None:
    asks = {"Origin": f"https://{EVIL}", "Access-Control-Request-Method": "POST"}
    answer = client.options("/api/jobs", headers=asks)
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


def concrete(path: str, job_id: str) -> str:
    return re.sub(r"{\w+}", "none", path.replace("{job_id}", job_id))


def operations(document: dict[str, Any]) -> list[tuple[str, str]]:
    return [(method.upper(), path) for path, found in document["paths"].items() for method in found]


def test_every_answer_binds_the_browser(client: httpx.Client, server: Served) -> None:
    job = redacted(client, picture())
    asked = operations(client.get("/openapi.json").json())
    others = ["/", "/docs", "/live", "/static/live.js", "/openapi.json", "/none", "/api/none", "/static/none"]
    assert len(asked) > 20
    last_of_all = sorted(asked, key=lambda one: one[0] == "DELETE")
    for method, path in [*(("GET", path) for path in others), *last_of_all]:
        with client.stream(method, concrete(path, job["id"])) as answer:
            _require_bound(answer, f"{method} {path}")
    with client.stream("GET", "/api/jobs", headers={"Host": EVIL}) as answer:
        _require_bound(answer, "a foreign host")


def _require_bound(answer: httpx.Response, what: str) -> None:
    for name, pattern in MUST_HAVE.items():
        assert re.search(pattern, answer.headers.get(name, "")), f"{name} of {what}"
    assert not [name for name in NEVER if name in answer.headers], what
    assert "unsafe" not in answer.headers["content-security-policy"], what
    assert answer.status_code < 500, what


def test_without_the_token_nothing_but_health_is_told(locked: Served) -> None:
    with locked.client() as stranger, locked.client(TOKEN) as friend:
        job = redacted(friend, picture())
        for method, path in operations(friend.get("/openapi.json").json()):
            answer = stranger.request(method, concrete(path, job["id"]))
            assert answer.status_code == (200 if path == "/healthz" else 401), path
            assert job["id"] not in answer.text
            if answer.status_code == 401:
                assert answer.json()["code"] == "token"
        assert stranger.get("/healthz").json() == {"healthy": True}
        assert friend.get(f"/api/jobs/{job['id']}").json()["state"] == "done"


@pytest.mark.parametrize(
    "wrong",
    ["", "x", TOKEN[:-1], f"{TOKEN}x", TOKEN.lower(), f"{TOKEN} {TOKEN}", "*", "null", "0" * 5000],
)
def test_a_wrong_token_is_none(locked: Served, wrong: str) -> None:
    with locked.client() as stranger:
        assert (
            stranger.get("/api/jobs", headers={"Authorization": f"Bearer {wrong}".strip()}).status_code == 401
        )
        assert stranger.get("/", params={"token": wrong}).status_code == 401
        assert stranger.get("/api/jobs", params={"token": TOKEN}).status_code == 401
        assert stranger.get("/api/jobs", headers={"Cookie": f"stream_guard={wrong}"}).status_code == 401


def test_an_id_cannot_be_guessed(client: httpx.Client, job: Job) -> None:
    known = {job["id"], *(created(client, picture(), start="false")["id"] for _ in range(8))}
    assert len(known) == 9
    assert all(re.fullmatch(r"[\w-]{22,}", one) for one in known)
    assert not set.intersection(*(set(enumerate(one)) for one in known))
    shape = job["id"]
    guesses = [
        *(secrets.token_urlsafe(16) for _ in range(6)),
        *(shape[:-1], shape + "A", shape.swapcase(), shape[::-1], "_" * len(shape)),
        *("%25", "' OR 1=1 --", "0", "-1", "null", "*", "1e9", "%27%3B%20DROP%20TABLE%20jobs"),
    ]
    for guess in guesses:
        for end in ("", "/result", "/original"):
            assert client.get(f"/api/jobs/{guess}{end}").status_code == 404, guess
    for end in ("report", "preview.jpg", "events"):
        assert client.get(f"/api/jobs/{guesses[0]}/{end}").status_code == 404
    assert client.get("/api/jobs/archive", params={"id": guesses[0]}).status_code == 404
    assert client.get(f"/api/jobs/{shape}").status_code == 200


def test_refusals_do_not_repeat_what_was_sent(client: httpx.Client) -> None:
    script = "<script>alert(1)</script>"
    for answer in (
        client.get(f"/api/jobs/{script}"),
        client.get("/api/jobs/archive", params={"id": script}),
        client.get("/api/settings/example.jpg", params={"settings": json.dumps({script: {script: 1}})}),
        client.get("/", params={"token": script}),
        client.get(f"/live/{script}"),
    ):
        assert not answer.headers.get("content-type", "").startswith("text/html")
        assert script not in answer.text or answer.headers["content-type"] in (
            "application/json",
            "text/plain",
        )
