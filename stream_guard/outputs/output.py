"""What every way out of a station fulfils."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from stream_guard.live.hub import Hub
from stream_guard.outputs.branch import Branches


def _silent() -> None:
    """Return no sound."""


@dataclass(frozen=True, slots=True)
class Feed:
    """What outputs get of one station: redacted frames, and coded ones."""

    name: str
    hub: Hub
    branches: Branches
    sound: Callable[[], Any | None] = _silent
    """The source's sound stream, as PyAV describes it, once it is known."""


@dataclass(frozen=True, slots=True)
class OutputStatus:
    """One reading of an output; it holds nothing but what everybody may see: addresses without secrets."""

    name: str
    running: bool
    reason: str | None = None
    """Why nothing goes out at present, in one sentence; it may name the address."""
    sent: int = 0
    """Pictures that went out."""
    dropped: int = 0
    """Pictures that did not, because the receiver was too slow."""
    viewers: int | None = None
    """None where the output knows of none."""


class Output(Protocol):
    """One way out; has its own thread, and however its receiver behaves, slows nobody else."""

    name: str

    def start(self) -> None:
        """Begin.

        Raises:
            OutputError: it cannot work at all: a port is taken, a folder missing.
        """
        ...

    def stop(self) -> None:
        """End, and leave no thread and no descriptor behind; harmless when not started."""
        ...

    def status(self) -> OutputStatus: ...
