"""Ignore zones: faces whose centre lies in one are dropped before they reach the tracker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from stream_guard.model.frame import Frame
from stream_guard.model.polygon import Polygon
from stream_guard.model.ports import Observer
from stream_guard.model.verdict import Detection, Observation, Seen


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
        self._ignore = ignore
        self._cover = cover
        self._confidence = confidence
        self.ignored = 0
        """Detections that were dropped so far and would have been covered."""

    def observe(self, frame: Frame) -> Observation:
        observation = self._observer.observe(frame)
        sight = observation.sight
        if not isinstance(sight, Seen):
            return observation
        dropped = {face for face in sight.faces if self._is_ignored(face, observation)}
        self.ignored += sum(face.score >= self._confidence for face in dropped)
        return replace(observation, sight=Seen(tuple(f for f in sight.faces if f not in dropped)))

    def close(self) -> None:
        self._observer.close()

    def _is_ignored(self, face: Detection, observation: Observation) -> bool:
        x, y = face.box.cx / observation.width, face.box.cy / observation.height
        if any(zone.holds(x, y) for zone in self._cover):
            return False
        return any(zone.holds(x, y) for zone in self._ignore)
