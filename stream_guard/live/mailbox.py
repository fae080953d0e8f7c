"""A mailbox between camera and guard in which the newest frames win."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import Final

from stream_guard.model.frame import Frame, Item

_MOST_SOUND: Final = 500
"""Sound packets that may wait, about ten seconds; then the oldest goes."""
_PATIENCE_S: Final = 0.1
"""How long a frame waits while others come: as long as one of the looks that several detectors share."""


class NewestWins:
    """Holds the frames of the last moment, and the sound packets around them in order.

    A frame that was not taken for so long is dropped when the next one comes: here, before analysis, and
    nowhere after it.
    """

    def __init__(self, patience_s: float = _PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._waiting: deque[Item] = deque()
        self._came_s: deque[float] = deque()
        """When each of the waiting frames came, the oldest first."""
        self._changed = threading.Condition()
        self._ended = False
        self.dropped = 0

    def put(self, item: Item) -> None:
        with self._changed:
            if isinstance(item, Frame):
                now_s = time.monotonic()
                while self._came_s and now_s - self._came_s[0] >= self._patience_s:
                    self._drop_oldest()
                self._came_s.append(now_s)
            elif len(self._waiting) >= _MOST_SOUND:
                self._waiting.popleft()
            self._waiting.append(item)
            self._changed.notify()

    def _drop_oldest(self) -> None:
        del self._waiting[next(i for i, item in enumerate(self._waiting) if isinstance(item, Frame))]
        self._came_s.popleft()
        self.dropped += 1

    def end(self) -> None:
        """Let the iteration end now; what waits is dropped."""
        with self._changed:
            self._ended = True
            self._waiting.clear()
            self._came_s.clear()
            self._changed.notify_all()

    def __iter__(self) -> Iterator[Item]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._waiting) or self._ended)
                if self._ended:
                    return
                item = self._waiting.popleft()
                if isinstance(item, Frame):
                    self._came_s.popleft()
            yield item
