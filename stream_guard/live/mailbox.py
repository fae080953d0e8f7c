"""A mailbox between camera and guard in which the newest frame wins."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from typing import Final

from stream_guard.model.frame import Frame, Item

_MOST_SOUND: Final = 500
"""Sound packets that may wait, about ten seconds; then the oldest goes."""


class NewestWins:
    """Holds one frame at most, and the sound packets around it in order.

    A frame that was not taken is dropped for the next one: here, before analysis, and nowhere after it.
    """

    def __init__(self) -> None:
        self._waiting: deque[Item] = deque()
        self._changed = threading.Condition()
        self._ended = False
        self.dropped = 0

    def put(self, item: Item) -> None:
        with self._changed:
            if isinstance(item, Frame):
                self._drop_frame()
            elif len(self._waiting) >= _MOST_SOUND:
                self._waiting.popleft()
            self._waiting.append(item)
            self._changed.notify()

    def _drop_frame(self) -> None:
        stale = next((i for i, item in enumerate(self._waiting) if isinstance(item, Frame)), None)
        if stale is not None:
            del self._waiting[stale]
            self.dropped += 1

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
                item = self._waiting.popleft()
            yield item
