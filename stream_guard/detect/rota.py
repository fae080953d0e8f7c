"""The rota: passes that look in turn, now and then; those that were helpful look again sooner."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final

from stream_guard.detect.agreement import are_one
from stream_guard.detect.passes import Pass
from stream_guard.model.verdict import Detection

_HELPFUL_SCORE: Final = 0.45
"""A pass that finds a face of this score is helpful, unless one before it found the face too."""
_KNOWN_SCORE: Final = 0.3
"""At less, one before it has not found it: upside-down faces score 0.1 to 0.2 in many an upright look."""


class Rota:
    """Says which of its passes is due; all times in seconds of media time."""

    def __init__(self, passes: Sequence[Pass], every_s: float, again_s: float = 0.0) -> None:
        """One pass looks every `every_s`, in turn; one that was helpful looks again after `again_s`.

        A pass that is named several times has as many turns.
        """
        self._all = tuple(passes)
        self._every_s = every_s
        self._again_s = again_s
        self._turned_s: float | None = None
        self._helped_s: dict[Pass, float] = {}
        """When each pass that is helpful last was."""
        self._take(self._all)

    def due(self, now: float, stretch: float) -> list[Pass]:
        """Return who looks now, with all times between looks multiplied by `stretch`."""
        again_s = self._again_s * stretch
        chosen = {one: None for one, helped_s in self._helped_s.items() if is_due(helped_s, now, again_s)}
        every_s = self._every_s * stretch
        while self._order and is_due(self._turned_s, now, every_s):
            chosen[next(self._turn)] = None
            self._turned_s = self._made_up(now, every_s)
        return list(chosen)

    def _made_up(self, now: float, every_s: float) -> float:
        """Return when the turn was that is taken now: those that were missed are made up for, up to a round.

        Looks come every 0.12 s at 25 frames a second: turns of 0.2 s would come every 0.24 s. At one frame a
        second a face that stays for two would meet two of the passes.
        """
        if self._turned_s is None:
            return now
        round_s = len(self._order) * every_s
        is_long_ago = is_due(self._turned_s, now, round_s + every_s)
        return (now - round_s if is_long_ago else self._turned_s) + every_s

    def limit(self, side: int) -> None:
        """Leave out from now on who wants a picture with a longer side, unless all do."""
        self._take([one for one in self._all if one.side is None or one.side <= side] or self._all)

    def everyone(self, now: float) -> list[Pass]:
        """Return all passes, for a picture that nobody knows yet."""
        self._turned_s = now
        return list(self.passes)

    def note(self, one: Pass, found: Sequence[Detection], known: Sequence[Detection], now: float) -> None:
        """Take note of what a pass found in a picture, and of what those before it did."""
        if one not in self.passes:
            return
        clear, before = _of_score(_HELPFUL_SCORE, found), _of_score(_KNOWN_SCORE, known)
        if are_one(clear, before).any(axis=1).all():
            self._helped_s.pop(one, None)
        else:
            self._helped_s[one] = now

    def _take(self, order: Sequence[Pass]) -> None:
        self._order = tuple(order)
        self.passes = tuple(dict.fromkeys(order))
        self._turn = itertools.cycle(order)
        self._helped_s = {one: when for one, when in self._helped_s.items() if one in self.passes}


def _of_score(least: float, faces: Sequence[Detection]) -> list[Detection]:
    return [face for face in faces if face.score >= least]


def is_due(last_s: float | None, now: float, every_s: float) -> bool:
    """Tell whether so much time has gone since a moment; None is long ago."""
    return last_s is None or now - last_s >= every_s - 1e-6
