"""The fixed-lag smoother: every face is followed, held and back-filled; nothing it does takes cover away."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from stream_guard.errors import SettingsError
from stream_guard.model.geometry import Box
from stream_guard.model.verdict import Cover, Detection, Observation, Origin, Seen
from stream_guard.track.association import assign, leaps, without
from stream_guard.track.motion import follow_in_frames
from stream_guard.track.window import Mark, Slot, Window

_ENTERING_SHARE: Final = 0.25
_MOST_WEIGHT: Final = 1.5
_CLEARLY: Final = 0.7
"""Evidence of a track that may live on weak detections, and that went where it seems to go: two of 0.65."""
_LEAP_SCORE: Final = 0.5
"""Score of a new face that may be one lost elsewhere; in crowds doubtful ones come and go."""


@dataclass(frozen=True, slots=True)
class Tracking:
    """How the smoother behaves; all times in seconds, so that every frame rate is treated alike."""

    confidence: float = 0.2
    """A detection of this score is covered at once and starts a track."""
    hold_s: float = 1.0
    """How long a well-proven face stays covered after its last detection."""
    backfill_s: float = 2.0
    """How far before its first detection a well-proven face is covered."""
    doubtful_s: float = 0.08
    """The same two times for a face seen once, at a low score."""
    linger_s: float = 0.15
    """How long such a face is waited for, no longer covered; found again, it was there all the while. Long
    enough for one look that misses it."""
    proof: float = 2.0
    """Sum of (score - proof_floor) over its detections that proves a face: five detections of 0.7."""
    proof_floor: float = 0.3
    """A detection of less proves nothing: hands and emblems score so in look after look."""
    fresh_s: float = 0.08
    """A detection that comes sooner after the last one counts for less: it has seen much the same. One that
    comes later counts for more, half as much again at most."""
    cut_hold_s: float = 0.15
    """How long an unmatched track outlives a scene cut (the cut may be a flash)."""
    growth_per_s: float = 0.75
    """How fast a region grows that is held without evidence (3 % a frame at 25 frames per second)."""
    flow_growth_per_s: float = 0.12
    """How fast it grows while optical flow still follows it."""
    growth_cap: float = 1.8


@dataclass(slots=True)
class Track:
    """One face over time."""

    number: int
    box: Box
    """Where it was last detected."""
    seen: Slot
    """The frame that it was last detected in."""
    path: Box
    """Where it is thought to be at the last look."""
    tail: tuple[Slot, Box]
    """The earliest frame it is covered in, and where."""
    birth_s: float
    evidence: float = 0.0
    growth: float = 0.0
    """Share of its size that the region is larger than the face was."""
    velocity: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    """Of (cx, cy, log w, log h), per second."""
    ends_s: float = math.inf
    """Set by a scene cut."""
    below: float = 0.0
    """How far below its box others saw it end, when they last did, in shares of its height."""
    leapt: bool = False
    """Its velocity comes from another track, whose face it may be: it moved faster than boxes overlap."""

    def ahead(self, dt: float) -> Box:
        """Return the path moved on by `dt` seconds at constant velocity."""
        vx, vy, vw, vh = (v * dt for v in self.velocity)
        zoom_w, zoom_h = (math.exp(min(max(v, -0.3), 0.3)) for v in (vw, vh))
        return Box.around(self.path.cx + vx, self.path.cy + vy, self.path.w * zoom_w, self.path.h * zoom_h)


class FixedLagSmoother:
    """Turns observations into covers, each at most `lag` frames late (fulfils `ports.Tracker`)."""

    def __init__(self, lag: int, tracking: Tracking | None = None) -> None:
        if lag < 0:
            raise SettingsError(f"lag is {lag} frames; it must be 0 or more")
        self.lag = lag
        self._rules = tracking or Tracking()
        self._window = Window()
        self._tracks: list[Track] = []
        self._last_look: Slot | None = None
        self._numbers = 0

    def push(self, observation: Observation) -> Sequence[Cover]:
        slot = self._window.append(observation)
        if observation.scene_start:
            for track in self._tracks:
                track.ends_s = min(track.ends_s, slot.clock_s + self._rules.cut_hold_s)
        if isinstance(observation.sight, Seen):
            self._look(slot, [_in_world(face, slot) for face in observation.sight.faces])
            self._last_look = slot
        else:
            self._guess(slot)
        return self._window.close_all_but(self.lag)

    def flush(self) -> Sequence[Cover]:
        covers = self._window.close_all_but(0)
        self._window.restart()
        self._tracks.clear()
        self._last_look = None
        return covers

    # -- one look ---------------------------------------------------------------------------------

    def _look(self, slot: Slot, faces: Sequence[Detection]) -> None:
        pairs, newborn, missed = self._associate(slot, faces)
        for track, face in pairs:
            self._found(track, slot, face)
        leapt = self._leapt(slot, missed, newborn)
        for track in missed:
            self._missed(track, slot)
        born = [self._born(slot, face) for face in newborn]
        for lost, j in leapt:
            self._link(lost, born[j], slot)
        for track in [*born, *(track for track, _ in pairs)]:
            self._back_fill(track)

    def _associate(
        self, slot: Slot, faces: Sequence[Detection]
    ) -> tuple[list[tuple[Track, Detection]], list[Detection], list[Track]]:
        """Pair strong detections with tracks first, then weak ones with what is left (as ByteTrack does)."""
        dt = slot.clock_s - self._last_look.clock_s if self._last_look else 0.0
        strong = [face for face in faces if face.score >= self._rules.confidence]
        weak = [face for face in faces if face.score < self._rules.confidence]
        left = list(self._tracks)
        pairs: list[tuple[Track, Detection]] = []
        for group in (strong, weak):
            matched = assign([track.ahead(dt) for track in left], [face.box for face in group])
            pairs += [(left[i], group[j]) for i, j in matched]
            left = without(left, [i for i, _ in matched])
            if group is strong:
                newborn = without(strong, [j for _, j in matched])
                left, unproven = self._split_by_proof(left)
        return pairs, newborn, left + unproven

    def _split_by_proof(self, tracks: Sequence[Track]) -> tuple[list[Track], list[Track]]:
        """Only a track that was once seen clearly may live on weak detections."""
        proven = [t for t in tracks if t.evidence >= _CLEARLY]
        return proven, [t for t in tracks if t.evidence < _CLEARLY]

    def _found(self, track: Track, slot: Slot, face: Detection) -> None:
        """Extend a track to a detection and fill the frames since its last one."""
        gap_s = slot.clock_s - track.seen.clock_s
        track.below = track.below if face.below is None else face.below
        waited = (0.0,) if slot.observation.leapt else ()
        for between, *shares in self._window.shares(track.seen, slot):
            box = Box.enclosing(track.box.blend(face.box, share) for share in (*shares, *waited))
            between.add(track.number, Mark(box, Origin.TRACKED, track.below))
        slot.add(track.number, Mark(face.box, Origin.DETECTED, track.below, face.score))
        if self._last_look and track.seen.clock_s < self._last_look.clock_s:
            self._trace_back(track, slot, face.box, min(gap_s, self._rules.backfill_s))
        track.velocity, track.leapt = _velocity(track.box, face.box, gap_s), False
        track.box = track.path = face.box
        track.seen = slot
        track.ends_s = math.inf
        track.growth = 0.0
        track.evidence += self._evidence(face) * min(_MOST_WEIGHT, gap_s / self._rules.fresh_s)

    def _born(self, slot: Slot, face: Detection) -> Track:
        self._numbers += 1
        evidence = self._evidence(face)
        tail = (slot, face.box)
        track = Track(self._numbers, face.box, slot, face.box, tail, slot.clock_s, evidence)
        track.below = face.below or 0.0
        slot.add(track.number, Mark(face.box, Origin.DETECTED, track.below, face.score))
        self._tracks.append(track)
        return track

    def _leapt(
        self, slot: Slot, missed: Sequence[Track], newborn: Sequence[Detection]
    ) -> list[tuple[Track, int]]:
        """Return which newborn faces may be one seen at the last look, with a copy of that one's track.

        What optical flow follows has stayed about where it was, and was or will be found there.
        """
        before = self._last_look
        if before is None or slot.observation.scene_start:
            return []
        lost = [t for t in missed if t.seen is before and t.evidence > 0 and not _flow(before, slot, t.box)]
        new = [
            j
            for j, face in enumerate(newborn)
            if lost and face.score >= _LEAP_SCORE and not _flow(slot, before, face.box)
        ]
        pairs = leaps([track.box for track in lost], [newborn[j].box for j in new])
        return [(replace(lost[i]), new[j]) for i, j in pairs]

    def _link(self, lost: Track, newborn: Track, slot: Slot) -> None:
        """Cover the way from a face lost just now to a new one, in case they are one that moves fast.

        Both tracks live on as if they were two faces, for they may be.
        """
        gap_s = slot.clock_s - lost.seen.clock_s
        newborn.velocity, newborn.leapt = _velocity(lost.box, newborn.box, gap_s), True
        for between, *shares in self._window.shares(lost.seen, slot):
            box = Box.enclosing(lost.box.blend(newborn.box, share) for share in shares)
            between.add(newborn.number, Mark(box, Origin.TRACKED, newborn.below))
        if lost.birth_s == lost.seen.clock_s:  # it came since the look before that
            self._lead_in(lost, newborn, gap_s)

    def _lead_in(self, lost: Track, newborn: Track, reach_s: float) -> None:
        """Cover the way that a fast face must have come before it was seen first."""
        newer = lost.seen
        for older in self._window.before(lost.seen):
            ago_s = lost.seen.clock_s - older.clock_s
            if newer.observation.scene_start or ago_s >= reach_s - 1e-9:
                break
            dx, dy = (-v * ago_s for v in newborn.velocity[:2])
            older.add(newborn.number, Mark(lost.box.moved(dx, dy), Origin.TRACKED, newborn.below))
            newer = older

    # -- without a detection ----------------------------------------------------------------------

    def _missed(self, track: Track, slot: Slot) -> None:
        """Move an unmatched track with the picture, hold it grown, let it go when its time is over."""
        before = self._last_look or slot
        dt = slot.clock_s - before.clock_s
        old, path = track.path, _flow(before, slot, track.path)
        vx, vy = track.velocity[:2] if track.leapt or track.evidence >= _CLEARLY else (0.0, 0.0)
        track.velocity = (0.0, 0.0, 0.0, 0.0)
        track.path = path or old
        track.growth += dt * (self._rules.flow_growth_per_s if path else self._rules.growth_per_s)
        if self._is_over(track, slot):
            self._tracks.remove(track)
            return
        if self._is_lingering(track, slot):
            return
        origin = Origin.TRACKED if path else Origin.HELD
        for between, *shares in self._window.shares(before, slot):
            boxes = [old.blend(track.path, share) for share in shares]
            if vx or vy:  # flow stays with the pillar that the face has gone behind
                boxes += [old.moved(vx * dt * share, vy * dt * share) for share in shares]
            box = Box.enclosing(boxes)
            between.add(track.number, Mark(box.inflated(self._grown(track.growth)), origin, track.below))

    def _guess(self, slot: Slot) -> None:
        """Mark all tracks in a frame that nobody looked at; the next look says better."""
        dt = slot.clock_s - self._last_look.clock_s if self._last_look else 0.0
        for track in self._tracks:
            if self._last_look and self._is_lingering(track, self._last_look):
                continue
            box = Box.enclosing((track.ahead(dt), track.path))
            growth = self._grown(track.growth + dt * self._rules.growth_per_s)
            slot.add(track.number, Mark(box.inflated(growth), Origin.HELD, track.below, provisional=True))

    def _is_over(self, track: Track, slot: Slot) -> bool:
        wait_s = max(self._reach(track, self._rules.hold_s), self._rules.linger_s)
        here = slot.placement.to_frame(track.path)
        outside = here.clipped(slot.observation.width, slot.observation.height).area <= 0
        return outside or slot.clock_s > min(track.seen.clock_s + wait_s, track.ends_s) + 1e-9

    def _is_lingering(self, track: Track, slot: Slot) -> bool:
        """Tell whether a track is no longer covered, but may still be found again."""
        return slot.clock_s > track.seen.clock_s + self._reach(track, self._rules.hold_s) + 1e-9

    def _reach(self, track: Track, full_s: float) -> float:
        """Return how long a track is held or back-filled: the longer, the better it is proven.

        Squared, since what was seen once or twice at a low score is mostly no face: on crowds this halved
        false cover against a straight line.
        """
        doubtful_s = min(self._rules.doubtful_s, full_s)
        proven = min(1.0, track.evidence / self._rules.proof) ** 2
        return doubtful_s + (full_s - doubtful_s) * proven

    def _evidence(self, face: Detection) -> float:
        return max(0.0, face.score - self._rules.proof_floor)

    def _grown(self, growth: float) -> float:
        """Return the growth of each side, as a share of the box."""
        return min(growth, self._rules.growth_cap - 1) / 2

    # -- before the first detection ---------------------------------------------------------------

    def _back_fill(self, track: Track) -> None:
        """Cover a track before its birth, further back as it gets better proven."""
        slot, box = track.tail
        reach_s = self._reach(track, self._rules.backfill_s) - (track.birth_s - slot.clock_s)
        if reach_s > 0:
            track.tail = self._trace_back(track, slot, box, reach_s, track.birth_s - slot.clock_s)

    def _trace_back(
        self, track: Track, start: Slot, box: Box, reach_s: float, age_s: float = 0.0
    ) -> tuple[Slot, Box]:
        """Follow a box backwards through the open frames and mark it there; return where that ended."""
        newer = start
        for older in self._window.before(start):
            step_s = start.clock_s - older.clock_s
            if newer.observation.scene_start or step_s > reach_s + 1e-9 or _is_entering(newer, box):
                break
            moved = _flow(newer, older, box)
            box = moved or box
            growth = (age_s + step_s) * (self._rules.flow_growth_per_s if moved else self._rules.growth_per_s)
            older.add(track.number, Mark(box.inflated(self._grown(growth)), Origin.TRACKED, track.below))
            newer = older
        return newer, box


def _flow(before: Slot, after: Slot, box: Box) -> Box | None:
    """Return where a box of one frame is in another, by optical flow on the grey copies."""
    a, b = before.observation, after.observation
    if a.grey is None or b.grey is None or before is after:
        return None
    moved = follow_in_frames(a.grey, b.grey, before.placement.to_frame(box), a.width, a.height)
    return moved and after.placement.to_world(moved)


def _is_entering(slot: Slot, box: Box) -> bool:
    """Tell whether a face has come in over the picture's border just now: next to nothing of it is inside."""
    here = slot.placement.to_frame(box)
    inside = here.clipped(slot.observation.width, slot.observation.height)
    return inside.area < _ENTERING_SHARE * here.area


def _in_world(face: Detection, slot: Slot) -> Detection:
    return replace(face, box=slot.placement.to_world(face.box))


def _velocity(a: Box, b: Box, dt: float) -> tuple[float, float, float, float]:
    return (
        (b.cx - a.cx) / dt,
        (b.cy - a.cy) / dt,
        math.log(max(b.w, 1e-3) / max(a.w, 1e-3)) / dt,
        math.log(max(b.h, 1e-3) / max(a.h, 1e-3)) / dt,
    )
