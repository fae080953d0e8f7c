"""Real cameras that are started anew, cut off, or not ready yet: a card in time, and live again in time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from stream_guard.model.address import SafeUrl
from stream_guard.model.live import State
from stream_guard.sources.rtsp import RtspSource
from tests.cameras import RtspCamera, free_port, planted_file, require_rtsp_server
from tests.resetting import Proxy
from tests.stations import until
from tests.watching import Watcher, on_air

RESTARTS = int(os.environ.get("STREAM_GUARD_RESTARTS", "3"))
"""20 for the whole drill, which takes two minutes."""
CARD_S, BACK_S = 3.5, 5.0
CANARY = "Canary-6408"
LOGIN = ("viewer", CANARY)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require_rtsp_server()
    return planted_file(tmp_path_factory.mktemp("drill") / "film.mp4", 30)


def source(port: int, password: str = CANARY) -> RtspSource:
    return RtspSource(SafeUrl.parsed(f"rtsp://127.0.0.1:{port}/cam", "viewer", password))


def seconds_until(condition: Callable[[], bool], patience_s: float) -> float:
    """Wait for a condition, and return how long that took."""
    began_s = time.monotonic()
    assert until(condition, patience_s), f"not within {patience_s} s"
    return time.monotonic() - began_s


def carded(seen: Watcher, since_s: float) -> Callable[[], bool]:
    return lambda: seen.has_card_since(since_s)


def shown(seen: Watcher, since_s: float) -> Callable[[], bool]:
    """Return what tells whether a picture has been shown that is no card."""
    return lambda: any(not card and at_s > since_s for at_s, card in seen.frames[-60:])


def test_a_camera_that_is_started_again_and_again(film: Path) -> None:
    cards_s, backs_s = [], []
    with RtspCamera(film, login=LOGIN) as camera, on_air(source(camera.port)) as seen:
        assert until(seen.is_live, 20)
        for count in range(RESTARTS):
            gone_s = time.monotonic()
            camera.kill()
            cards_s.append(seconds_until(carded(seen, gone_s), CARD_S))
            time.sleep(0.7 * (count % 10))  # so that it returns at every stage of the pauses
            camera.start()
            backs_s.append(seconds_until(shown(seen, time.monotonic()), BACK_S))
        assert seen.station.status().reconnects == RESTARTS
    print(f"{RESTARTS} restarts: card after at most {max(cards_s):.2f} s, back after {max(backs_s):.2f} s")


def test_a_connection_that_is_reset_is_made_anew(film: Path) -> None:
    with (
        RtspCamera(film, login=LOGIN) as camera,
        Proxy(camera.port) as proxy,
        on_air(source(proxy.port)) as seen,
    ):
        for count in range(1, 4):
            assert until(seen.is_live, 20)
            assert proxy.reset() >= 1
            cut_s = time.monotonic()
            assert until(lambda: seen.station.status().state is State.STALLED, CARD_S)
            assert until(shown(seen, cut_s + 0.3), BACK_S)
            assert until(lambda count=count: seen.station.status().reconnects == count)  # type: ignore[misc]


def test_a_server_that_does_not_know_its_path_yet_is_asked_again(film: Path) -> None:
    port = free_port()
    with RtspCamera(film, port, LOGIN) as camera, on_air(source(port)) as seen:
        assert until(seen.is_live, 20)
        camera.kill()
        late_s = 3.0
        with RtspCamera(film, port, LOGIN, late_s=late_s):
            ready_s = time.monotonic() + late_s
            assert until(lambda: "has no such stream" in (seen.station.status().reason or ""), late_s)
            assert until(shown(seen, ready_s), late_s + BACK_S)


def test_a_server_that_does_not_know_its_users_yet_is_asked_again(film: Path) -> None:
    port = free_port()
    with RtspCamera(film, port, LOGIN) as camera, on_air(source(port)) as seen:
        assert until(seen.is_live, 20)
        camera.kill()
        with RtspCamera(film, port, ("viewer", "not yet")):
            assert until(lambda: "refuses the user" in (seen.station.status().reason or ""), 5)
            assert seen.station.status().state is State.FAILED
        with RtspCamera(film, port, LOGIN):
            assert until(shown(seen, time.monotonic()), BACK_S)
        assert CANARY not in repr(seen.station.status())
