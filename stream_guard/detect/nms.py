"""Non-maximum suppression: of boxes that overlap, the one with the highest score."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def survivors(
    boxes: NDArray[np.float32], scores: NDArray[np.float32], least: float, iou: float
) -> NDArray[np.intp]:
    """Return which boxes stay, best first: x, y, w, h (n, 4) scoring at least so much (n,)."""
    kept = cv2.dnn.NMSBoxes(boxes.tolist(), scores.tolist(), least, iou) if len(boxes) else ()
    return np.asarray(kept, np.intp).reshape(-1)
