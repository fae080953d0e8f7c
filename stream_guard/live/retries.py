"""How long to wait before a source that was lost is tried again."""

from __future__ import annotations

from typing import Final

from stream_guard.errors import SourceLostError

_SOON_S: Final = (0.5, 1.0, 1.5, 2.0)
"""No longer: a camera that returns is to be seen within 5 s."""
_RARELY_S: Final = (5.0, 10.0, 20.0, 30.0)
"""Cameras lock out who tries wrong passwords too often."""
_MAY_PASS: Final = 3
"""Refusals of a camera that did accept before: one that starts anew may not know its users yet."""


class Retries:
    """Decides from what has happened to one source so far."""

    def __init__(self) -> None:
        self._failures = self._refusals = 0
        self._has_worked = False

    def pause_s(self, lost: SourceLostError, showed: bool) -> float:
        """Return the pause after a session, which has shown something or not."""
        self._has_worked |= showed
        self._failures = 0 if showed else self._failures + 1
        self._refusals = self._refusals + 1 if lost.rarely else 0
        if lost.at_once and showed:
            return 0.0
        if lost.rarely and not self._may_pass(showed):
            return _of(_RARELY_S, self._refusals - 1)
        return _of(_SOON_S, self._failures)

    def _may_pass(self, showed: bool) -> bool:
        return self._has_worked and not showed and self._refusals <= _MAY_PASS


def _of(pauses_s: tuple[float, ...], failures: int) -> float:
    return pauses_s[min(failures, len(pauses_s) - 1)]
