"""Records a station in segments of some minutes that survive a crash, and deletes old ones."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from stream_guard.errors import OutputError
from stream_guard.outputs.encoder import Coded
from stream_guard.outputs.muxer import Muxer
from stream_guard.outputs.output import Feed
from stream_guard.outputs.sessions import Run, Sessions
from stream_guard.sinks.publish import translated, usual_mode

_POLL_S: Final = 0.5
_PICTURES, _SOUNDS = 300, 512
"""That may wait for a slow disk: ten seconds."""
# a fragment for each key frame while it grows, an index in the end
_MOVFLAGS: Final = {"movflags": "hybrid_fragmented+frag_keyframe", "flush_packets": "1"}


@dataclass(frozen=True, slots=True)
class Recording:
    """Where to, how long a segment is, and what is kept; None keeps everything."""

    folder: Path
    segment_s: float = 600.0
    keep_days: float | None = None
    keep_gb: float | None = None
    """Of this station's segments."""


def record(feed: Feed, recording: Recording) -> Sessions:
    """Return the output that records a station."""
    name = f"record {feed.name}"
    return Sessions(name, lambda run: _record(feed, recording, run), lambda: require_folder(recording.folder))


def require_folder(folder: Path) -> None:
    """Make a folder if it isn't there.

    Raises:
        OutputError: it cannot be made or written to.
    """
    with translated(folder):
        folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"{folder} cannot be written: no permission.")


def stem_of(name: str) -> str:
    """Return how a station's files begin, whatever characters its name has."""
    return re.sub(r"[^A-Za-z0-9-]+", "-", name)[:80] or "-"


def _record(feed: Feed, recording: Recording, run: Run) -> None:
    shelf = Shelf(recording, stem_of(feed.name))
    shelf.recover()
    with (
        feed.branches.get("h264").subscribe(_PICTURES) as packets,
        feed.hub.tap(capacity=_SOUNDS, sound=True, pictures=False) as sound,
    ):
        segment: Segment | None = None
        try:
            while not (run.stopped.is_set() or packets.closed):
                coded = packets.take(_POLL_S)
                run.dropped = packets.dropped
                if coded is None:
                    continue
                if segment is not None and segment.is_over(coded, recording.segment_s, feed.sound()):
                    full, segment = segment, None
                    full.publish()
                if segment is None:
                    shelf.prune()
                    segment = Segment(shelf, coded, feed.sound())
                segment.muxer.write_sound(sound)
                segment.muxer.write(coded)
                run.sent_one()
        finally:
            if segment is not None:
                segment.publish()


class Shelf:
    """The segments of one station in a folder; touches no file of another name."""

    def __init__(self, recording: Recording, stem: str) -> None:
        self._recording, self._stem = recording, stem
        self._name = re.compile(rf"{re.escape(stem)}_\d{{8}}T\d{{6}}-\d{{3}}Z\.mp4")

    def free_name(self) -> Path:
        """Return a name with the time, which neither a segment nor a begun one has."""
        folder, now = self._recording.folder, datetime.now(UTC)
        for later_ms in range(1000):
            stamp = f"{now + timedelta(milliseconds=later_ms):%Y%m%dT%H%M%S-%f}"[:-3]
            target = folder / f"{self._stem}_{stamp}Z.mp4"
            if not (target.exists() or _draft_of(target).exists()):
                return target
        raise OutputError(f"{folder} cannot be written: no name is free.")

    def recover(self) -> None:
        """Give their names to segments that a killed run left unfinished."""
        folder = self._recording.folder
        for draft in folder.glob(".*.mp4.part"):
            target = folder / draft.name[1:].removesuffix(".part")
            if self._name.fullmatch(target.name):
                _publish_if_abandoned(draft, target)

    def prune(self) -> None:
        """Delete the oldest segments, as far as age and size demand it."""
        segments = sorted(self._segments(), key=lambda one: one[1])
        oldest = datetime.now(UTC) - timedelta(days=self._recording.keep_days or 0)
        room = (self._recording.keep_gb or 0) * 1e9
        total = sum(size for _, _, size in segments)
        for path, modified_s, size in segments:
            too_old = self._recording.keep_days is not None and modified_s < oldest.timestamp()
            too_much = self._recording.keep_gb is not None and total > room
            if too_old or too_much:
                path.unlink(missing_ok=True)
                total -= size

    def _segments(self) -> Iterator[tuple[Path, float, int]]:
        for path in self._recording.folder.iterdir():
            if self._name.fullmatch(path.name):
                with suppress(FileNotFoundError):
                    found = path.stat()
                    yield path, found.st_mtime, found.st_size


class Segment:
    """One file in the making, under a hidden name and a lock until it is complete."""

    def __init__(self, shelf: Shelf, first: Coded, sound: object | None) -> None:
        self._target = shelf.free_name()
        self._draft = _draft_of(self._target)
        self._first = first
        with translated(self._target):
            self._lock = os.open(self._draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            self.muxer = Muxer(f"file:{self._draft}", str(self._target), _MOVFLAGS, first, sound)
        except BaseException:
            self._draft.unlink()
            os.close(self._lock)
            raise

    def is_over(self, coded: Coded, segment_s: float, sound: object | None) -> bool:
        """Tell whether a picture belongs to the next segment, which has the sound that there is by now."""
        if coded.generation != self._first.generation:
            return True
        is_long = coded.shown_s - self._first.shown_s >= segment_s
        return coded.key and (is_long or self.muxer.sound is not sound)

    def publish(self) -> None:
        """Complete the file and give it its name, even where its end is lost: all before it can be played.

        Raises:
            OutputError: the disk is full.
        """
        try:
            self._complete()
        finally:
            os.close(self._lock)

    def _complete(self) -> None:
        try:
            self.muxer.close()
        finally:
            with translated(self._target):
                os.fchmod(self._lock, usual_mode())
                os.fsync(self._lock)
                self._draft.rename(self._target)


def _draft_of(target: Path) -> Path:
    return target.with_name(f".{target.name}.part")


def _publish_if_abandoned(draft: Path, target: Path) -> None:
    """Rename what nobody writes any more; what is empty goes."""
    with suppress(OSError):  # another process writes it, or has just finished it
        handle = os.open(draft, os.O_RDWR)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(handle).st_size:
                draft.rename(target)
            else:
                draft.unlink()
        finally:
            os.close(handle)
