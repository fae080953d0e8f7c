"""Pushing by WHIP to a real endpoint, and to such as refuse."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from stream_guard.outputs import whip_push
from stream_guard.outputs.branch import Branches
from stream_guard.outputs.output import Feed
from stream_guard.outputs.push import push
from stream_guard.outputs.sessions import Sessions
from stream_guard.outputs.target import target_of
from tests.stations import Feeder, shows_code, until
from tests.streams import new_threads
from tests.whip_endpoint import Endpoint, endpoint

CANARY = "Canary-7715"


@contextmanager
def pushing(feeder: Feeder, url: str, token: str = "") -> Iterator[Sessions]:
    branches = Branches(feeder.hub)
    output = push(Feed("cam1", feeder.hub, branches), target_of(url, password=token))
    output.start()
    try:
        yield output
    finally:
        output.stop()
        branches.close()


def test_an_endpoint_receives_redacted_pictures_and_a_goodbye() -> None:
    before = set(threading.enumerate())
    with endpoint(Endpoint(token=CANARY)) as found, Feeder() as feeder:
        with pushing(feeder, found.url, CANARY) as output:
            assert until(lambda: len(found.received) >= 30, 20), output.status()
            assert (output.status().reason, output.status().running) == (None, True)
        assert until(lambda: found.deleted == 1)
    assert found.received[-1].shape == (240, 320, 3)
    assert not any(map(shows_code, found.received))
    assert new_threads(before) == set()


def test_the_goodbye_with_its_token_goes_to_no_other_server() -> None:
    with endpoint(Endpoint()) as other, Feeder() as feeder:
        session = other.url.removeprefix("whip+")
        with endpoint(Endpoint(token=CANARY, session=session)) as found:
            with pushing(feeder, found.url, CANARY) as output:
                assert until(lambda: bool(found.received), 20), output.status()
            assert (found.deleted, other.deleted) == (0, 0)


@pytest.mark.parametrize(
    ("refusing", "says"),
    [
        (Endpoint(token="another"), "does not accept the token"),  # noqa: S106
        (Endpoint(status=404), "no endpoint at that address"),
        (Endpoint(status=302), "answers with status 302"),
        (Endpoint(status=503), "answers with status 503"),
        (Endpoint(answer="nonsense"), "its answer makes no sense|never came about"),
        (Endpoint(answer="v=0\r\nm=video\r\n"), "its answer makes no sense|never came about"),
    ],
)
def test_a_refusal_is_said_without_the_token(
    refusing: Endpoint, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whip_push, "_CONNECT_S", 1.0)
    token = CANARY if refusing.token else ""
    with endpoint(refusing) as found, Feeder() as feeder, pushing(feeder, found.url, token) as output:
        assert until(lambda: output.status().reason is not None)
        reason = output.status().reason or ""
    assert re.search(says, reason), reason
    assert CANARY not in reason


def test_a_server_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whip_push, "_ANSWER_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent, Feeder() as feeder:
        with pushing(feeder, f"whip+http://127.0.0.1:{silent.getsockname()[1]}/x") as output:
            assert until(lambda: output.status().reason is not None)
            assert "takes no stream" in (output.status().reason or "")
        assert feeder.slowest_s < 0.2


def test_it_goes_on_after_the_endpoint_was_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whip_push, "_CONNECT_S", 2.0)
    found = Endpoint(status=503)
    with endpoint(found), Feeder() as feeder, pushing(feeder, found.url) as output:
        assert until(lambda: output.status().reason is not None)
        found.status = 201
        assert until(lambda: len(found.received) > 5, 20)
        assert output.status().reason is None


def test_an_encoder_that_fails_is_reported_and_a_station_that_ends_ends_it() -> None:
    with endpoint(Endpoint()) as found:
        feeder = Feeder()
        with feeder, pushing(feeder, found.url) as output:
            assert until(lambda: len(found.received) > 3)
            feeder.width, feeder.height = 16_640, 16  # wider than H.264 can be
            assert until(lambda: output.status().reason is not None)
            assert "16640x16" in (output.status().reason or "")
        with Feeder() as feeder, pushing(feeder, found.url) as output:
            assert until(lambda: output.status().sent > 3)
            feeder.hub.close()
            assert until(lambda: not output.status().running)
