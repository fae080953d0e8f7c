"""One unbroken stretch of a live source: its frames, judged and covered by the one generator."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from stream_guard.flow.anonymize import anonymize
from stream_guard.live.load import Shedding
from stream_guard.live.mailbox import NewestWins
from stream_guard.model.frame import Frame, Item, Passthrough
from stream_guard.model.ports import Observer, Redactor, Tracker
from stream_guard.model.redacted import RedactedFrame
from stream_guard.model.verdict import Between, Observation

_LOOKS_KEPT: Final = 50
_JOIN_S: Final = 1.5


@dataclass(frozen=True, slots=True)
class Judges:
    """Who decides on the frames of one session."""

    observer: Observer
    tracker: Tracker
    redactor: Redactor
    shed: Callable[[Shedding], None]
    """Tells the observer how much it may spend."""


class _Over(Exception):  # noqa: N818 - a signal within one thread, never seen outside
    """The session has ended."""


class _Stopwatch:
    """An observer that times another one's looks, so that one that hangs is noticed."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._began_s: float | None = None
        self._looks_s: deque[float] = deque(maxlen=_LOOKS_KEPT)

    def observe(self, frame: Frame) -> Observation:
        self._began_s = began_s = time.monotonic()
        observation = self._observer.observe(frame)
        if not isinstance(observation.sight, Between):
            self._looks_s.append(time.monotonic() - began_s)
        self._began_s = None
        return observation

    def close(self) -> None:
        self._observer.close()

    @property
    def busy_s(self) -> float:
        """How long the look that is under way has taken, 0 where none is."""
        began_s = self._began_s
        return 0.0 if began_s is None else time.monotonic() - began_s

    @property
    def mean_s(self) -> float:
        looks_s = list(self._looks_s)
        return sum(looks_s) / len(looks_s) if looks_s else 0.0


Air = Callable[[RedactedFrame | Passthrough, float | None], None]
"""Takes what is final, with the time at which its frame came in."""


class Session:
    """Judges frames in a thread of its own; when it ends, frames without a final cover are never shown."""

    def __init__(self, judges: Judges, air: Air) -> None:
        self._judges = judges
        self._stopwatch = _Stopwatch(judges.observer)
        self._air = air
        self._mailbox = NewestWins()
        self._came_s: dict[int, float] = {}
        self._ended = False
        self.frames_in = 0
        self.error: Exception | None = None
        """What broke the guard: a fault of ours, not of the camera."""
        self._thread = threading.Thread(target=self._run, name="guard", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        return self._mailbox.dropped

    @property
    def busy_s(self) -> float:
        """How long the detectors have been at the frame they look at."""
        return self._stopwatch.busy_s

    @property
    def look_s(self) -> float:
        """Mean time of a look, lately."""
        return self._stopwatch.mean_s

    def put(self, item: Item) -> None:
        """Take what the source has, from the source's thread."""
        self.frames_in += isinstance(item, Frame)
        self._mailbox.put(item)

    def shed(self, shedding: Shedding) -> None:
        self._judges.shed(shedding)

    def end(self) -> bool:
        """End it; tell whether its thread has ended too, and does not hang in a detector."""
        self._ended = True
        self._mailbox.end()
        self._thread.join(_JOIN_S)
        return not self._thread.is_alive()

    def _run(self) -> None:
        judges = self._judges
        try:
            for item in anonymize(self._items(), self._stopwatch, judges.tracker, judges.redactor):
                if self._ended:
                    return
                taken_s = (
                    self._came_s.pop(item.stamp.index, None) if isinstance(item, RedactedFrame) else None
                )
                self._air(item, taken_s)
        except _Over:
            return
        except Exception as exc:  # noqa: BLE001 - the station shows a card with it and begins anew
            self.error = exc

    def _taken_s(self, item: RedactedFrame | Passthrough) -> float | None:
        return self._came_s.pop(item.stamp.index, None) if isinstance(item, RedactedFrame) else None

    def _items(self) -> Iterator[Item]:
        for item in self._mailbox:
            if isinstance(item, Frame):
                self._came_s[item.stamp.index] = time.monotonic()
            yield item
        raise _Over  # not a plain end: that would flush frames whose covers are not final
