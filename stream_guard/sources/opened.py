"""Opens a file as the kind of source that its content asks for."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from stream_guard.errors import InputError
from stream_guard.sources.file import FileSource
from stream_guard.sources.kind import sniff
from stream_guard.sources.still import StillSource

Opened = FileSource | StillSource


def open_source(path: Path, undo: ExitStack, *, keep_audio: bool = True) -> Opened:
    """Return the source, which `undo` closes.

    Raises:
        InputError: the file cannot be read, or is neither picture nor video.
    """
    if sniff(path) == "still":
        return StillSource(path)
    source = FileSource(path, keep_audio=keep_audio)
    undo.callback(source.close)
    return source


def open_both(source: Path, result: Path, undo: ExitStack) -> tuple[Opened, Opened]:
    """Return a file and what was made of it, to be compared.

    Raises:
        InputError: one of them cannot be read, or one is a picture and the other a video.
    """
    before, after = open_source(source, undo), open_source(result, undo)
    if isinstance(before, StillSource) != isinstance(after, StillSource):
        raise InputError(f"{result} and {source} cannot be compared: one is a picture, one a video.")
    return before, after
