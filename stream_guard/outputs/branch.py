"""One encoder for each station and codec, of pictures or sound, whose packets all outputs share."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Final, Protocol

from stream_guard.errors import OutputError
from stream_guard.live.hub import Hub, Tap
from stream_guard.model.live import Aired
from stream_guard.native import step_back
from stream_guard.outputs.encoder import CODECS, Coded, Encoder, LiveEncoding, Parameters
from stream_guard.outputs.opus import OPUS, OpusEncoder

LINGER_S: Final = 5.0
"""The encoder goes on so long without subscribers, for the one who reloads a page."""
_KEY_FRAMES_APART_S: Final = 0.5
_NICENESS: Final = 3
"""All wait for the thread that judges: on two cores a crowd at 1080p lost 33 instead of 50 frames of 420. At
10, where other programs want both cores, the encoder keeps up with six frames of ten only."""
_JOIN_S: Final = 5.0
_SOUNDS_WAITING: Final = 256

__all__ = ["Branch", "Branches", "Coded", "LiveEncoding", "Subscription"]


def _nobody() -> None:
    """Wake nobody."""


def waking(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> Callable[[], None]:
    """Return what wakes a coroutine that waits for a subscription; harmless once its loop is closed."""

    def wake() -> None:
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(event.set)

    return wake


class Subscription:
    """What one output gets of a branch: begins with a key frame; a context manager that lets go of it."""

    def __init__(self, branch: Branch, capacity: int, wake: Callable[[], None]) -> None:
        self._branch = branch
        self._waiting: deque[Coded] = deque()
        self._capacity = capacity
        self._wake = wake
        self._changed = threading.Condition()
        self._closed = False
        self._error: OutputError | None = None
        self._needs_key, self._began = True, False
        self.dropped = 0
        """Packets that were not taken in time, with all that built on them."""

    def __enter__(self) -> Subscription:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def closed(self) -> bool:
        """Nothing comes any more."""
        return self._closed

    def close(self, error: OutputError | None = None) -> None:
        """End the iteration, in whatever thread it waits; `error` is raised there."""
        self._branch.forget(self)
        with self._changed:
            if self._closed:
                return
            self._closed, self._error = True, error
            self._waiting.clear()
            self._changed.notify_all()
        self._wake()

    def offer(self, coded: Coded) -> None:
        """Take a packet from the encoder; where the output is behind, all goes up to the next key frame."""
        with self._changed:
            if self._closed:
                return
            if len(self._waiting) >= self._capacity:
                self.dropped += len(self._waiting)
                self._waiting.clear()
                self._needs_key = True
            if self._needs_key and not coded.key:
                self.dropped += self._began
                return
            self._needs_key, self._began = False, True
            self._waiting.append(coded)
            self._changed.notify()
        self._wake()

    def renew(self) -> None:
        """Forget what waits, and begin anew at a key frame that is asked for."""
        with self._changed:
            self._waiting.clear()
            self._needs_key, self._began = True, False
        self._branch.request_key_frame()

    def take(self, timeout_s: float | None = None) -> Coded | None:
        """Return the next packet; None when the time is over or nothing comes any more.

        Raises:
            OutputError: the encoder failed.
        """
        with self._changed:
            self._changed.wait_for(lambda: bool(self._waiting) or self._closed, timeout_s)
            if self._error is not None:
                raise self._error
            return self._waiting.popleft() if self._waiting else None

    def __iter__(self) -> Iterator[Coded]:
        """Yield packets until the subscription or its branch is closed."""
        while (coded := self.take()) is not None:
            yield coded


class _Coder(Protocol):
    generation: int

    def encode(self, aired: Aired, *, force_key: bool = False) -> list[Coded]: ...


class Branch:
    """One encoder in a thread of its own, from the first subscription to some seconds after the last one."""

    def __init__(self, hub: Hub, codec: str, settings: LiveEncoding, linger_s: float = LINGER_S) -> None:
        self.codec = codec
        self.parameters: Parameters | None = None
        """Of the running encoder, once its first packet is out."""
        self._hub, self._settings, self._linger_s = hub, settings, linger_s
        self._lock = threading.Lock()
        self._subscriptions: tuple[Subscription, ...] = ()
        self._thread: threading.Thread | None = None
        self._tap: Tap | None = None
        self._closed = False
        self._generation = 0
        self._deserted_s = time.monotonic()
        self._key_wanted = threading.Event()

    @property
    def running(self) -> bool:
        """The encoder is at work."""
        return self._thread is not None

    @property
    def viewers(self) -> int:
        return len(self._subscriptions)

    def subscribe(self, capacity: int = 64, wake: Callable[[], None] = _nobody) -> Subscription:
        """Return a new subscription; a closed branch's is closed already.

        The encoder's thread calls `wake` after each packet and at the end; it must neither wait nor raise.
        """
        subscription = Subscription(self, capacity, wake)
        with self._lock:
            closed = self._closed
            if not closed:
                self._subscriptions += (subscription,)
                self.request_key_frame()
                self._start()
        if closed:
            subscription.close()
        return subscription

    def request_key_frame(self) -> None:
        """Ask for a key frame soon; all who ask within half a second share one."""
        self._key_wanted.set()

    def forget(self, subscription: Subscription) -> None:
        with self._lock:
            self._subscriptions = tuple(s for s in self._subscriptions if s is not subscription)
            self._deserted_s = time.monotonic()

    def close(self) -> None:
        """End all subscriptions and the encoder's thread."""
        with self._lock:
            self._closed = True
            thread, tap = self._thread, self._tap
        if tap is not None:
            tap.close()
        if thread is not None:
            thread.join(_JOIN_S)

    def _start(self) -> None:
        if self._thread is None:
            self._tap = self._new_tap()
            name = f"encoder {self.codec}"
            self._thread = threading.Thread(target=self._run, args=(self._tap,), name=name, daemon=True)
            self._thread.start()

    def _new_tap(self) -> Tap:
        if self.codec == OPUS:
            return self._hub.tap(capacity=_SOUNDS_WAITING, sound=True, pictures=False)
        return self._hub.tap()

    def _run(self, tap: Tap) -> None:
        step_back(_NICENESS)
        error: OutputError | None = None
        try:
            with tap:
                if self._encode_all(tap):
                    return
        except OutputError as exc:
            error = exc
        except BaseException as exc:  # noqa: BLE001 - carried to all who read, and raised there
            error = OutputError(f"the {self.codec} encoder failed: {type(exc).__name__}.")
            error.__cause__ = exc
        with self._lock:
            self._thread = self.parameters = None
            left, self._subscriptions = self._subscriptions, ()
        for subscription in left:
            subscription.close(error)

    def _encode_all(self, tap: Tap) -> bool:
        """Code and hand on until the hub closes; return True where it ended for want of subscribers."""
        encoder = self._coder()
        forced_s = float("-inf")
        for aired in tap:
            if self._retires():
                return True
            # apart from the last one asked for, not from one that was due: a newcomer would wait for nothing
            force = self._key_wanted.is_set() and aired.shown_s - forced_s >= _KEY_FRAMES_APART_S
            if force:
                forced_s = aired.shown_s
            coded = encoder.encode(aired, force_key=force)
            if any(one.key for one in coded):
                self._key_wanted.clear()  # before handing it on: whoever has asked by now gets it
            self._generation = encoder.generation
            for one in coded:
                self.parameters = one.parameters
                for subscription in self._subscriptions:
                    subscription.offer(one)
        return False

    def _coder(self) -> _Coder:
        if self.codec == OPUS:
            return OpusEncoder(self._generation)
        return Encoder(self.codec, self._settings, self._generation)

    def _retires(self) -> bool:
        with self._lock:
            if self._subscriptions or time.monotonic() - self._deserted_s < self._linger_s:
                return False
            self._thread = self.parameters = None
            return True


class Branches:
    """The branches of one station, each made when it is first asked for."""

    def __init__(self, hub: Hub, settings: LiveEncoding | None = None, linger_s: float = LINGER_S) -> None:
        self._hub, self._linger_s = hub, linger_s
        self._settings = settings or LiveEncoding()
        self._branches: dict[str, Branch] = {}
        self._lock = threading.Lock()
        self._closed = False

    def get(self, codec: str) -> Branch:
        """Return the branch of a codec.

        Raises:
            ValueError: the codec is neither OPUS nor one of CODECS.
        """
        if codec not in (*CODECS, OPUS):
            known = ", ".join((*CODECS, OPUS))
            raise ValueError(f"there is no live encoder for {codec}; choose one of {known}")
        with self._lock:
            if codec not in self._branches:
                self._branches[codec] = Branch(self._hub, codec, self._settings, self._linger_s)
                if self._closed:
                    self._branches[codec].close()
            return self._branches[codec]

    def close(self) -> None:
        """End every encoder."""
        with self._lock:
            self._closed = True
            branches = tuple(self._branches.values())
        for branch in branches:
            branch.close()
