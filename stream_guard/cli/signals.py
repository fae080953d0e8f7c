"""What ends a run in order: ctrl-C, a supervisor, and the terminal that goes away."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Final

from stream_guard.errors import Stopped

_NUMBERS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def stop_on_signals() -> None:
    """Let the main thread raise Stopped where a signal asks for the end; what nohup ignores stays ignored."""
    for number in _NUMBERS:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _stop)


def stop_behind(error: BaseException | None) -> Stopped | None:
    """Return what stopped the run, where somebody made another error of it or met one while it ended."""
    while error is not None and not isinstance(error, Stopped):
        error = error.__cause__ or error.__context__
    return error


def _stop(number: int, frame: FrameType | None) -> None:
    """End the run in order; a second signal must not interrupt the removal of what was begun."""
    for other in _NUMBERS:
        signal.signal(other, signal.SIG_IGN)
    raise Stopped(signal.Signals(number).name)
