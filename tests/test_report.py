"""The account of a run and how far it has come."""

from __future__ import annotations

from stream_guard.flow.progress import Meter, Progress
from stream_guard.flow.report import Account, WholeRange
from stream_guard.model.frame import Stamp
from stream_guard.model.geometry import Box
from stream_guard.model.media import Media
from stream_guard.model.verdict import Cover, Origin, Region


def _cover(index: int, *regions: tuple[int, Origin], whole: str | None = None) -> Cover:
    faces = tuple(Region(track, Box(0, 0, 9, 9), origin, 0.1 * track) for track, origin in regions)
    return Cover(Stamp(0, index, index / 10), faces, whole)


def test_tracks_are_counted_by_origin() -> None:
    account = Account()
    account.add(_cover(0, (1, Origin.TRACKED)))
    account.add(_cover(1, (1, Origin.DETECTED), (2, Origin.PLANNED)))
    account.add(_cover(2, (1, Origin.HELD)))
    first = account.tracks[1]
    assert (first.tracked, first.detected, first.held, first.planned) == (1, 1, 1, 0)
    assert (first.first_frame, first.last_frame, first.last_s) == (0, 2, 0.2)
    assert (account.tracks[2].planned, account.tracks[2].best_score) == (1, 0.2)
    assert account.frames == 3


def test_frames_covered_whole_are_ranges_with_reasons() -> None:
    account = Account()
    for index, reason in enumerate(["late", "late", None, "late", "broken"]):
        account.add(_cover(index, whole=reason))
    assert account.whole == [
        WholeRange("late", 0, 0.0, 1, 0.1),
        WholeRange("late", 3, 0.3, 3, 0.3),
        WholeRange("broken", 4, 0.4, 4, 0.4),
    ]
    assert account.frames_whole == 4


def _meter(media: Media) -> tuple[list[Progress], Meter, list[float]]:
    told: list[Progress] = []
    now = [0.0]
    return told, Meter(media, told.append, lambda: now[0]), now


def test_progress_knows_share_speed_and_time_left() -> None:
    told, meter, now = _meter(Media("in.mp4", None, "mp4", 8, 8, 25.0, frame_count=100))
    now[0] = 0.1
    meter.tick(1, 0)
    assert told == []  # a moment ago
    now[0] = 2.0
    meter.tick(50, 3)
    assert (told[0].share, told[0].fps, told[0].times_real_time, told[0].left_s) == (0.5, 25.0, 1.0, 2.0)
    meter.tick(80, 3, done=True)  # fewer frames than the file promised
    assert (told[1].share, told[1].done, told[1].faces) == (1.0, True, 3)


def test_progress_without_a_known_end() -> None:
    told, meter, now = _meter(Media("in.ts", None, "mpegts", 8, 8, 25.0))
    now[0] = 1.0
    meter.tick(10, 0)
    assert (told[0].share, told[0].left_s, told[0].total) == (None, None, None)
