"""The figures of an evaluation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

VERSION: Final = 1
SIZES: Final = {"under 10": 10.0, "10-16": 16.0, "16-32": 32.0, "32+": math.inf}
"""Classes of a face's height in pixels, each with the height that no longer belongs to it."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Face-frames: one face in one frame counts one."""

    covered: int = 0
    total: int = 0

    @property
    def recall(self) -> float | None:
        return self.covered / self.total if self.total else None

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.covered + other.covered, self.total + other.total)


@dataclass(frozen=True, slots=True)
class Leak:
    """Neighbouring frames in which one face shows."""

    track: str
    first_frame: int
    first_s: float
    last_frame: int
    last_s: float
    frames: int
    """Judged frames between the two, themselves included."""


@dataclass(frozen=True, slots=True)
class Score:
    """What an evaluation found. The counts are kept, so that scores of several clips can be summed."""

    by_size: Mapping[str, Tally]
    """By the names of `SIZES`."""
    not_judged: int
    """Face-frames with less than 6 px inside the picture, or without detail that could be hidden."""
    without_frame: int
    """Face-frames in frames that the result does not have; nothing is known of them."""
    tracks: int
    exposed_tracks: int
    """Tracks that show in at least one frame."""
    leaks: tuple[Leak, ...]
    flicker: int
    """Leaks between two covered frames of their track."""
    track_minutes: float
    """Time in which faces were to be covered, all tracks added; 0 for a picture."""
    looked_at_px: int
    """Pixels outside the faces and their margins, in the frames that were compared there."""
    altered_px: int
    """Those of them that no longer look as they did."""
    kept_samples: int
    """Samples outside that were not covered..."""
    squared_error: float
    """...and the sum of their squared differences."""
    frames: tuple[int, int]
    """Of the original and of the result."""
    size: tuple[int, int]
    result_size: tuple[int, int]
    """Width and height of the first frame."""
    time_shift_s: float
    """Largest difference between time stamps, the offset of the first frame aside."""
    sound: str
    """What became of it: "none", "same packets", "coded anew", "lost" or "added"."""

    @property
    def face_frames(self) -> Tally:
        return sum(self.by_size.values(), Tally())

    @property
    def longest_leak(self) -> int:
        return max((leak.frames for leak in self.leaks), default=0)

    @property
    def flicker_per_track_minute(self) -> float | None:
        return self.flicker / self.track_minutes if self.track_minutes else None

    @property
    def collateral(self) -> float | None:
        return self.altered_px / self.looked_at_px if self.looked_at_px else None

    @property
    def psnr_outside_db(self) -> float | None:
        """None where nothing differs, or nothing was left to compare."""
        if not self.kept_samples or not self.squared_error:
            return None
        return 10 * math.log10(255**2 * self.kept_samples / self.squared_error)

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "stream_guard_evaluation": VERSION,
            "face_frames": _told(self.face_frames),
            "by_height_px": {name: _told(tally) for name, tally in self.by_size.items()},
            "not_judged": self.not_judged,
            "without_frame": self.without_frame,
            "tracks": self.tracks,
            "exposed_tracks": self.exposed_tracks,
            "exposed_tracks_share": _rounded(self.exposed_tracks / self.tracks if self.tracks else None, 4),
            "leaks": [asdict(leak) for leak in self.leaks],
            "longest_leak_frames": self.longest_leak,
            "track_minutes": _rounded(self.track_minutes, 4),
            "flicker": self.flicker,
            "flicker_per_track_minute": _rounded(self.flicker_per_track_minute, 3),
            "collateral": _rounded(self.collateral, 5),
            "psnr_outside_db": _rounded(self.psnr_outside_db, 2),
            "frames": {"original": self.frames[0], "result": self.frames[1]},
            "size": {"original": list(self.size), "result": list(self.result_size)},
            "time_shift_s": _rounded(self.time_shift_s, 4),
            "sound": self.sound,
        }


def size_class(height_px: float) -> str:
    """Return the name of the class of a face's height."""
    exact = round(height_px, 6)  # a box from 0.1 to 16.1 is 16 high, whatever floats make of it
    return next(name for name, end in SIZES.items() if exact < end)


def _told(tally: Tally) -> dict[str, Any]:
    return {"covered": tally.covered, "total": tally.total, "recall": _rounded(tally.recall, 4)}


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
