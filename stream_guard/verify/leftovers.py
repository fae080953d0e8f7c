"""What a file carries besides picture and sound, and what of the input's own words it repeats."""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from stream_guard.model.finding import Finding, Kind
from stream_guard.model.media import Media
from stream_guard.sources.pyav import open_container

_WRITTEN_BY_FFMPEG: Final = re.compile(
    r"metadata tag( of track \d+)?: (encoder|ENCODER|handler_name|vendor_id|DURATION)", re.ASCII
)
"""Tags that FFmpeg's muxers write by themselves; their values are compared with the input's below."""
_LEAST_CHARACTERS: Final = 6
"""Shorter values turn up in compressed data by chance; six given bytes once in 280,000 GB."""
_COMMON: Final = re.compile(
    r"Lavf|Lavc|VideoHandler|SoundHandler|\[0\]\[0\]|isom|mp4[12]|und$|\d+:\d+:\d+", re.A
)
"""What the tools write into every file says nothing about this one."""


def leftovers(output: Media, source: Media) -> Iterator[Finding]:
    """Yield everything that the output carries and must not."""
    for phrase in output.dropped:
        if not _WRITTEN_BY_FFMPEG.fullmatch(phrase):
            yield Finding(Kind.LEFTOVER, phrase)
    if output.path is None or source.path is None or not source.fps:
        return
    for key in sorted(repeated(output.path, tags_of(source.path))):
        yield Finding(Kind.LEFTOVER, f"the value of the input's tag {key}, somewhere in the file")


def tags_of(path: Path) -> dict[str, str]:
    """Return the tags of a media file that say something about it, by name."""
    with open_container(path) as container:
        found = [container.metadata, *(stream.metadata for stream in container.streams)]
        found += [chapter["metadata"] for chapter in container.chapters()]
    return {key: value for tags in found for key, value in tags.items() if _tells(value)}


def _tells(value: str) -> bool:
    return len(value) >= _LEAST_CHARACTERS and not _COMMON.match(value)


def repeated(path: Path, tags: dict[str, str]) -> Iterable[str]:
    """Return the names of the tags whose value stands anywhere in the file's bytes."""
    if not tags:
        return []
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return [key for key, value in tags.items() if data.find(value.encode()) >= 0]
