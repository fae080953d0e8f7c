"""What ends a run in order: ctrl-C, a supervisor, and the terminal that goes away."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Final

from stream_guard.errors import Stopped

_NUMBERS: Final = (signal.SIGINT, signal.SIGTERM)


def stop_on_signals() -> None:
    """Let the main thread raise Stopped where a signal asks for the end."""
    for number in _NUMBERS:
        signal.signal(number, _stop)


def _stop(number: int, frame: FrameType | None) -> None:
    """End the run in order; a second signal must not interrupt the removal of what was begun."""
    for other in _NUMBERS:
        signal.signal(other, signal.SIG_IGN)
    raise Stopped(signal.Signals(number).name)
