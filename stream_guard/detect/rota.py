"""The rota: passes that look in turn, now and then; one that was helpful looks again sooner."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Final

from stream_guard.detect.passes import Pass
from stream_guard.model.verdict import Detection

_HELPFUL_SCORE: Final = 0.3
"""A pass that finds a face of this score which those before it missed is helpful."""


class Rota:
    """Says which of its passes is due; all times in seconds of media time."""

    def __init__(self, passes: Sequence[Pass], every_s: float, again_s: float = 0.0) -> None:
        """One pass looks every `every_s`, in turn; one that was helpful looks again after `again_s`.

        A pass that is named several times has as many turns.
        """
        self.passes = tuple(dict.fromkeys(passes))
        self._every_s = every_s
        self._again_s = again_s
        self._turn = itertools.cycle(passes)
        self._turned_s: float | None = None
        self._helpful: Pass | None = None
        self._helped_s = 0.0

    def due(self, now: float, stretch: float) -> list[Pass]:
        """Return who looks now, with all times between looks multiplied by `stretch`."""
        chosen: dict[Pass, None] = {}
        if self._helpful is not None and is_due(self._helped_s, now, self._again_s * stretch):
            chosen[self._helpful] = None
        if self.passes and is_due(self._turned_s, now, self._every_s * stretch):
            chosen[next(self._turn)] = None
            self._turned_s = now
        return list(chosen)

    def everyone(self, now: float) -> list[Pass]:
        """Return all passes, for a picture that nobody knows yet."""
        self._turned_s = now
        return list(self.passes)

    def note(self, one: Pass, news: Iterable[Detection], now: float) -> None:
        """Take note of the faces that a pass found and no one before it."""
        if one not in self.passes:
            return
        if any(face.score >= _HELPFUL_SCORE for face in news):
            self._helpful, self._helped_s = one, now
        elif one is self._helpful:
            self._helpful = None


def is_due(last_s: float | None, now: float, every_s: float) -> bool:
    """Tell whether so much time has gone since a moment; None is long ago."""
    return last_s is None or now - last_s >= every_s - 1e-6
