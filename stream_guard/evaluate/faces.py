"""Counts face by face and track by track what shows and what is covered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from stream_guard.evaluate.detail import LEAST_PX, TOLERATED, exposed_share
from stream_guard.evaluate.score import SIZES, Leak, Tally, size_class
from stream_guard.evaluate.truth import TrueFace
from stream_guard.model.frame import View


@dataclass(slots=True)
class _Track:
    """One face over time, up to the present frame."""

    leak: Leak | None = None
    """The one that goes on."""
    was_covered: bool = False
    exposed: bool = False


@dataclass
class FaceCount:
    """Judges faces in the order of the frames."""

    by_size: dict[str, Tally] = field(default_factory=lambda: {name: Tally() for name in SIZES})
    not_judged: int = 0
    without_frame: int = 0
    leaks: list[Leak] = field(default_factory=list)
    flicker: int = 0
    _tracks: defaultdict[str, _Track] = field(default_factory=lambda: defaultdict(_Track))

    @property
    def tracks(self) -> int:
        return len(self._tracks)

    @property
    def exposed_tracks(self) -> int:
        return sum(track.exposed for track in self._tracks.values())

    def add(
        self, faces: Sequence[TrueFace], original: View, result: NDArray[np.uint8], frame: int, time_s: float
    ) -> None:
        """Judge the faces of one frame; `result` has the size of the original's view."""
        for face in faces:
            covered = _is_covered(face, original, result)
            if covered is None:
                self.not_judged += 1
                continue
            self.by_size[size_class(face.box.h)] += Tally(int(covered), 1)
            if covered:
                self._cover(self._tracks[face.track])
            else:
                self._expose(face.track, frame, time_s)

    def add_lost(self, faces: Sequence[TrueFace]) -> None:
        """Count the faces of a frame that the result does not have."""
        self.without_frame += len(faces)

    def finish(self) -> None:
        """End the leaks that go on to the end of the clip."""
        self.leaks += [track.leak for track in self._tracks.values() if track.leak is not None]
        self.leaks.sort(key=lambda leak: (leak.first_frame, leak.track))

    def _cover(self, track: _Track) -> None:
        if track.leak is not None:
            self.leaks.append(track.leak)
            self.flicker += track.was_covered
        track.leak, track.was_covered = None, True

    def _expose(self, name: str, frame: int, time_s: float) -> None:
        track = self._tracks[name]
        track.exposed = True
        going_on = track.leak or Leak(name, frame, time_s, frame, time_s, 0)
        track.leak = replace(going_on, last_frame=frame, last_s=time_s, frames=going_on.frames + 1)


def _is_covered(face: TrueFace, original: View, result: NDArray[np.uint8]) -> bool | None:
    """Return None where there is too little to judge."""
    height, width = original.bgr.shape[:2]
    box = original.from_frame(face.box)
    x0, y0 = max(0, round(box.x0)), max(0, round(box.y0))
    x1, y1 = min(width, round(box.x1)), min(height, round(box.y1))
    if x1 - x0 < LEAST_PX or y1 - y0 < LEAST_PX:
        return None
    share = exposed_share(original.bgr[y0:y1, x0:x1], result[y0:y1, x0:x1])
    return None if share is None else share <= TOLERATED
