"""A live run as a whole: its stations end together, and it knows who watches."""

from __future__ import annotations

import asyncio
import socket
import threading
import time

import httpx

from stream_guard.broadcast import Broadcast, Ways
from stream_guard.model.address import SafeUrl
from stream_guard.settings import Settings
from stream_guard.sources.pattern import PatternSource
from stream_guard.sources.rtsp import RtspSource
from tests.cameras import ROOT
from tests.stations import until
from tests.streams import new_threads
from tests.test_outputs_push import rude
from tests.webs import become, viewing

SETTINGS = Settings.model_validate({"detect": {"preset": "fast", "detectors": ["yunet"]}, "web": {"port": 0}})


def test_four_cameras_that_do_not_answer_end_at_the_same_time() -> None:
    before = set(threading.enumerate())
    taken: list[socket.socket] = []
    with rude(taken.append) as port:
        address = SafeUrl.parsed(f"rtsp://127.0.0.1:{port}/cam")
        sources = {f"cam{number}": RtspSource(address) for number in range(4)}
        with Broadcast(sources, Ways(), SETTINGS) as run:
            assert until(lambda: len(taken) >= 4, 20)
            assert [status.reconnects for status in run.statuses()] == [0] * 4
            began_s = time.monotonic()
        assert time.monotonic() - began_s < 4
    assert new_threads(before) == set()


def test_who_watches_a_page_is_counted_for_each_station() -> None:
    portrait = ROOT / "samples" / "portrait.jpg"
    sources = {name: PatternSource(portrait, 320, 180, 10) for name in ("one", "two")}
    with Broadcast(sources, Ways(web=True), SETTINGS) as run:
        assert until(lambda: all(status.frames_out > 0 for status in run.statuses()), 30)

        async def watch() -> None:
            async with (
                httpx.AsyncClient(base_url=run.address or "", timeout=20) as client,
                viewing(client, "/whep/one"),
            ):
                assert (run.viewers("one"), run.viewers("two")) == (1, 0)
            await become(lambda: run.viewers("one") == 0)

        asyncio.run(watch())
