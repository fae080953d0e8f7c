"""Status, health, metrics and Motion JPEG, as programs ask for them."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

import av
import httpx
import pytest

from stream_guard.model.live import State, Status
from stream_guard.settings.web import Web
from stream_guard.web import figures
from stream_guard.web.server import WebServer
from tests.stations import Feeder, shows_code, until
from tests.webs import FedStation, serving

HOSTILE = 'a "b"\\c'


@pytest.fixture(scope="module")
def feeder() -> Iterator[Feeder]:
    with Feeder() as running:
        yield running


@pytest.fixture
def station(feeder: Feeder) -> FedStation:
    return FedStation(feeder)


@pytest.fixture
def server(station: FedStation) -> Iterator[WebServer]:
    with serving(cam=station) as running:
        yield running


def test_the_status_says_how_a_station_fares(server: WebServer, station: FedStation) -> None:
    station.say(latency_s=(0.3, 0.1, 0.2, 0.4), dropped=7, detector_s=0.02, reconnects=3, load_step=1)
    (told,) = httpx.get(f"{server.address}api/streams").json()["streams"]
    assert told["latency_ms"] == {"p50": 300, "p95": 400}
    assert (told["state"], told["frames"]["dropped"], told["detector_ms"]) == ("live", 7, 20)
    assert (told["reconnects"], told["load_step"], told["faces"], told["whip"]) == (3, 1, 1, False)
    assert httpx.get(f"{server.address}api/streams/cam").json().keys() == told.keys()
    assert httpx.get(f"{server.address}api/streams/none").status_code == 404


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ({"age_s": 1.9}, None),
        ({"age_s": 2.1}, "the newest is 2.1 s old"),
        ({"age_s": None}, "there was none yet"),
        ({"age_s": 60.0, "state": State.STALLED, "reason": "No answer."}, "stalled, .*: No answer."),
    ],
)
def test_health_names_the_station_and_the_reason(
    feeder: Feeder, server: WebServer, station: FedStation, said: dict[str, object], says: str | None
) -> None:
    station.say(**said)
    answer = httpx.get(f"{server.address}healthz")
    assert answer.status_code == (200 if says is None else 503)
    assert answer.json()["healthy"] == (says is None)
    if says is not None:
        assert re.search(says, answer.json()["unhealthy"]["cam"])


def test_one_ill_station_of_two_is_enough(feeder: Feeder) -> None:
    with serving(good=FedStation(feeder), bad=FedStation(feeder, age_s=5.0)) as server:
        answer = httpx.get(f"{server.address}healthz")
        assert (answer.status_code, list(answer.json()["unhealthy"])) == (503, ["bad"])


def samples(text: str) -> dict[str, float]:
    """Return the samples of a text in Prometheus' format, which it is checked to be."""
    found: dict[str, float] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            match = re.fullmatch(r'([a-z_]+\{(?:[a-z]+="(?:[^"\\\n]|\\.)*",?)+\}) (\S+)', line)
            assert match, line
            assert match[1] not in found
            found[match[1]] = float(match[2])
    return found


def test_metrics_are_in_prometheus_format(server: WebServer, station: FedStation) -> None:
    station.say(state=State.DEGRADED, dropped=12_345_678, detector_s=0.0213)
    answer = httpx.get(f"{server.address}metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    found = samples(answer.text)
    assert found['stream_guard_state{station="cam",state="degraded"}'] == 1
    assert found['stream_guard_state{station="cam",state="live"}'] == 0
    assert found['stream_guard_frames_dropped_total{station="cam"}'] == 12_345_678
    assert found['stream_guard_detector_seconds{station="cam"}'] == 0.0213
    assert found['stream_guard_viewers{station="cam"}'] == 0
    named = set(re.findall(r"# TYPE (\S+)", answer.text))
    assert {re.sub(r"_(bucket|sum|count)$", "", key.split("{")[0]) for key in found} == named


def test_names_cannot_break_the_metrics(feeder: Feeder) -> None:
    stations: dict[str, Any] = {HOSTILE: FedStation(feeder, age_s=None)}
    with serving(**stations) as server:
        found = samples(httpx.get(f"{server.address}metrics").text)
        assert r'stream_guard_faces{station="a \"b\"\\c"}' in found


def test_the_histogram_counts_every_frame_once(feeder: Feeder) -> None:
    with figures.LatencyMeter(feeder.hub) as meter:
        start = feeder.published
        assert until(lambda: feeder.published >= start + 20)
        counted, published = meter.reading(), feeder.published - start
    assert published - 3 <= sum(counted.counts) <= published + 1
    reading = figures.Reading("cam", Status("cam", State.LIVE), 0, figures.Spread((1,) * 14, 3.5))
    found = samples(figures.metrics([reading]))
    assert found['stream_guard_latency_seconds_bucket{station="cam",le="0.05"}'] == 2
    assert found['stream_guard_latency_seconds_bucket{station="cam",le="+Inf"}'] == 14
    assert found['stream_guard_latency_seconds_count{station="cam"}'] == 14
    assert found['stream_guard_latency_seconds_sum{station="cam"}'] == 3.5


def test_motion_jpeg_shows_redacted_pictures_and_counts_its_viewers(server: WebServer) -> None:
    def viewers() -> int:
        return int(httpx.get(f"{server.address}api/streams/cam").json()["viewers"])

    body = b""
    with httpx.stream("GET", f"{server.address}api/streams/cam/mjpeg", timeout=10) as answer:
        assert answer.headers["Content-Type"].startswith("multipart/x-mixed-replace; boundary=")
        arriving = answer.iter_bytes()  # kept: the connection goes with it
        while body.count(b"Content-Length") <= 3:
            body += next(arriving)
        assert viewers() == 1
    assert until(lambda: viewers() == 0)
    size = re.search(rb"Content-Length: (\d+)\r\n\r\n", body)
    assert size
    _look(body[size.end() : size.end() + int(size[1])])


def test_a_snapshot_is_one_redacted_picture(server: WebServer) -> None:
    answer = httpx.get(f"{server.address}api/streams/cam/snapshot.jpg", timeout=10)
    assert answer.headers["Content-Type"] == "image/jpeg"
    _look(answer.content)


def _look(jpeg: bytes) -> None:
    with av.open(io.BytesIO(jpeg), "r") as container:
        (frame,) = container.decode(video=0)
    rgb: Any = frame.to_ndarray(format="rgb24")
    assert rgb.shape == (240, 320, 3)
    assert not shows_code(rgb)


def test_motion_jpeg_is_refused_where_there_is_nothing_or_no_room(feeder: Feeder) -> None:
    with serving(
        Web(port=0, viewers=0), cam=FedStation(feeder), new=FedStation(feeder, state=State.STARTING)
    ) as server:
        for name, status in (("cam", 503), ("new", 409), ("none", 404)):
            assert httpx.get(f"{server.address}api/streams/{name}/mjpeg").status_code == status
