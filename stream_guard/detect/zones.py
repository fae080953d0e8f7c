"""Ignore zones: faces whose centre lies in one are dropped before they reach the tracker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from stream_guard.model.frame import Frame
from stream_guard.model.geometry import Box
from stream_guard.model.polygon import Polygon
from stream_guard.model.ports import Observer
from stream_guard.model.verdict import Observation, Seen


@dataclass(frozen=True, slots=True)
class Ignored:
    """The places where faces are meant to show."""

    zones: Sequence[Polygon] = ()
    but_for: Sequence[Polygon] = ()
    """Zones that are covered always."""

    def holds(self, box: Box, width: int, height: int) -> bool:
        """Tell whether a face's centre lies in an ignore zone; zones are in shares of the picture."""
        x, y = box.cx / width, box.cy / height
        covered = any(zone.holds(x, y) for zone in self.but_for)
        return not covered and any(zone.holds(x, y) for zone in self.zones)


class ZonedObserver:
    """Fulfils `ports.Observer`: what another one saw, without the faces in ignore zones.

    A face is kept when its centre is outside or on the border, or in a cover zone. What is kept reaches the
    tracker unchanged, so a track that moves into a zone stays covered until its hold is over.
    """

    def __init__(
        self, observer: Observer, ignore: Sequence[Polygon], cover: Sequence[Polygon], confidence: float
    ) -> None:
        """Zones are in shares of the picture; dropped faces are counted from a score of `confidence`."""
        self._observer = observer
        self._meant = Ignored(ignore, cover)
        self._confidence = confidence
        self.ignored = 0
        """Detections that were dropped so far and would have been covered."""

    def observe(self, frame: Frame) -> Observation:
        observation = self._observer.observe(frame)
        sight = observation.sight
        if not isinstance(sight, Seen):
            return observation
        size = observation.width, observation.height
        dropped = {face for face in sight.faces if self._meant.holds(face.box, *size)}
        self.ignored += sum(face.score >= self._confidence for face in dropped)
        return replace(observation, sight=Seen(tuple(f for f in sight.faces if f not in dropped)))

    def close(self) -> None:
        self._observer.close()
