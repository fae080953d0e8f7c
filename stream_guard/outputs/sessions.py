"""Runs an output in a thread of its own, again and again, for as long as its station is there."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from stream_guard.errors import OutputError
from stream_guard.outputs.output import OutputStatus

FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 30.0
_JOIN_S: Final = 5.0
"""A thread that a dead disk or device holds for longer is left to itself."""


class Run:
    """What a session tells of itself, and what it is told."""

    def __init__(self) -> None:
        self.stopped = threading.Event()
        """Set when the session is to return soon: it looks at least twice a second."""
        self.sent = 0
        self.dropped = 0
        self.reason: str | None = None

    def sent_one(self) -> None:
        """Count a picture that went out; whatever was wrong is over."""
        self.sent += 1
        self.reason = None


class Sessions:
    """One output as sessions, each up to its first failure; pauses between them grow (fulfils `Output`)."""

    def __init__(
        self, name: str, session: Callable[[Run], None], check: Callable[[], None] | None = None
    ) -> None:
        """Take what one session does, and what is to be checked before the first.

        A session raises OutputError where it cannot go on, and returns where the station has ended.
        """
        self.name = name
        self._session, self._check = session, check
        self._thread: threading.Thread | None = None
        self._run = Run()

    def start(self) -> None:
        """Begin the first session.

        Raises:
            OutputError: the check failed.
        """
        if self._check is not None:
            self._check()
        self._run = Run()
        self._thread = threading.Thread(target=self._work, args=(self._run,), name=self.name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the session and its thread."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._run.stopped.set()
            thread.join(_JOIN_S)

    def status(self) -> OutputStatus:
        run, thread = self._run, self._thread
        running = thread is not None and thread.is_alive()
        return OutputStatus(self.name, running, run.reason, run.sent, run.dropped)

    def _work(self, run: Run) -> None:
        pause_s = FIRST_PAUSE_S
        while not run.stopped.is_set():
            sent = run.sent
            try:
                self._session(run)
            except OutputError as exc:
                run.reason = str(exc)
            except Exception as exc:  # noqa: BLE001 - told in the status; the output tries again
                run.reason = f"the output {self.name} failed: {type(exc).__name__}."
            else:
                break
            if run.sent > sent:
                pause_s = FIRST_PAUSE_S
            run.stopped.wait(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
