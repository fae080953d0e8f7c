"""Scene cuts, from small grey copies."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

_SIZE: Final = (32, 18)
_LEVELS: Final = 16
_MIN_CHANGE: Final = 28.0
_MIN_HISTOGRAM_DISTANCE: Final = 0.35


class SceneChanges:
    """Compares each picture with the one before it. A missed cut costs false cover, never a face."""

    def __init__(self) -> None:
        self._before: NDArray[np.float32] | None = None

    def starts_at(self, grey: NDArray[np.uint8]) -> bool:
        """Tell whether a picture, (h, w), has next to nothing in common with the last one."""
        now = cv2.resize(grey, _SIZE, interpolation=cv2.INTER_AREA).astype(np.float32)
        before, self._before = self._before, now
        if before is None:
            return False
        change = float(np.abs(now - before).mean())
        return change > _MIN_CHANGE and _histogram_distance(before, now) > _MIN_HISTOGRAM_DISTANCE


def _histogram_distance(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Return half the L1 distance of the grey level histograms, 0 to 1: a pan changes it little."""
    counts = [np.histogram(p, bins=_LEVELS, range=(0, 256))[0] / p.size for p in (a, b)]
    return float(np.abs(counts[0] - counts[1]).sum() / 2)
