"""The faces of a plan, each of which must be covered, and those that nobody can find covered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stream_guard.model.finding import Finding, Kind
from stream_guard.model.verdict import Region
from stream_guard.plan import Plan
from stream_guard.verify.pairs import Pair


class Planned:
    """Gives the faces of each frame; `findings` once all frames have come."""

    def __init__(self, plan: Plan | None = None) -> None:
        self._plan = plan
        self._regions = plan.regions() if plan else {}
        self._by_hand = plan.by_hand() if plan else {}
        self._outside: list[Finding] = []

    def faces(self, pair: Pair) -> Sequence[Region]:
        """Return the faces of a frame, and note those given by hand that lie outside the picture."""
        frame, picture = pair.before.stamp.index, pair.before.picture
        for region in self._by_hand.get(frame, ()):
            if not region.box.is_within(picture.width, picture.height):
                self._note(pair, region)
        return self._regions.get(frame, ())

    def _note(self, pair: Pair, region: Region) -> None:
        what = f"the plan's face of track {region.track} lies outside the picture"
        index, time_s = pair.index, pair.time_s
        self._outside.append(Finding(Kind.UNJUDGED, what, index, index, time_s, time_s, region.box))

    def findings(self, frames: int) -> Iterator[Finding]:
        """Yield what could not be looked at in an input of so many frames."""
        yield from self._outside
        beyond = self._plan and self._plan.beyond(frames)
        if beyond:
            yield Finding(Kind.UNJUDGED, beyond)
