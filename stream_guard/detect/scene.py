"""What a picture has in common with those before it, from small grey copies."""

from __future__ import annotations

from collections import deque
from enum import Enum, auto
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

_SIZE: Final = (32, 18)
_LEVELS: Final = 16
_MIN_CHANGE: Final = 28.0
_MIN_HISTOGRAM_DISTANCE: Final = 0.35
_FINE_SIZE: Final = (64, 36)
_USUAL_FRAMES: Final = 15
_MIN_SUDDEN: Final = 40.0
_MIN_TIMES_USUAL: Final = 4.0


class Change(Enum):
    """From one picture to the next."""

    USUAL = auto()
    SUDDEN = auto()
    """Something has come, gone or leapt in a picture that was still: a page on a screen, a stalled stream."""
    CUT = auto()
    """It has next to nothing in common with the last one."""


class SceneChanges:
    """Compares each picture with the one before it. A missed cut costs false cover, never a face."""

    def __init__(self) -> None:
        self._before: NDArray[np.float32] | None = None
        self._usual: deque[float] = deque(maxlen=_USUAL_FRAMES)
        """How much the most changed part of each picture did."""

    def to(self, grey: NDArray[np.uint8]) -> Change:
        """Return how a picture, (h, w), differs from the last one."""
        now = cv2.resize(grey, _FINE_SIZE, interpolation=cv2.INTER_AREA).astype(np.float32)
        before, self._before = self._before, now
        if before is None:
            return Change.USUAL
        if _is_cut(_coarse(before), _coarse(now)):
            return Change.CUT
        return Change.SUDDEN if self._is_sudden(np.abs(now - before)) else Change.USUAL

    def _is_sudden(self, change: NDArray[np.float32]) -> bool:
        most = float(cv2.blur(change, (2, 2)).max())
        usual = float(np.median(self._usual)) if self._usual else most
        self._usual.append(most)
        return most > max(_MIN_SUDDEN, _MIN_TIMES_USUAL * usual)


def _coarse(fine: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(cv2.resize(fine, _SIZE, interpolation=cv2.INTER_AREA), np.float32)


def _is_cut(before: NDArray[np.float32], now: NDArray[np.float32]) -> bool:
    change = float(np.abs(now - before).mean())
    return change > _MIN_CHANGE and _histogram_distance(before, now) > _MIN_HISTOGRAM_DISTANCE


def _histogram_distance(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Return half the L1 distance of the grey level histograms, 0 to 1: a pan changes it little."""
    counts = [np.histogram(p, bins=_LEVELS, range=(0, 256))[0] / p.size for p in (a, b)]
    return float(np.abs(counts[0] - counts[1]).sum() / 2)
