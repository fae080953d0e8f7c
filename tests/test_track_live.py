"""Live, a face that was hardly seen stays covered while the next look misses it."""

from __future__ import annotations

from stream_guard import parts
from stream_guard.model.frame import Stamp
from stream_guard.model.geometry import Box
from stream_guard.model.verdict import Between, Detection, Observation, Seen, Sight
from stream_guard.settings import Settings
from stream_guard.track.smoother import FixedLagSmoother, Tracking

FPS = 25
FACE = Box(100, 100, 140, 150)
LOOK_EVERY, GONE = 3, 7
"""In frames: there is a look in every third, and none before the seventh finds the face again."""


def _sight(index: int) -> Sight:
    if index % LOOK_EVERY:
        return Between()
    return Seen(() if 0 < index < GONE else (Detection(FACE, 0.25, "yunet"),))


def _bare(tracking: Tracking, lag: int) -> list[int]:
    """Return the frames that show the face."""
    tracker = FixedLagSmoother(lag, tracking)
    covers = [
        cover
        for index in range(12)
        for cover in tracker.push(Observation(Stamp(0, index, index / FPS), 640, 360, _sight(index)))
    ]
    covers += tracker.flush()
    return [c.stamp.index for c in covers if not any(r.box.contains(FACE) for r in c.regions)]


def test_a_doubtful_face_is_held_past_a_look_that_misses_it() -> None:
    settings = Settings()
    assert _bare(parts.live_rules(settings), settings.live.lag_frames) == []
    assert _bare(parts.rules(settings), settings.live.lag_frames) != []
