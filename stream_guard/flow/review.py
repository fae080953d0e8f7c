"""Near misses: collects what a reviewer should look at, the riskiest first, in bounded memory."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from stream_guard.flow.risk import BRIEF_S, UNSEEN_S, brief_risk, faint_risk, unseen_risk, whole_risk
from stream_guard.model.frame import Stamp
from stream_guard.model.geometry import Box
from stream_guard.model.place import Place, Reason
from stream_guard.model.polygon import Polygon
from stream_guard.model.verdict import Cover, Detection, Origin, Region

MOST_PLACES: Final = 300
MOST_PICTURES: Final = 24
_MOST_OPEN: Final = 200
"""Faint places that may go on at a time."""
_FAINT_SHARE: Final = 0.5
"""Of the threshold: detections under it are noise."""
_LEAST_RISK: Final = 0.1
"""A person's time is not for what is less risky."""
_HIDDEN_SHARE: Final = 0.9
"""A faint face of which a mask hides so much is no place to look at."""
_GAP_S: Final = 2.0
"""What is faintly seen at the same place again within this time is the same thing."""
_NEAR: Final = 0.5
"""It is at the same place where the boxes, grown by this share on each side, touch."""
_GRID: Final = 6
_CLEARLY: Final = 1.15
"""A later frame is the better one to look at where the risk has grown by so much."""

HiddenBy = Callable[[Box], Box]
"""Gives what is painted over for a face's box."""

Photographer = Callable[[Box | None], Any]
"""Takes a picture of a part of the redacted frame at hand, None for all of it."""


class Review:
    """Takes every final cover in order; `finish` gives the places."""

    def __init__(
        self,
        threshold: float,
        width: int,
        height: int,
        hidden_by: HiddenBy,
        zones: Sequence[Polygon] = (),
    ) -> None:
        """Detections from `threshold` on are covered; sizes in upright pixels; `zones` are painted over."""
        painted = tuple(zone.scaled(width, height) for zone in zones)
        riskiest = _Riskiest()
        self._riskiest = riskiest
        self._watchers = (
            _FaintWatcher(riskiest, threshold, hidden_by, painted),
            _TrackWatcher(riskiest, width, height),
            _WholeWatcher(riskiest),
        )

    def add(self, cover: Cover, photographer: Photographer | None = None) -> None:
        self._riskiest.photographer = photographer
        for watcher in self._watchers:
            watcher.add(cover)

    def finish(self) -> tuple[Place, ...]:
        """Return the places, the riskiest first."""
        for watcher in self._watchers:
            watcher.finish()
        return self._riskiest.places()


class _Riskiest:
    """Keeps the riskiest places, and pictures of the riskiest of them."""

    def __init__(self) -> None:
        self.photographer: Photographer | None = None
        self._first: list[tuple[float, int, Place]] = []
        self._others: list[tuple[float, int, Place]] = []
        self._numbers = itertools.count(0, -1)  # of two of the same risk the earlier one stays

    def keep(self, place: Place) -> None:
        if place.risk < _LEAST_RISK:
            return
        heapq.heappush(self._first, (place.risk, next(self._numbers), place))
        if len(self._first) > MOST_PICTURES:
            risk, number, least = heapq.heappop(self._first)
            heapq.heappush(self._others, (risk, number, replace(least, picture=None)))
        if len(self._others) > MOST_PLACES - MOST_PICTURES:
            heapq.heappop(self._others)

    def picture(self, box: Box | None, risk: float) -> Any:
        """Return a picture of the frame at hand, None if so small a risk will hardly be shown."""
        floor = self._first[0][0] if len(self._first) == MOST_PICTURES else _LEAST_RISK
        return self.photographer(box) if self.photographer and risk * _CLEARLY >= floor else None

    def places(self) -> tuple[Place, ...]:
        return tuple(place for _, _, place in sorted([*self._first, *self._others], reverse=True))


@dataclass(slots=True)
class _Span:
    """Neighbouring frames that become a place if they turn out to be one."""

    first: Stamp
    last: Stamp
    at: Stamp
    """The frame to look at."""
    box: Box | None
    """Where to look in it."""
    picture: Any = None
    risk_there: float = 0.0

    @classmethod
    def at_frame(cls, stamp: Stamp, box: Box | None) -> _Span:
        return cls(stamp, stamp, stamp, box)

    @property
    def lasted_s(self) -> float:
        return max(0.0, self.last.time_s - self.first.time_s)

    def look_here(self, stamp: Stamp, box: Box | None, risk: float, riskiest: _Riskiest) -> None:
        """Make this the frame to look at, if the span has become clearly riskier."""
        if risk > self.risk_there * _CLEARLY:
            self.at, self.box, self.risk_there = stamp, box, risk
            self.picture = riskiest.picture(box, risk)

    def place(self, reason: Reason, risk: float, says: str, track: int | None = None) -> Place:
        first, last, at = self.first, self.last, self.at
        return Place(
            reason, risk, first.index, first.time_s, last.index, last.time_s, at.index, at.time_s, self.box,
            says, track, self.picture,
        )  # fmt: skip


# -- too faint to be covered --------------------------------------------------------------------------


@dataclass(slots=True)
class _Faint:
    span: _Span
    around: Box
    """What lies about the place where it was last."""
    score: float = 0.0
    looks: int = 0


class _FaintWatcher:
    def __init__(
        self, riskiest: _Riskiest, threshold: float, hidden_by: HiddenBy, zones: Sequence[Polygon]
    ) -> None:
        self._riskiest = riskiest
        self._threshold = threshold
        self._hidden_by = hidden_by
        self._zones = zones
        self._open: list[_Faint] = []

    def add(self, cover: Cover) -> None:
        stamp = cover.stamp
        for old in [f for f in self._open if not 0 <= stamp.time_s - f.span.last.time_s <= _GAP_S]:
            self._end(old)
        faces = [face for face in cover.uncovered if face.score >= _FAINT_SHARE * self._threshold]
        if cover.whole is None and faces:
            masks = [self._hidden_by(region.box) for region in cover.regions]
            for face in faces:
                near = [mask for mask in masks if mask.overlap(face.box) > 0]
                if _share_hidden(face.box, [*near, *self._zones]) < _HIDDEN_SHARE:
                    self._see(stamp, face)

    def finish(self) -> None:
        for faint in list(self._open):
            self._end(faint)

    def _see(self, stamp: Stamp, face: Detection) -> None:
        around = face.box.inflated(_NEAR)
        near = (faint for faint in self._open if faint.around.overlap(around) > 0)
        faint = next(near, None) or self._begin(stamp, face)
        faint.looks += faint.looks == 0 or faint.span.last != stamp
        faint.span.last, faint.around = stamp, around
        faint.score = max(faint.score, face.score)
        if face.score == faint.score:
            faint.span.look_here(stamp, face.box, self._risk(faint, face.box), self._riskiest)

    def _begin(self, stamp: Stamp, face: Detection) -> _Faint:
        if len(self._open) == _MOST_OPEN:
            self._end(min(self._open, key=lambda f: f.span.last))
        self._open.append(_Faint(_Span.at_frame(stamp, face.box), face.box.inflated(_NEAR)))
        return self._open[-1]

    def _end(self, faint: _Faint) -> None:
        self._open.remove(faint)
        times = "once" if faint.looks == 1 else f"{faint.looks} times"
        says = f"not covered: seen {times}, score {faint.score:.2f} at most"
        box = faint.span.box or faint.around
        self._riskiest.keep(faint.span.place(Reason.FAINT, self._risk(faint, box), says))

    def _risk(self, faint: _Faint, box: Box) -> float:
        return faint_risk(faint.score, self._threshold, faint.looks, box)


def _share_hidden(box: Box, masks: Sequence[Box | Polygon]) -> float:
    """Return how much of a box lies under masks, counted on a grid of points."""
    steps = [(i + 0.5) / _GRID for i in range(_GRID)]
    if not masks:
        return 0.0
    points = [(box.x0 + kx * box.w, box.y0 + ky * box.h) for kx in steps for ky in steps]
    return sum(any(mask.holds(x, y) for mask in masks) for x, y in points) / len(points)


# -- covered on weak evidence -------------------------------------------------------------------------


@dataclass(slots=True)
class _Living:
    """A track that may go on."""

    life: _Span
    box: Box
    """Where it was last."""
    score: float = 0.0
    unseen: _Span | None = None
    """Since it was last detected."""


class _TrackWatcher:
    def __init__(self, riskiest: _Riskiest, width: int, height: int) -> None:
        self._riskiest = riskiest
        self._width, self._height = width, height
        self._living: dict[int, _Living] = {}
        self._first: Stamp | None = None

    def add(self, cover: Cover) -> None:
        self._first = self._first or cover.stamp
        here = {region.track: region for region in cover.regions}
        for track in [track for track in self._living if track not in here]:
            self._end(track, cover)
        for region in cover.regions:
            if region.origin is not Origin.PLANNED:  # what a person wrote down is no doubt of ours
                self._follow(cover.stamp, region)

    def finish(self) -> None:
        """Leave what lives at the end: the recording ends, not the track."""
        for track, living in self._living.items():
            self._found_again(track, living)

    def _follow(self, stamp: Stamp, region: Region) -> None:
        living = self._living.setdefault(region.track, _Living(_Span.at_frame(stamp, region.box), region.box))
        life, living.box = living.life, region.box
        life.last, living.score = stamp, max(living.score, region.score)
        if life.lasted_s >= BRIEF_S:
            life.picture = None
        elif region.score == living.score:
            risk = brief_risk(living.score, life.lasted_s, region.box)
            life.look_here(stamp, region.box, risk, self._riskiest)
        if region.origin is Origin.DETECTED:
            self._found_again(region.track, living)
        else:
            self._not_seen(living, stamp, region.box)

    def _not_seen(self, living: _Living, stamp: Stamp, box: Box) -> None:
        span = living.unseen = living.unseen or _Span.at_frame(stamp, box)
        span.last = stamp
        if span.lasted_s >= UNSEEN_S:
            risk = unseen_risk(span.lasted_s, box, lost=True, leaving=self._is_leaving(box))
            span.look_here(stamp, box, risk, self._riskiest)

    def _found_again(self, track: int, living: _Living) -> None:
        span, living.unseen = living.unseen, None
        if span is not None and span.lasted_s >= UNSEEN_S:
            risk = unseen_risk(span.lasted_s, span.box or living.box, lost=False, leaving=False)
            says = f"not detected for {span.lasted_s:.1f} s: mask held or interpolated"
            self._riskiest.keep(span.place(Reason.UNSEEN, risk, says, track))

    def _end(self, track: int, cover: Cover) -> None:
        living = self._living.pop(track)
        if any(region.box.holds(living.box.cx, living.box.cy) for region in cover.regions):
            return  # another track covers the place
        span, life = living.unseen, living.life
        if span is not None and span.lasted_s >= UNSEEN_S:
            leaving = self._is_leaving(living.box)
            risk = unseen_risk(span.lasted_s, span.box or living.box, lost=True, leaving=leaving)
            where = "at the border" if leaving else "inside the picture"
            says = f"lost {where}, covered for {span.lasted_s:.1f} s more: may be there still"
            self._riskiest.keep(span.place(Reason.LOST, risk, says, track))
        elif life.lasted_s < BRIEF_S and life.first != self._first:
            frames = life.last.index - life.first.index + 1
            says = f"covered for {frames} frame{'s' * (frames > 1)} only, score {living.score:.2f} at most"
            risk = brief_risk(living.score, life.lasted_s, life.box or living.box)
            self._riskiest.keep(life.place(Reason.BRIEF, risk, says, track))

    def _is_leaving(self, box: Box) -> bool:
        return box.x0 <= 0 or box.y0 <= 0 or box.x1 >= self._width or box.y1 >= self._height


# -- covered whole ------------------------------------------------------------------------------------


class _WholeWatcher:
    def __init__(self, riskiest: _Riskiest) -> None:
        self._riskiest = riskiest
        self._span: _Span | None = None
        self._why: str | None = None

    def add(self, cover: Cover) -> None:
        if cover.whole != self._why:
            self.finish()
        if cover.whole is not None:
            self._why = cover.whole
            self._span = self._span or _Span.at_frame(cover.stamp, None)
            self._span.last = cover.stamp
            self._span.look_here(cover.stamp, None, whole_risk(self._span.lasted_s), self._riskiest)

    def finish(self) -> None:
        if self._span is not None:
            says = f"covered whole: {self._why}"
            self._riskiest.keep(self._span.place(Reason.WHOLE, whole_risk(self._span.lasted_s), says))
        self._span = self._why = None
