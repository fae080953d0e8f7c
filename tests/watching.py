"""Watches every frame that a station shows, for the code that tests plant."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

from stream_guard.live.cards import Cards
from stream_guard.live.station import Station
from stream_guard.model.live import Aired, State
from stream_guard.model.ports import LiveSource
from stream_guard.model.redacted import RedactedFrame
from tests.cameras import TestBench, painter
from tests.stations import shows_code


class Watcher:
    """Looks at every frame that a station publishes."""

    def __init__(self, station: Station) -> None:
        self.station = station
        self.frames: list[tuple[float, bool]] = []
        """When each was shown, and whether it was a card."""
        self.readable = 0
        self._tap = station.hub.tap(capacity=1000)
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        for aired in self._tap:
            assert isinstance(aired.item, RedactedFrame)
            self.readable += shows_code(_rgb(aired))
            self.frames.append((aired.shown_s, aired.taken_s is None))

    def end(self) -> None:
        self._tap.close()
        self._thread.join()

    def is_live(self) -> bool:
        return self.station.status().state is State.LIVE and bool(self.frames) and not self.frames[-1][1]

    def has_card_since(self, moment_s: float) -> bool:
        return any(card and shown_s > moment_s for shown_s, card in self.frames[-60:])


def _rgb(aired: Aired) -> Any:
    assert isinstance(aired.item, RedactedFrame)
    with aired.exclusive:
        return aired.item.picture.handle.frame.to_ndarray(format="rgb24")


@contextmanager
def on_air(source: LiveSource, bench: TestBench | None = None) -> Iterator[Watcher]:
    one = Station("cam", source, bench or TestBench(), Cards(painter()), 6)
    watcher = Watcher(one)
    with one:
        yield watcher
    watcher.end()
    assert watcher.readable == 0
    shown = [shown_s for shown_s, _ in watcher.frames]
    assert all(a < b for a, b in pairwise(shown)), "the output clock must rise"
