"""How the clock of a damaged or joined stream is mended: time never stands still or goes back."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

_RESTART_S: Final = 1
"""A clock that goes back by more starts anew; by less it stumbles."""


class RisingClock:
    """Turns the times of frames, in order, into whole ticks: exact, except that each is after the last."""

    def __init__(self, tick: Fraction, rate: Fraction, shift: Fraction = Fraction(0)) -> None:
        """Count in `tick` seconds; `rate` is in frames per second, `shift` is added to all times."""
        self.tick = tick
        self._step = max(1, round(1 / (rate * tick)))
        self._last: int | None = None
        self._frames = 0
        self.shift = shift
        """Seconds that are added to all times from now on; grows when the clock starts anew."""
        self.restarts: list[int] = []
        """Frames at which it started anew; time runs on from there."""
        self.stumbles = 0
        """Frames that were moved a little."""

    def ticks(self, time_s: Fraction) -> int:
        """Return the next frame's time."""
        ticks = self._shifted(time_s)
        if self._last is not None and ticks <= self._last:
            if (self._last - ticks) * self.tick > _RESTART_S:
                self.shift += (self._last + self._step - ticks) * self.tick
                self.restarts.append(self._frames)
                ticks = self._shifted(time_s)
            else:
                self.stumbles += 1
            ticks = max(ticks, self._last + 1)
        self._last = ticks
        self._frames += 1
        return ticks

    def _shifted(self, time_s: Fraction) -> int:
        return round((time_s + self.shift) / self.tick)
