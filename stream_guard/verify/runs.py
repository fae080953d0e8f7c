"""Gathers the frames in which a face shows into one finding for each stretch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from stream_guard.model.finding import Finding, Kind
from stream_guard.model.geometry import Box
from stream_guard.verify.detail import Exposure
from stream_guard.verify.pairs import Pair
from stream_guard.verify.witness import Patch

_GAP: Final = 2
"""Frames in which a face may be hidden between two that show it, within one finding."""
_BETTER: Final = 0.05
"""A later frame of a stretch is the worst one if it is worse by so much."""


@dataclass(slots=True)
class Run:
    """A stretch of frames in which one face shows."""

    first: Pair
    last: Pair
    frames: int
    worst: Pair
    box: Box
    exposure: Exposure
    patch: Patch | None = None
    """The place in the output, where it is worst."""


class Runs:
    """The open stretches by track; closed ones are handed out as they end."""

    def __init__(self) -> None:
        self._open: dict[int, Run] = {}

    def add(self, track: int, pair: Pair, box: Box, exposure: Exposure) -> Run | None:
        """Note that a face shows; return its stretch where this is the worst frame of it so far."""
        run = self._open.get(track)
        if run is None:
            run = self._open[track] = Run(pair, pair, 1, pair, box, exposure)
            return run
        run.frames += run.last.index != pair.index
        run.last = pair
        if exposure.correlation < run.exposure.correlation + _BETTER:
            return None
        run.worst, run.box, run.exposure = pair, box, exposure
        return run

    def ended(self, index: int | None = None) -> list[Run]:
        """Take out the stretches that ended before a frame; all of them without one."""
        over = [t for t, run in self._open.items() if index is None or run.last.index < index - _GAP]
        return [self._open.pop(track) for track in over]


def finding_of(run: Run, redetected: float) -> Finding:
    """Return what is told about a stretch; `redetected` is a detector's score on the output."""
    return Finding(
        Kind.FACE,
        "a face of the input shows",
        run.first.index, run.last.index, run.first.time_s, run.last.time_s,
        run.box, run.worst.index,
        {"shown": run.exposure.share, "correlation": run.exposure.correlation, "redetected": redetected},
    )  # fmt: skip
