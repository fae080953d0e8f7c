"""Which detection belongs to which track."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from stream_guard.model.geometry import Box, corners, ious

_Item = TypeVar("_Item")

BUFFER: Final = 0.3
"""Boxes are grown by this share of their size before they are compared: small fast faces do not overlap."""
_MIN_IOU: Final = 0.05
_MOST_TIMES: Final = 2.5
"""A face is not so much larger or smaller from one look to the next: a torso once took a face's track."""


def without(items: Sequence[_Item], gone: Sequence[int]) -> list[_Item]:
    """Return the items whose place is not among those given."""
    left_out = set(gone)
    return [item for i, item in enumerate(items) if i not in left_out]


def assign(tracks: Sequence[Box], detections: Sequence[Box]) -> list[tuple[int, int]]:
    """Return pairs (track, detection), those with the greatest buffered IoU first, each used once.

    Greedy, not the Hungarian method: importing scipy for that takes 0.4 s and 45 MB, and without it the
    recall over 14 clips stayed at 0.995.
    """
    likeness = ious([box.inflated(BUFFER) for box in tracks], [box.inflated(BUFFER) for box in detections])
    likeness[~_are_alike(corners(tracks), corners(detections))] = 0.0
    rows, columns = np.nonzero(likeness > _MIN_IOU)
    nearest_first = np.argsort(-likeness[rows, columns], kind="stable")
    pairs: list[tuple[int, int]] = []
    used_tracks: set[int] = set()
    used_detections: set[int] = set()
    for i, j in zip(rows[nearest_first].tolist(), columns[nearest_first].tolist(), strict=True):
        if i not in used_tracks and j not in used_detections:
            pairs.append((i, j))
            used_tracks.add(i)
            used_detections.add(j)
    return pairs


def _are_alike(tracks: NDArray[np.float64], detections: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which boxes, (n, 4) and (m, 4), are about as large as each other, (n, m)."""
    a, b = (boxes[:, 2:] - boxes[:, :2] for boxes in (tracks, detections))
    a, b = a[:, np.newaxis], b[np.newaxis]
    return np.asarray((np.maximum(a, b) <= _MOST_TIMES * np.minimum(a, b)).all(axis=-1))
