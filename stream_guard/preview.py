"""One frame ahead of the whole run: which part of a video is judged for it, and how it is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from stream_guard.errors import InputError
from stream_guard.model.frame import Item, Passthrough
from stream_guard.model.media import Media
from stream_guard.model.redacted import RedactedFrame
from stream_guard.sinks.snapshot import write_snapshot
from stream_guard.sources.file import FileSource
from stream_guard.sources.still import StillSource

BEFORE_S: Final = 1.0
AFTER_S: Final = 2.0
"""What is judged around the frame, as long as masks are held and frames held back by default. A whole run
knows faces from farther off: 7 of 8 masked pixels of such a run are masked here, measured in crowds."""
_SIDE: Final = 1920
"""Longest side of what is written: more than a page shows."""


def window(source: FileSource | StillSource, time_s: float) -> tuple[Iterator[Item], float]:
    """Return the frames that are judged for the one at a time, and when that is on the stream's own clock."""
    if isinstance(source, StillSource):
        return source.items(), 0.0
    media = source.media
    start_s, last_s = float(media.start_s), (media.duration_s or time_s) - 1 / media.fps
    wanted_s = start_s + min(time_s, max(0.0, last_s))
    source.seek(max(start_s, wanted_s - BEFORE_S))
    return _between(source.items(), wanted_s - BEFORE_S, wanted_s + AFTER_S), wanted_s


def write(
    redacted: Iterable[RedactedFrame | Passthrough], wanted_s: float, media: Media, output: Path
) -> None:
    """Write the frame that is shown at a time.

    Raises:
        InputError: there is none.
        OutputError: it cannot be written.
    """
    shown = None
    for item in redacted:
        if isinstance(item, RedactedFrame):
            if shown is not None and item.cover.stamp.time_s > wanted_s:
                break
            shown = item
    if shown is None:
        raise InputError(f"{media.name} holds no picture at that time; choose another.", "no_such_time")
    write_snapshot(shown, output, _SIDE)


def _between(items: Iterator[Item], first_s: float, last_s: float) -> Iterator[Item]:
    """Yield the frames between two times; one that is still shown at the first comes along."""
    before = None
    for item in items:
        if isinstance(item, Passthrough):
            continue
        if item.stamp.time_s < first_s:
            before = item
            continue
        if before is not None:
            yield before
            before = None
        yield item
        if item.stamp.time_s >= last_s:
            return
    if before is not None:
        yield before
