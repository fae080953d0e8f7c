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
_ARRIVALS_KEPT: Final = 1000
"""More than a lag can hold."""
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


Air = Callable[["Session", RedactedFrame | Passthrough, float | None], None]
"""Takes what is final in a session, with the time at which its frame came in."""


class Session:
    """Judges frames in a thread of its own; when it ends, frames without a final cover are never shown."""

    def __init__(self, judges: Judges, air: Air) -> None:
        self._judges = judges
        self._stopwatch = _Stopwatch(judges.observer)
        self._air = air
        self._mailbox = NewestWins()
        self._came: deque[tuple[int, float]] = deque(maxlen=_ARRIVALS_KEPT)
        self._heard: deque[tuple[Passthrough, float]] = deque(maxlen=_ARRIVALS_KEPT)
        self._came_s = 0.0
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

    @property
    def hangs(self) -> bool:
        """Its thread has not ended."""
        return self._thread.is_alive()

    def put(self, item: Item) -> None:
        """Take what the source has, from the source's thread."""
        now_s = time.monotonic()
        if isinstance(item, Frame):
            self.frames_in += 1
            self._came.append((item.stamp.index, now_s))
            self._came_s = now_s
        else:
            heard_s = now_s if item.after_s is None else self._came_s + item.after_s
            self._heard.append((item, heard_s))
        self._mailbox.put(item)

    def shed(self, shedding: Shedding) -> None:
        self._judges.shed(shedding)

    def end(self) -> bool:
        """End it; tell whether its thread has ended too, and does not hang in a detector."""
        self._ended = True
        self._mailbox.end()
        self._thread.join(_JOIN_S)
        return not self.hangs

    def _run(self) -> None:
        judges = self._judges
        try:
            for item in anonymize(self._items(), self._stopwatch, judges.tracker, judges.redactor):
                if self._ended:
                    return
                self._air(self, item, self._taken_s(item))
        except _Over:
            return
        except Exception as exc:  # noqa: BLE001 - the station shows a card with it and begins anew
            self.error = exc

    def _taken_s(self, item: RedactedFrame | Passthrough) -> float | None:
        """Return when a frame or sound came in; what came before it has been shown or dropped."""
        if not isinstance(item, RedactedFrame):
            return self._heard_s(item)
        while self._came and self._came[0][0] <= item.stamp.index:
            index, came_s = self._came.popleft()
            if index == item.stamp.index:
                return came_s
        return None

    def _heard_s(self, sound: Passthrough) -> float | None:
        while self._heard:
            item, came_s = self._heard.popleft()
            if item is sound:
                return came_s
        return None

    def _items(self) -> Iterator[Item]:
        yield from self._mailbox
        raise _Over  # not a plain end: that would flush frames whose covers are not final
