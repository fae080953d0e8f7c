"""A tracker that knows the answers: it replays the covers of a plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from stream_guard.model.verdict import Cover, Observation, Region


@dataclass
class Replay:
    """Gives each frame the regions that the plan has for its index; unknown frames are covered whole."""

    regions: Mapping[int, Sequence[Region]]
    whole: Mapping[int, str] = field(default_factory=dict)
    """Frames that the plan says to cover whole, with the reason."""
    lag: int = 0

    def push(self, observation: Observation) -> Sequence[Cover]:
        stamp = observation.stamp
        known = self.regions.get(stamp.index)
        why = self.whole.get(stamp.index)
        if known is None:
            return (Cover(stamp, whole=why or "the plan does not know this frame"),)
        return (Cover(stamp, tuple(known), why),)

    def flush(self) -> Sequence[Cover]:
        return ()
