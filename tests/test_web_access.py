"""Who gets in: hosts, origins, sites, the token; how the server starts and stops."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from stream_guard.errors import OutputError, SettingsError
from stream_guard.model.live import Status
from stream_guard.outputs.branch import Branches
from stream_guard.settings.web import Web
from stream_guard.web.app import create_app
from stream_guard.web.channel import Channel
from stream_guard.web.headers import HEADERS
from stream_guard.web.server import WebServer
from tests.stations import Feeder
from tests.streams import new_threads
from tests.webs import FedStation, serving

TOKEN = "Canary-token-0815"  # noqa: S105
PAGES = (
    "/",
    "/live",
    "/live/cam",
    "/publish/cam",
    "/docs",
    "/openapi.json",
    "/api/streams",
    "/api/streams/cam",
    "/metrics",
    "/static/live.js",
)


@pytest.fixture(scope="module")
def feeder() -> Iterator[Feeder]:
    with Feeder() as running:
        yield running


@pytest.fixture(scope="module")
def server(feeder: Feeder) -> Iterator[WebServer]:
    with serving(cam=FedStation(feeder)) as running:
        yield running


@pytest.fixture(scope="module")
def locked(feeder: Feeder) -> Iterator[WebServer]:
    with serving(Web(port=0, token=SecretStr(TOKEN)), cam=FedStation(feeder)) as running:
        yield running


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200), ("LOCALHOST:80", 200), ("127.0.0.1:1", 200), ("[::1]:8000", 200),
        ("192.0.2.7", 200), ("evil.example", 403),
        ("localhost.evil.example", 403), ("127.0.0.1.evil.example", 403), ("", 403),
        ("localhost:x", 403), ("[", 403),
    ],
)  # fmt: skip
def test_names_that_are_not_ours_are_refused(server: WebServer, host: str, status: int) -> None:
    assert httpx.get(f"{server.address}api/streams", headers={"Host": host}).status_code == status


def test_a_name_can_be_allowed(feeder: Feeder) -> None:
    with serving(Web(port=0, allowed_hosts=("cam.example",)), cam=FedStation(feeder)) as server:
        assert httpx.get(server.address, headers={"Host": "Cam.example:8000"}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 415),
        ({"Origin": "OWN"}, 415),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 415),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 403),
    ],
)
def test_other_sites_change_nothing(server: WebServer, headers: dict[str, str], status: int) -> None:
    own = server.address.rstrip("/")
    sent = {name: own if value == "OWN" else value for name, value in headers.items()}
    assert httpx.post(f"{own}/whep/cam", headers=sent).status_code == status


def test_other_sites_may_link_here_but_not_embed(server: WebServer) -> None:
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert httpx.get(server.address, headers=foreign | {"Sec-Fetch-Mode": "navigate"}).status_code == 200
    picture = httpx.get(
        f"{server.address}api/streams/cam/mjpeg", headers=foreign | {"Sec-Fetch-Mode": "no-cors"}
    )
    assert picture.status_code == 403
    assert picture.json() == {"detail": "Requests from other sites are refused.", "code": "foreign"}
    navigated = foreign | {"Sec-Fetch-Mode": "navigate"}
    assert httpx.get(f"{server.address}api/streams", headers=navigated).status_code == 403


@pytest.mark.parametrize("path", PAGES)
def test_every_answer_binds_the_browser(server: WebServer, path: str) -> None:
    answer = httpx.get(server.address + path[1:])
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'self'; ")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert not [name for name in answer.headers if name.startswith("access-control") or name == "server"]


class BrokenStation(FedStation):
    def status(self) -> Status:
        raise ArithmeticError("as no station should")


def test_an_answer_about_a_mistake_binds_the_browser_too(feeder: Feeder) -> None:
    with serving(cam=BrokenStation(feeder)) as running:
        answer = httpx.get(f"{running.address}api/streams")
    assert answer.status_code == 500
    assert answer.json()["detail"] == "The server made a mistake (ArithmeticError); please report it."
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS


def test_there_are_no_pages_that_load_from_elsewhere(server: WebServer) -> None:
    for name in ("stations", "files", "live", "publish", "docs"):
        text = httpx.get(f"{server.address}static/{name}.html").text
        assert "//" not in text.replace("<!doctype", "")
    assert httpx.get(f"{server.address}openapi.json").json()["info"]["title"] == "stream_guard"


@pytest.mark.parametrize("path", [*PAGES, "/nothing"])
def test_without_the_token_nothing_is_told(locked: WebServer, path: str) -> None:
    for headers in (
        {},
        {"Authorization": "Bearer x"},
        {"Authorization": TOKEN},
        {"Cookie": f"stream_guard={TOKEN}"},
    ):
        answer = httpx.get(locked.address + path[1:], headers=headers)
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert "cam" not in answer.text


def test_the_token_lets_programs_in(locked: WebServer) -> None:
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    assert httpx.get(f"{locked.address}api/streams", headers=bearer).status_code == 200
    assert httpx.post(f"{locked.address}whep/cam", headers=bearer).status_code == 415
    assert httpx.post(f"{locked.address}whep/cam").status_code == 401
    assert httpx.get(f"{locked.address}api/streams?token={TOKEN}").status_code == 401


def test_a_link_with_the_token_lets_a_browser_in_once_and_for_all(locked: WebServer) -> None:
    with httpx.Client(base_url=locked.address) as browser:
        assert browser.get("/live/cam?token=wrong-token-0815").status_code == 401
        first = browser.get(f"/live/cam?x=1&token={TOKEN}")
        cookie = first.headers["Set-Cookie"]
        assert all(part in cookie for part in ("HttpOnly", "SameSite=strict", "Path=/"))
        assert 'content="0; url=/live/cam?x=1"' in first.text
        assert TOKEN not in first.text + cookie
        assert browser.get("/live/cam").status_code == 200
        again = browser.get(f"/live/cam?token={TOKEN}")
        assert (again.status_code, again.headers["Location"]) == (303, "/live/cam")


def test_health_is_told_to_all_and_reasons_to_those_who_may_know(locked: WebServer) -> None:
    assert httpx.get(f"{locked.address}healthz").json() == {"healthy": True}
    known = httpx.get(f"{locked.address}healthz", headers={"Authorization": f"Bearer {TOKEN}"})
    assert known.json() == {"healthy": True, "unhealthy": {}, "idle": []}


@pytest.mark.parametrize(
    ("web", "says"),
    [
        (Web(host="0.0.0.0"), "no web.token"),  # noqa: S104
        (Web(host="::"), "no web.token"),
        (Web(host="cam.example"), "no web.token"),
        (Web(behind_proxy=True), "no web.token"),
        (Web(host="0.0.0.0", token=SecretStr("Canary-token-0815")), "a proxy ends TLS"),  # noqa: S104
        (Web(token=SecretStr("Canary-short")), "too short"),
        (Web(tls_certificate="c.pem"), "go together"),
    ],
)
def test_unsafe_settings_are_refused_before_anything_listens(feeder: Feeder, web: Web, says: str) -> None:
    channels = {"cam": Channel(FedStation(feeder), Branches(feeder.hub))}
    with pytest.raises(SettingsError, match=says) as refused:
        create_app(channels, web)
    assert "Canary" not in str(refused.value)
    with pytest.raises(SettingsError, match=says):
        WebServer(object(), web)


def test_a_port_that_is_taken_is_told_in_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        web = Web(port=taken.getsockname()[1])
        with pytest.raises(OutputError, match=r"cannot listen at 127\.0\.0\.1 port"):
            WebServer(create_app({}, web), web).start()


def test_a_certificate_that_cannot_be_read_is_told_in_one_sentence() -> None:
    web = Web(port=0, tls_certificate="/none/c.pem", tls_key="/none/k.pem")
    with pytest.raises(OutputError, match="must be PEM files"):
        WebServer(create_app({}, web), web).start()


def test_https_is_served_with_a_certificate(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    draft = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
    named = draft.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    certificate, secret = tmp_path / "c.pem", tmp_path / "k.pem"
    certificate.write_bytes(named.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    web = Web(
        host="localhost",
        port=0,
        token=SecretStr(TOKEN),
        tls_certificate=str(certificate),
        tls_key=str(secret),
    )
    with WebServer(create_app({}, web), web) as server:
        trusting = ssl.create_default_context(cafile=str(certificate))
        answer = httpx.get(f"{server.address}?token={TOKEN}", verify=trusting)
        assert server.address.startswith("https://localhost:")
        assert "Secure" in answer.headers["Set-Cookie"]


def test_the_server_stops_at_once_though_somebody_watches(feeder: Feeder) -> None:
    before = set(threading.enumerate())
    web = Web(port=0)
    channels = {"cam": Channel(FedStation(feeder), Branches(feeder.hub))}
    server = WebServer(create_app(channels, web), web)
    server.start()
    with suppress(httpx.HTTPError), httpx.stream("GET", f"{server.address}api/streams/cam/mjpeg") as pictures:
        for part in pictures.iter_bytes():
            assert part
            server.stop()
    channels["cam"].branches.close()
    assert new_threads(before) == set()
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.address)
