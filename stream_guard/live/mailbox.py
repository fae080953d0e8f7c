"""A mailbox between camera and guard in which the newest frames win."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import Final

from stream_guard.model.frame import Frame, Item, Passthrough

_MOST_WAITING: Final = 500
"""With so much waiting, about ten seconds of sound, the oldest sound packet goes for each that comes."""
_PATIENCE_S: Final = 0.1
"""How long a frame waits while others come: as long as one of the looks that several detectors share."""


class NewestWins:
    """Holds the frames of the last moment, and the sound packets around them in order.

    A frame that was not taken for `patience_s` is dropped when a later one comes: here, before analysis, and
    nowhere after it.
    """

    def __init__(self, patience_s: float = _PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._waiting: deque[tuple[float, Item]] = deque()
        """Since when (monotonic seconds), and what."""
        self._changed = threading.Condition()
        self._ended = False
        self.dropped = 0

    def put(self, item: Item) -> None:
        now_s = time.monotonic()
        with self._changed:
            if isinstance(item, Frame):
                self._drop_frames_from_before(now_s - self._patience_s)
            elif len(self._waiting) >= _MOST_WAITING:
                self._drop_oldest_sound()
            self._waiting.append((now_s, item))
            self._changed.notify()

    def _drop_frames_from_before(self, least_s: float) -> None:
        kept = [(s, item) for s, item in self._waiting if s > least_s or not isinstance(item, Frame)]
        self.dropped += len(self._waiting) - len(kept)
        self._waiting = deque(kept)

    def _drop_oldest_sound(self) -> None:
        sound = (at for at, (_, item) in enumerate(self._waiting) if isinstance(item, Passthrough))
        if (oldest := next(sound, None)) is not None:
            del self._waiting[oldest]

    def end(self) -> None:
        """Let the iteration end now; what waits is dropped."""
        with self._changed:
            self._ended = True
            self._waiting.clear()
            self._changed.notify_all()

    def __iter__(self) -> Iterator[Item]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._waiting) or self._ended)
                if self._ended:
                    return
                _, item = self._waiting.popleft()
            yield item
