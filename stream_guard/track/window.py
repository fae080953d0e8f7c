"""The frames whose verdict is not final yet, and what is marked in them so far."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from stream_guard.model.geometry import Box, corners
from stream_guard.model.verdict import (
    Between,
    Cover,
    Detection,
    Observation,
    Origin,
    Region,
    Seen,
    Unseen,
)
from stream_guard.track.camera import STILL, Placement, camera_step

REACH: Final = 1
"""A region takes in the boxes of its track up to so many frames before and after."""

MAX_ZOOM: Final = 1e6
"""Beyond it the camera is taken to stand still: after minutes of walking forward the steady world would be
so small that boxes come back from it pixels away from where they were."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Where one track is in one frame, so far."""

    box: Box
    """In the steady world of the window, like all boxes in the tracker."""
    origin: Origin
    below: float = 0.0
    """How far below the box the face is known to end, in shares of its height."""
    score: float = 0.0
    provisional: bool = False
    """A guess for a frame that the cadence skipped: the next look replaces it."""


@dataclass(slots=True)
class Slot:
    """One frame inside the lag."""

    observation: Observation
    clock_s: float
    """Time since the first frame without the jumps of damaged time stamps."""
    number: int
    """Of the frame, in order."""
    placement: Placement = STILL
    """Where the world is in this frame."""
    marks: dict[int, Mark] = field(default_factory=dict)

    def add(self, track: int, mark: Mark) -> None:
        """Mark a track here. What was marked before stays covered, unless it was provisional."""
        old = self.marks.get(track)
        if old is None or old.provisional:
            self.marks[track] = mark
            return
        weaker = mark.provisional or old.origin is Origin.DETECTED
        keep = old if weaker else mark
        box = Box.enclosing((old.box, mark.box))
        self.marks[track] = replace(keep, box=box, below=max(old.below, mark.below))


class Window:
    """The last frames in order: the open ones, and the few closed ones that a region reaches back to."""

    def __init__(self) -> None:
        self.open: deque[Slot] = deque()
        self._closed: deque[Slot] = deque(maxlen=REACH)

    def append(self, observation: Observation) -> Slot:
        newest = self.open[-1] if self.open else self._closed[-1] if self._closed else None
        slot = _next_slot(newest, observation) if newest else Slot(observation, 0.0, 0)
        self.open.append(slot)
        return slot

    def shares(self, start: Slot, end: Slot) -> list[tuple[Slot, float, float]]:
        """Return the open frames after `start`, oldest first, and how far each is on the way to `end`.

        Twice, 0 to 1: by the clock and by count. They differ where frames were filmed evenly but stamped as
        they arrived, several at once.
        """
        way_s, way = end.clock_s - start.clock_s, end.number - start.number
        return [
            (slot, (slot.clock_s - start.clock_s) / way_s, (slot.number - start.number) / way)
            for slot in self.open
            if slot.number > start.number
        ]

    def before(self, slot: Slot) -> list[Slot]:
        """Return the open frames before one, newest first."""
        return [older for older in reversed(self.open) if older.clock_s < slot.clock_s]

    def close_all_but(self, keep: int) -> list[Cover]:
        """Give the final covers of the oldest frames until `keep` open ones are left."""
        covers = []
        while len(self.open) > keep:
            covers.append(self._cover())
            self._closed.append(self.open.popleft())
        return covers

    def restart(self) -> None:
        self._closed.clear()

    def _cover(self) -> Cover:
        slot = self.open[0]
        near = self._same_scene()
        regions = tuple(
            Region(track, slot.placement.to_frame(self._whole(track, near)), mark.origin, mark.score)
            for track, mark in slot.marks.items()
        )
        sight, stamp = slot.observation.sight, slot.observation.stamp
        if isinstance(sight, Unseen):
            return Cover(stamp, regions, whole=sight.reason)
        return Cover(stamp, regions, uncovered=_uncovered(sight, regions))

    def _whole(self, track: int, near: list[Slot]) -> Box:
        """Return where a track is in the oldest open frame, down to where its chin is known to be by now."""
        box = Box.enclosing(slot.marks[track].box for slot in near if track in slot.marks)
        below = max(slot.marks[track].below for slot in self.open if track in slot.marks)
        return box.grown(0, 0, 0, below * box.h)

    def _same_scene(self) -> list[Slot]:
        """Return the slots within reach of the oldest open one, none beyond a cut."""
        slot = self.open[0]
        near = [slot]
        newer = slot
        for older in reversed(self._closed):
            if newer.observation.scene_start:
                break
            near.append(older)
            newer = older
        for k in range(1, min(REACH + 1, len(self.open))):
            if self.open[k].observation.scene_start:
                break
            near.append(self.open[k])
        return near


def _next_slot(newest: Slot, observation: Observation) -> Slot:
    before = newest.observation
    clock_s = newest.clock_s + _step_s(before, observation)
    slot = Slot(observation, clock_s, newest.number + 1, newest.placement)
    if observation.scene_start:
        return slot
    step = camera_step(before.grey, observation.grey, observation.width, observation.height)
    placement = newest.placement.then(step)
    if 1 / MAX_ZOOM <= placement.scale <= MAX_ZOOM:
        slot.placement = placement
    return slot


def _uncovered(sight: Seen | Between, regions: tuple[Region, ...]) -> tuple[Detection, ...]:
    """Return the detections whose centre no region covers."""
    faces = sight.faces if isinstance(sight, Seen) else ()
    covers = corners([region.box for region in regions])
    centres = np.array([(f.box.cx, f.box.cy) for f in faces]).reshape(-1, 1, 2)
    held = np.all((covers[:, :2] <= centres) & (centres < covers[:, 2:]), axis=2)
    return tuple(face for face, by in zip(faces, held, strict=True) if not by.any())


def _step_s(before: Observation, now: Observation) -> float:
    """Return the time between two frames, jumps of the clock taken as one second at most."""
    return min(max(now.stamp.time_s - before.stamp.time_s, 1 / 240), 1.0)
