"""Brings the frames of original and output together by their time, and notes where they don't fit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stream_guard.model.finding import Finding, Kind
from stream_guard.model.frame import Frame
from stream_guard.model.rising import RisingClock

TOLERANCE_S: Final = 0.001
"""Matroska keeps whole milliseconds."""
_STALE_SIDE: Final = 160
_STALE_RATIO: Final = 0.6
_STALE_LEAST: Final = 1.0
"""A frame is another moment's when it is that much nearer to it, in mean grey levels; see `_Moments`."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One moment in original and output."""

    before: Frame
    after: Frame

    @property
    def index(self) -> int:
        """The frame's number in the output."""
        return self.after.stamp.index

    @property
    def time_s(self) -> float:
        return self.after.stamp.time_s


class Pairing:
    """Pairs two streams; `findings` is complete once `pairs` has been read to the end."""

    def __init__(self, fps: float) -> None:
        self._half_step_s = 0.5 / fps if fps else 0.5
        self._runs: list[Finding] = []
        self.frames_in = 0
        self.frames_out = 0

    def pairs(self, before: Iterable[Frame], after: Iterable[Frame]) -> Iterator[Pair]:
        """Yield every frame of the output with the frame of the original that it should show.

        Times count from each stream's first frame. A frame too many is paired with the last original one.
        """
        moments = _Moments()
        left, right = _counted(before, self, "frames_in"), _counted(after, self, "frames_out")
        a, b, last = next(left, None), next(right, None), None
        starts = (a.stamp.time_s, b.stamp.time_s) if a and b else (0.0, 0.0)
        while a is not None or b is not None:
            late_s = _lateness(a, b, *starts)
            if a is not None and late_s >= self._half_step_s:
                self._note("frames of the input are missing", a)
                last, a = a, next(left, None)
                continue
            if b is None:
                break
            if a is None or late_s <= -self._half_step_s:
                self._note("frames that the input does not have", b)
                if last is not None:
                    yield Pair(last, b)
                b = next(right, None)
                continue
            if abs(late_s) > TOLERANCE_S + 1e-6:
                self._note("frames at another time than in the input", b, {"shift_s": abs(late_s)})
            if moments.is_stale(a, b):
                self._note("frames that show an earlier moment than in the input", b)
            yield Pair(a, b)
            last, a, b = a, next(left, None), next(right, None)

    def findings(self) -> list[Finding]:
        return self._runs

    def _note(self, what: str, frame: Frame, figures: dict[str, float] | None = None) -> None:
        """Note a frame; neighbours with the same fault become one finding."""
        index, time_s = frame.stamp.index, frame.stamp.time_s
        for k, run in enumerate(self._runs):
            if run.what == what and run.last_frame == index - 1:
                worst = {n: max(v, run.figures.get(n, 0.0)) for n, v in (figures or {}).items()}
                self._runs[k] = replace(run, last_frame=index, last_s=time_s, figures=worst)
                return
        self._runs.append(Finding(Kind.FRAMES, what, index, index, time_s, time_s, figures=figures or {}))


def mended(frames: Iterable[Frame], clock: RisingClock) -> Iterator[Frame]:
    """Yield the frames with times that only rise, as a redaction writes them."""
    for frame in frames:
        time_s = float(clock.ticks(Fraction(frame.stamp.time_s)) * clock.tick)
        yield replace(frame, stamp=replace(frame.stamp, time_s=time_s))


def _counted(frames: Iterable[Frame], pairing: Pairing, count: str) -> Iterator[Frame]:
    for frame in frames:
        setattr(pairing, count, getattr(pairing, count) + 1)
        yield frame


def _lateness(a: Frame | None, b: Frame | None, start_a: float, start_b: float) -> float:
    """Return by how much the output's next frame comes after the input's; infinite where one has ended."""
    if a is None:
        return float("-inf")
    if b is None:
        return float("inf")
    return (b.stamp.time_s - start_b) - (a.stamp.time_s - start_a)


class _Moments:
    """Tells a frame that repeats the one before it where the input had moved on."""

    def __init__(self) -> None:
        self._earlier: NDArray[np.int16] | None = None

    def is_stale(self, a: Frame, b: Frame) -> bool:
        """Tell whether that is so; never of a damaged frame, which each decoding may conceal differently."""
        now, shown = _thumbnail(a), _thumbnail(b)
        earlier, self._earlier = self._earlier, now
        if a.damaged or earlier is None or now is None or shown is None:
            return False
        if not now.shape == shown.shape == earlier.shape:
            return False
        off_now, off_earlier = _difference(now, shown), _difference(earlier, shown)
        return off_earlier < _STALE_RATIO * off_now and off_now - off_earlier > _STALE_LEAST


def _thumbnail(frame: Frame) -> NDArray[np.int16] | None:
    return None if frame.eye is None else frame.eye.grey(_STALE_SIDE).astype(np.int16)


def _difference(a: NDArray[np.int16], b: NDArray[np.int16]) -> float:
    return float(np.abs(a - b).mean())
