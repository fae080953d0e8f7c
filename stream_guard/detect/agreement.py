"""What several detectors found, face by face: which finds are one face, and where it ends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stream_guard.model.geometry import ious
from stream_guard.model.verdict import Detection

_ONE_FACE: Final = 0.4
"""IoU from which two boxes are of one face."""
_CLEAR_SCORE: Final = 0.25
"""From which a find says where a face ends."""
_LEAST_PX: Final = 32.0
"""Height from which it does: smaller faces show little beyond their masks, and crowds are full of them."""
_LEAST_BELOW: Final = 0.2
"""Share of the height by which two detectors may differ about one chin: the mask's margin takes that."""


def distinct(faces: Iterable[Detection]) -> list[Detection]:
    """Return each face once, under its highest score."""
    by_score = sorted(faces, key=lambda f: -f.score)
    alike = are_one(by_score, by_score)
    kept: list[int] = []
    for i in range(len(by_score)):
        if not alike[i, kept].any():
            kept.append(i)
    return [by_score[i] for i in kept]


def are_one(these: Sequence[Detection], those: Sequence[Detection]) -> NDArray[np.bool_]:
    """Tell which pairs are one face that two detectors found, (len(these), len(those)).

    A small face inside a larger box is another one.
    """
    return ious([face.box for face in these], [face.box for face in those]) > _ONE_FACE


def with_chins(
    faces: Sequence[Detection], found: Sequence[Detection], ends_by: str | None
) -> tuple[Detection, ...]:
    """Return the faces; one that the detector `ends_by` saw end much further down than another did gets the
    other one's box, and is told how far below it ends.

    Behind a medical mask YuNet's box ends above the chin, CenterFace's below it: of 250 such faces CenterFace
    saw 7 end so much further down, of 205 bare ones 1, and all of them did. The box is YuNet's then, since
    the next looks are its alone.
    """
    clear = [one for one in found if one.score >= _CLEAR_SCORE and one.box.h >= _LEAST_PX]
    if all(one.detector != ends_by for one in clear):
        return tuple(faces)
    alike = are_one(faces, clear)
    return tuple(
        _with_chin(face, [clear[j] for j in np.flatnonzero(row)], ends_by)
        for face, row in zip(faces, alike, strict=True)
    )


def _with_chin(face: Detection, sights: Sequence[Detection], ends_by: str | None) -> Detection:
    ends = [one.box.y1 for one in sights if one.detector == ends_by]
    box = next((one.box for one in sights if one.detector != ends_by), None)
    if not ends or box is None:
        return face
    below = (max(ends) - box.y1) / box.h
    return replace(face, box=box, below=below) if below >= _LEAST_BELOW else replace(face, below=0.0)
