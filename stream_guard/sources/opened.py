"""Opens a file as the kind of source that its content asks for."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

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
