"""Hands redacted frames to every output; a slow output loses frames and holds nobody up."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from types import TracebackType

from stream_guard.model.live import Aired
from stream_guard.model.redacted import RedactedFrame


class Tap:
    """What one output gets of a hub, newest wins; a context manager that lets go of the hub."""

    def __init__(self, hub: Hub, capacity: int, sound: bool, pictures: bool = True) -> None:
        self._hub = hub
        self._waiting: deque[Aired] = deque()
        self._capacity = capacity
        self._sound, self._pictures = sound, pictures
        self._changed = threading.Condition()
        self._closed = False
        self.dropped = 0
        """Items that were not taken in time."""

    def __enter__(self) -> Tap:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def closed(self) -> bool:
        """Nothing comes any more."""
        return self._closed

    def close(self) -> None:
        """End the iteration, in whatever thread it waits."""
        self._hub.forget(self)
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()

    def offer(self, aired: Aired) -> None:
        """Take an item from the hub; where the output is behind, the oldest one goes."""
        if not (self._pictures if isinstance(aired.item, RedactedFrame) else self._sound):
            return
        with self._changed:
            if self._closed:
                return
            if len(self._waiting) >= self._capacity:
                self._waiting.popleft()
                self.dropped += 1
            self._waiting.append(aired)
            self._changed.notify()

    def take(self, timeout_s: float | None = None) -> Aired | None:
        """Return the next item; None when the time is over or the tap is closed."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._waiting) or self._closed, timeout_s)
            return self._waiting.popleft() if self._waiting else None

    def __iter__(self) -> Iterator[Aired]:
        """Yield items until the tap or its hub is closed."""
        while (aired := self.take()) is not None:
            yield aired


class Hub:
    """One station's redacted frames for any number of outputs."""

    def __init__(self) -> None:
        self._taps: list[Tap] = []
        self._lock = threading.Lock()
        self._closed = False

    def publish(self, aired: Aired) -> None:
        """Offer an item to every tap; never waits."""
        with self._lock:
            taps = tuple(self._taps)
        for tap in taps:
            tap.offer(aired)

    def tap(self, *, capacity: int = 2, sound: bool = False, pictures: bool = True) -> Tap:
        """Return a new tap; a closed hub's is closed already."""
        tap = Tap(self, capacity, sound, pictures)
        with self._lock:
            closed = self._closed
            if not closed:
                self._taps.append(tap)
        if closed:
            tap.close()
        return tap

    def forget(self, tap: Tap) -> None:
        with self._lock:
            if tap in self._taps:
                self._taps.remove(tap)

    def close(self) -> None:
        """Close every tap: the outputs end."""
        with self._lock:
            self._closed = True
            taps = tuple(self._taps)
        for tap in taps:
            tap.close()
