"""A tracker that knows the answers: it replays the covers of a plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from stream_guard.errors import InputError
from stream_guard.model.verdict import Cover, Observation, Region


@dataclass
class Replay:
    """Gives each frame the regions that the plan has for its index; unknown frames are covered whole."""

    regions: Mapping[int, Sequence[Region]]
    whole: Mapping[int, str] = field(default_factory=dict)
    """Frames that the plan says to cover whole, with the reason."""
    by_hand: Mapping[int, Sequence[Region]] = field(default_factory=dict)
    """Those of the regions that a person gave. They must lie in the picture; detect's own may leave it."""
    lag: int = 0

    def push(self, observation: Observation) -> Sequence[Cover]:
        """Return the frame's cover.

        Raises:
            InputError: a face by hand lies outside the picture, so it would cover nothing.
        """
        for region in self.by_hand.get(observation.stamp.index, ()):
            _require_visible(region, observation)
        stamp = observation.stamp
        known = self.regions.get(stamp.index)
        why = self.whole.get(stamp.index)
        if known is None:
            return (Cover(stamp, whole=why or "the plan does not know this frame"),)
        return (Cover(stamp, tuple(known), why),)

    def flush(self) -> Sequence[Cover]:
        return ()


def _require_visible(region: Region, seen: Observation) -> None:
    if not region.box.is_within(seen.width, seen.height):
        raise InputError(
            f"the plan's face of track {region.track} in frame {seen.stamp.index} lies outside the picture "
            f"of {seen.width}x{seen.height}, so it would cover nothing; correct its box or take it out"
        )
