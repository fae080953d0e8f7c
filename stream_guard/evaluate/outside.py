"""What happened to the picture beyond the faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from stream_guard.evaluate.truth import TrueFace
from stream_guard.model.frame import View

_MARGIN: Final = 0.5
"""Share of its size by which a mask may exceed a face on each side before that counts."""
_ALTERED: Final = 24
"""Grey levels of change, softened, that a mask makes and a codec does not."""
_UNTOUCHED: Final = 10
"""Grey levels under which a place, with 7 pixels around it, was coded anew and no more."""
_SOFT: Final = 2.0

Bgr = NDArray[np.uint8]


@dataclass
class OutsideCount:
    """Adds up over frames."""

    looked_at_px: int = 0
    altered_px: int = 0
    kept_samples: int = 0
    squared_error: float = 0.0

    def add(self, faces: Sequence[TrueFace], original: View, result: Bgr) -> None:
        """Compare one frame; `result` has the size of the original's view."""
        outside = _beyond(faces, original)
        change = cv2.absdiff(_softened(original.bgr), _softened(result)).max(2)
        self.looked_at_px += int(outside.sum())
        self.altered_px += int((outside & (change > _ALTERED)).sum())
        touched = cv2.dilate((change > _UNTOUCHED).astype(np.uint8), np.ones((15, 15), np.uint8))
        kept = outside & (touched == 0)
        difference = original.bgr[kept].astype(np.float32) - result[kept]
        self.kept_samples += difference.size
        self.squared_error += float(np.square(difference, dtype=np.float64).sum())


def _beyond(faces: Sequence[TrueFace], view: View) -> NDArray[np.bool_]:
    height, width = view.bgr.shape[:2]
    outside = np.ones((height, width), np.bool_)
    for face in faces:
        box = view.from_frame(face.box)
        reach_x, reach_y = (int(round(size * _MARGIN, 6)) for size in (box.w, box.h))
        x0, x1 = max(0, round(box.x0) - reach_x), max(0, round(box.x1) + reach_x)
        y0, y1 = max(0, round(box.y0) - reach_y), max(0, round(box.y1) + reach_y)
        outside[y0:y1, x0:x1] = False
    return outside


def _softened(picture: Bgr) -> Bgr:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), _SOFT), np.uint8)
