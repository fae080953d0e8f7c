"""Sheds load in steps where the machine is too slow: smaller views, rarer looks, then fewer frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_WINDOW_S: Final = 2.0
_TOO_MANY: Final = 0.12
"""Share of frames dropped in a window from which the next step is taken."""
_CALM_S: Final = 20.0
"""Without a drop for so long one step is taken back."""
LAST_STEP: Final = 3


@dataclass(frozen=True, slots=True)
class Shedding:
    """What a step asks for."""

    view_share: float = 1.0
    """Of the preset's view."""
    look_share: float = 1.0
    """How much longer the time between looks is."""
    every: int = 1
    """One frame in so many is taken."""


STEPS: Final = (Shedding(), Shedding(0.7), Shedding(0.7, 2.0), Shedding(0.7, 2.0, 2))


class Load:
    """Decides which step is right from what came in and what was dropped; times are monotonic seconds."""

    def __init__(self) -> None:
        self.step = 0
        self._since_s: float | None = None
        self._calm_since_s = 0.0
        self._came = self._dropped = 0

    @property
    def shedding(self) -> Shedding:
        return STEPS[self.step]

    def note(self, now_s: float, came: int, dropped: int) -> bool:
        """Take the counts so far; tell whether the step has changed."""
        if self._since_s is None:
            self._calm_since_s = now_s
        if self._since_s is None or came < self._came:  # a new session counts from 0
            self._since_s, self._came, self._dropped = now_s, came, dropped
            return False
        if now_s - self._since_s < _WINDOW_S:
            return False
        new, lost = came - self._came, dropped - self._dropped
        self._since_s, self._came, self._dropped = now_s, came, dropped
        if lost:
            self._calm_since_s = now_s
        if new and lost > _TOO_MANY * new and self.step < LAST_STEP:
            self.step += 1
            return True
        if self.step and now_s - self._calm_since_s >= _CALM_S:
            self._calm_since_s = now_s
            self.step -= 1
            return True
        return False
