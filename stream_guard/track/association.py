"""Which detection belongs to which track."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy.optimize import linear_sum_assignment

from stream_guard.model.geometry import Box

BUFFER: Final = 0.3
"""Boxes are grown by this share of their size before they are compared: small fast faces do not overlap."""


def assign(tracks: Sequence[Box], detections: Sequence[Box]) -> list[tuple[int, int]]:
    """Return pairs (track, detection) of the assignment with the greatest sum of buffered IoU."""
    if not tracks or not detections:
        return []
    wide_tracks = [box.inflated(BUFFER) for box in tracks]
    wide_detections = [box.inflated(BUFFER) for box in detections]
    gain = np.array([[t.iou(d) for d in wide_detections] for t in wide_tracks])
    rows, columns = linear_sum_assignment(gain, maximize=True)
    return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if gain[r, c] > 0.05]
