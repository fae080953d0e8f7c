"""A zip of results and reports, made while it is sent: nothing of it is kept in memory or on disk."""

from __future__ import annotations

import time
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final

_CHUNK: Final = 1 << 20
_LARGE: Final = 1 << 31
"""Entries beyond need sizes of 64 bits."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of an archive."""

    name: str
    path: Path


class _Pipe:
    """What `zipfile` writes to and the answer is read from; it cannot go back."""

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._written.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Do nothing: all is in memory, and taken at once."""

    def close(self) -> None:
        """Do nothing."""

    def take(self) -> bytes:
        data = b"".join(self._written)
        self._written.clear()
        return data


def zipped(entries: Sequence[Entry]) -> Iterator[bytes]:
    """Yield the bytes of an archive; media do not get smaller, so that they are stored as they are.

    A file that has been deleted meanwhile is left out.
    """
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w") as archive:
        for entry in entries:
            yield from _added(archive, entry, pipe)
    yield pipe.take()


def _added(archive: zipfile.ZipFile, entry: Entry, pipe: _Pipe) -> Iterator[bytes]:
    try:
        source = entry.path.open("rb")
    except FileNotFoundError:
        return
    with source:
        facts = entry.path.stat()
        info = zipfile.ZipInfo(entry.name, time.localtime(facts.st_mtime)[:6])
        info.external_attr = 0o644 << 16
        with archive.open(info, "w", force_zip64=facts.st_size >= _LARGE) as target:
            while data := source.read(_CHUNK):
                target.write(data)
                yield pipe.take()


_UNFIT: Final = str.maketrans(dict.fromkeys('<>:"/\\|?*', "_"))
"""What Windows cannot hold in a name."""


def unique(names: Sequence[str]) -> list[str]:
    """Return names fit for any system, no two the same, in small letters either: "a.mp4", "a (2).mp4"."""
    taken: set[str] = set()
    found = []
    for name in (one.translate(_UNFIT) for one in names):
        path, count, free = PurePath(name), 1, name
        while free.lower() in taken:
            count += 1
            free = f"{path.stem} ({count}){path.suffix}"
        taken.add(free.lower())
        found.append(free)
    return found
