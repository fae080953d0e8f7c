"""How far a run has come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from stream_guard.model.media import Media


@dataclass(frozen=True, slots=True)
class Progress:
    """One reading of a run."""

    name: str
    """The input, as the user named it."""
    frames: int
    """Frames written so far."""
    total: int | None
    """Expected frames; None if the file does not say."""
    elapsed_s: float
    media_s: float
    """Media time that has been written."""
    faces: int
    """Tracks so far: one face that leaves and returns may count twice."""
    done: bool = False

    @property
    def share(self) -> float | None:
        """Done part, 0 to 1; None if the end is not known."""
        if self.done:
            return 1.0
        return min(self.frames / self.total, 1.0) if self.total else None

    @property
    def fps(self) -> float:
        return self.frames / self.elapsed_s if self.elapsed_s > 0 else 0.0

    @property
    def times_real_time(self) -> float:
        return self.media_s / self.elapsed_s if self.elapsed_s > 0 else 0.0

    @property
    def left_s(self) -> float | None:
        if not self.share or self.frames == 0:
            return None
        return self.elapsed_s * (1 - self.share) / self.share


Listener = Callable[[Progress], None]


class Meter:
    """Turns the frames that pass into readings, at most one in `every_s`."""

    def __init__(
        self, media: Media, listener: Listener | None, clock: Callable[[], float], every_s: float = 0.2
    ) -> None:
        self._media = media
        self._listener = listener
        self._clock = clock
        self._every_s = every_s
        self._start_s = self._told_s = clock()

    @property
    def elapsed_s(self) -> float:
        return self._clock() - self._start_s

    def tick(self, frames: int, faces: int, done: bool = False) -> None:
        """Tell the listener, unless it was told a moment ago."""
        now_s = self._clock()
        if self._listener is None or (not done and now_s - self._told_s < self._every_s):
            return
        self._told_s = now_s
        media_s = frames / self._media.fps if self._media.fps else 0.0
        self._listener(
            Progress(
                self._media.name, frames, _expected(self._media), now_s - self._start_s, media_s, faces, done
            )
        )


def _expected(media: Media) -> int | None:
    if media.frame_count:
        return media.frame_count
    return round(media.duration_s * media.fps) or None if media.duration_s and media.fps else None
