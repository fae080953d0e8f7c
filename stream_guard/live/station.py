"""A station: one camera, redacted without end, whatever becomes of the camera."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from types import TracebackType
from typing import Any, Final, Protocol

from stream_guard.errors import ModelError, SourceLostError, StreamGuardError
from stream_guard.live.cards import Cards
from stream_guard.live.hub import Hub
from stream_guard.live.load import Load
from stream_guard.live.retries import Retries
from stream_guard.live.session import Judges, Session
from stream_guard.model.frame import Frame, Item, Passthrough
from stream_guard.model.live import Aired, State, Status
from stream_guard.model.ports import LiveSource
from stream_guard.model.redacted import RedactedFrame
from stream_guard.sources.sound import is_same_sound

_HANGS_S: Final = 0.5
"""A look that takes longer is no verdict on a live picture."""
_DEAD_S: Final = 5.0
"""After so long other detectors are loaded in place of those that hang."""
_CARD_AFTER_S: Final = 1.0
_CARD_AFTER_FRAMES: Final = 3.0
_LATEST_CARD_S: Final = 2.0
"""However slow the camera: a card is due within 3.5 s of its last frame."""
_FIRST_CARD_S: Final = 0.3
_CARD_EVERY_S: Final = 0.2
_IDLE_CARD_EVERY_S: Final = 1.0
_WATCH_S: Final = 0.05
_IDLE_GLANCE_S: Final = 0.1
_RATE_WINDOW_S: Final = 2.0
_MOST_HANGING: Final = 3
"""Sets of detectors that may hang: each holds memory that nobody can take back."""
_LEAVES_WITHIN_S: Final = 8.0
"""Longer than it takes to open a camera that does not answer."""


class Bench(Protocol):
    """Makes judges for session after session."""

    def judges(self) -> Judges:
        """Return judges for a new session; loads the detectors at the first call."""
        ...

    def abandon(self) -> None:
        """Never use the detectors again that the last judges had: they hang."""
        ...

    def close(self) -> None: ...


@dataclass(slots=True)
class _Lost:
    """Why there is no picture."""

    reason: str
    needs_a_person: bool = False


class Station:
    """Runs one camera from entering to leaving; nothing that happens to the camera ends it."""

    def __init__(self, name: str, source: LiveSource, bench: Bench, cards: Cards, lag_frames: int) -> None:
        self.name = name
        self.hub = Hub()
        self.sound: Any | None = None
        """A PyAV stream that describes the source's sound, once a packet has come."""
        self._source, self._bench, self._cards, self._lag = source, bench, cards, lag_frames
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._load = Load()
        self._session: Session | None = None
        self._hanging: list[Session] = []
        self._lost: _Lost | None = None
        self._whole: str | None = None
        self._size = (0, 0)
        self._shown_s = self._frame_s = 0.0
        self._born_s = time.monotonic()
        self._faces = self._frames_out = self._skipped = 0
        self._past_in = self._past_dropped = self._connections = 0
        self._shows = False
        """The session has shown something."""
        self._recent_s: deque[float] = deque(maxlen=256)
        self._latency_s: deque[float] = deque(maxlen=256)
        self._threads = [
            threading.Thread(target=self._run, name=f"source {name}", daemon=True),
            threading.Thread(target=self._keep_time, name=f"clock {name}", daemon=True),
        ]

    def __enter__(self) -> Station:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def end_soon(self) -> None:
        """Begin to end; nothing is shown any more."""
        self._stopped.set()

    def stop(self) -> None:
        """End all threads; a driver that does not give its reader back is left behind after some seconds."""
        self._stopped.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(_LEAVES_WITHIN_S)
        if (session := self._session) is not None:
            self._end(session)
        self.hub.close()
        self._bench.close()

    # -- the source's thread ----------------------------------------------------------------------

    def _run(self) -> None:
        retries = Retries()
        while not self._stopped.is_set():
            if self._source.idle:
                self._stopped.wait(_IDLE_GLANCE_S)
                continue
            lost = _bare(self._one_session())
            self._lost = _Lost(str(lost), lost.needs_a_person)
            self._stopped.wait(retries.pause_s(lost, self._shows))

    def _one_session(self) -> SourceLostError:
        """Run a session to its end; return why it ended."""
        self._shows = False
        try:
            session = self._begin()
        except StreamGuardError as exc:
            return SourceLostError(str(exc), needs_a_person=True, rarely=True)
        except Exception as exc:  # noqa: BLE001 - out of memory today, not tomorrow
            return SourceLostError(f"the detectors cannot be loaded ({type(exc).__name__})")
        try:
            for item in self._source.items(self._stopped):
                self._came(session, item)
            lost = SourceLostError(f"{self._source.label} stopped sending")
        except SourceLostError as exc:
            lost = exc
        except StreamGuardError as exc:
            lost = SourceLostError(str(exc), needs_a_person=True, rarely=True)
        except Exception as exc:  # noqa: BLE001 - no fault of a camera's reader may end the station
            lost = SourceLostError(f"{self._source.label} cannot be read ({type(exc).__name__})")
        finally:
            self._end(session)
        return lost

    def _begin(self) -> Session:
        self._hanging = [session for session in self._hanging if session.hangs]
        if len(self._hanging) >= _MOST_HANGING:
            raise ModelError("the detectors do not answer, one after the other; start the program anew")
        judges = self._bench.judges()
        judges.shed(self._load.shedding)
        session = Session(judges, self._air)
        with self._lock:
            self._session = session
        return session

    def _end(self, session: Session) -> None:
        with self._lock:
            self._session = None
            self._past_in += session.frames_in
            self._past_dropped += session.dropped
        if not session.end():
            self._hanging.append(session)
            self._bench.abandon()

    def _came(self, session: Session, item: Item) -> None:
        if session.error is not None:
            raise SourceLostError(f"the guard failed: {session.error}") from session.error
        if session.busy_s > _DEAD_S:
            raise SourceLostError("the detector does not answer; another one is loaded", at_once=True)
        if isinstance(item, Passthrough):
            stream = item.payload.stream
            if not is_same_sound(stream, self.sound):
                self.sound = stream
        elif isinstance(item, Frame) and self._is_skipped(session):
            return
        session.put(item)
        if self._load.note(time.monotonic(), session.frames_in, session.dropped):
            session.shed(self._load.shedding)

    def _is_skipped(self, session: Session) -> bool:
        skipped = (session.frames_in + self._skipped) % self._load.shedding.every != 0
        self._skipped += skipped
        return skipped

    # -- what is final ----------------------------------------------------------------------------

    def _air(self, session: Session, item: RedactedFrame | Passthrough, taken_s: float | None) -> None:
        with self._lock:
            if session is not self._session or self._stopped.is_set():
                return  # it comes too late: its camera is gone
            if isinstance(item, RedactedFrame):
                now_s = self._next_s()
                self._count(item, now_s, taken_s)
                self.hub.publish(Aired(item, now_s, taken_s))
            elif taken_s is not None and self._latency_s:  # heard as late as the picture is seen
                self.hub.publish(Aired(item, taken_s + self._latency_s[-1]))

    def _count(self, item: RedactedFrame, now_s: float, taken_s: float | None) -> None:
        self._frame_s = self._shown_s = now_s
        self._frames_out += 1
        self._connections += not self._shows
        self._shows = True
        self._recent_s.append(now_s)
        if taken_s is not None:
            self._latency_s.append(now_s - taken_s)
        self._size = item.picture.width, item.picture.height
        self._faces, self._whole, self._lost = len(item.cover.regions), item.cover.whole, None

    def _next_s(self) -> float:
        """Return the time by the output clock, which rises strictly."""
        return max(time.monotonic(), self._shown_s + 1e-4)

    # -- the output clock, which never stops --------------------------------------------------------

    def _keep_time(self) -> None:
        while not self._stopped.wait(_WATCH_S):
            with self._lock:
                now_s = time.monotonic()
                every_s = _IDLE_CARD_EVERY_S if self._source.idle else _CARD_EVERY_S
                if self._is_bare(now_s) and now_s - self._shown_s >= every_s:
                    now_s = self._next_s()
                    card = self._cards.card(*self._size, self._state()[1])
                    self._shown_s = now_s
                    self.hub.publish(Aired(card, now_s))

    def _is_bare(self, now_s: float) -> bool:
        """Tell whether the last picture has been shown for too long."""
        if not self._frame_s:
            return now_s - self._born_s >= _FIRST_CARD_S
        patience_s = min(max(_CARD_AFTER_S, _CARD_AFTER_FRAMES * self._interval_s()), _LATEST_CARD_S)
        return now_s - self._frame_s >= patience_s

    def _interval_s(self) -> float:
        """Return the usual time between frames; a single gap does not count."""
        steps_s = [b - a for a, b in pairwise(list(self._recent_s)[-20:])]
        return median(steps_s) if steps_s else 0.0

    # -- what is told -------------------------------------------------------------------------------

    def _state(self) -> tuple[State, str]:
        session, lost = self._session, self._lost
        if session is not None and session.busy_s > _HANGS_S:
            return State.DEGRADED, "the detector does not answer"
        if self._source.idle:
            return State.STALLED, f"{self._source.label}: nobody publishes"
        if lost is not None:
            return (State.FAILED if lost.needs_a_person else State.STALLED), lost.reason
        if not self._frame_s:
            return State.STARTING, f"{self._source.label} is being opened"
        if self._is_bare(time.monotonic()):
            return State.STALLED, f"no picture comes from {self._source.label}"
        return (State.DEGRADED, self._whole) if self._whole else (State.LIVE, "")

    def status(self) -> Status:
        """Return a reading; it holds nothing that not everybody may see."""
        with self._lock:
            now_s, session = time.monotonic(), self._session
            state, reason = self._state()
            seen = sum(now_s - s <= _RATE_WINDOW_S for s in self._recent_s)
            return Status(
                name=self.name, state=state, reason=reason or None,
                width=self._size[0], height=self._size[1], fps=seen / _RATE_WINDOW_S,
                frames_in=self._past_in + self._skipped + (session.frames_in if session else 0),
                frames_out=self._frames_out,
                dropped=self._past_dropped + self._skipped + (session.dropped if session else 0),
                faces=self._faces, latency_s=tuple(self._latency_s),
                detector_s=session.look_s if session else 0.0,
                age_s=now_s - self._frame_s if self._frame_s else None,
                reconnects=max(0, self._connections - 1), load_step=self._load.step, lag_frames=self._lag,
                idle=self._source.idle,
            )  # fmt: skip


def _bare(lost: SourceLostError) -> SourceLostError:
    """Return an error without what led to it, whose frames would keep the session's pictures for long."""
    lost.__cause__ = lost.__context__ = None
    return lost.with_traceback(None)
