"""Follows the faces of the input from look to look, so that every frame between is checked too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stream_guard.model.geometry import Box
from stream_guard.model.verdict import Detection
from stream_guard.track.association import assign, without
from stream_guard.track.motion import follow_in_frames

SURE: Final = 0.6
"""A detection of this score is a face, without a second opinion."""


class How(Enum):
    """How the place of a face in a frame is known."""

    SEEN = "seen"
    BETWEEN = "between"
    """On the line between two detections."""
    FOLLOWED = "followed"
    """By optical flow from one detection, so it may have left the face."""


@dataclass(slots=True)
class Trail:
    """One face over time."""

    number: int
    box: Box
    """At the last look, in frame pixels."""
    found_by: str
    sure: bool = False
    """It is certain that this is a face."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """Where a face should be in one frame."""

    trail: Trail
    box: Box
    how: How


@dataclass(slots=True)
class Step:
    """One frame since the last look, and the faces in it."""

    grey: NDArray[np.uint8] | None
    """Small copy of the input's frame."""
    width: int
    height: int
    sightings: list[Sighting] = field(default_factory=list)


class Trails:
    """The faces at the last look."""

    def __init__(self) -> None:
        self._alive: list[Trail] = []
        self._last: Step | None = None
        self.count = 0

    def look(self, steps: Sequence[Step], faces: Sequence[Detection], scene_start: bool) -> None:
        """Put sightings into the steps since the last look; the last step is the one looked at."""
        alive = [] if scene_start else self._alive
        pairs = assign([trail.box for trail in alive], [face.box for face in faces])
        for i, j in pairs:
            _fill_between(steps, alive[i], faces[j])
        lost = without(self._alive, [self._alive.index(alive[i]) for i, _ in pairs])
        for trail in lost:
            self._follow_on(steps[:-1] if scene_start else steps, trail)
        new = [self._born(face) for face in without(faces, [j for _, j in pairs])]
        for trail in new:
            steps[-1].sightings.append(Sighting(trail, trail.box, How.SEEN))
            if not scene_start:
                _follow_back(steps, trail)
        self._alive = [*(alive[i] for i, _ in pairs), *new]
        self._last = steps[-1]

    def restart(self) -> None:
        """Forget everything: the picture has changed its size."""
        self._alive, self._last = [], None

    def _born(self, face: Detection) -> Trail:
        self.count += 1
        return Trail(self.count, face.box, face.detector, face.score >= SURE)

    def _follow_on(self, steps: Sequence[Step], trail: Trail) -> None:
        box: Box | None = trail.box
        for older, newer in zip([self._last, *steps], steps, strict=False):
            box = _moved(older, newer, box)
            if box is None:
                return
            newer.sightings.append(Sighting(trail, box, How.FOLLOWED))


def _fill_between(steps: Sequence[Step], trail: Trail, face: Detection) -> None:
    for k, step in enumerate(steps, 1):
        how = How.SEEN if k == len(steps) else How.BETWEEN
        step.sightings.append(Sighting(trail, trail.box.blend(face.box, k / len(steps)), how))
    trail.box, trail.found_by = face.box, face.detector
    trail.sure = trail.sure or face.score >= SURE


def _follow_back(steps: Sequence[Step], trail: Trail) -> None:
    box: Box | None = trail.box
    for k in range(len(steps) - 1, 0, -1):
        box = _moved(steps[k], steps[k - 1], box)
        if box is None:
            return
        steps[k - 1].sightings.append(Sighting(trail, box, How.FOLLOWED))


def _moved(a: Step | None, b: Step, box: Box | None) -> Box | None:
    """Return where a box of one frame is in its neighbour, None where it got lost or left the picture."""
    if a is None or box is None or a.grey is None or b.grey is None:
        return None
    moved = follow_in_frames(a.grey, b.grey, box, a.width, a.height)
    return moved if moved and moved.clipped(b.width, b.height).area > 0.5 * moved.area else None
