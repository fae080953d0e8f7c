"""Puts together what measures a redaction against the truth."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from stream_guard.build import output_name, redact
from stream_guard.evaluate.compare import Recording, Shown, compare
from stream_guard.evaluate.score import Score
from stream_guard.evaluate.sound import Sound
from stream_guard.evaluate.truth import read_truth
from stream_guard.flow.progress import Listener, Meter
from stream_guard.model.frame import FULL_SIDE, Frame
from stream_guard.settings import Settings
from stream_guard.sources.opened import Opened, open_both


def evaluate(
    source: str | Path,
    truth: str | Path,
    redacted: str | Path | None = None,
    settings: Settings | None = None,
    *,
    progress: Listener | None = None,
    **overrides: Any,
) -> Score:
    """Compare a video or picture with its redacted copy, from any tool, where the true faces are.

    Without `redacted` the source is redacted first, with these settings, into a temporary folder.

    Raises:
        StreamGuardError: as `redact`; an InputError also where the truth cannot be read or is another clip's,
            and where one file is a picture and the other a video.
    """
    given, faces = Path(source), read_truth(Path(truth))
    with ExitStack() as undo:
        if redacted is None:
            folder = undo.enter_context(TemporaryDirectory(prefix="stream-guard-"))
            redacted = Path(folder, output_name(given))
            redact(given, redacted, settings, progress=progress, **overrides)
        original, result = open_both(given, Path(redacted), undo)
        comparison = replace(original.media, name=f"comparing {source}")
        meter = Meter(comparison, progress, time.monotonic)
        return compare(_recording(original), _recording(result), faces, meter.tick)


def _recording(source: Opened) -> Recording:
    sound = Sound()
    return Recording(_shown(source, sound), sound)


def _shown(source: Opened, sound: Sound) -> Iterator[Shown]:
    for item in source.items():
        if not isinstance(item, Frame):
            sound.add(item.payload.stream_index, bytes(item.payload))
        elif item.eye is not None:
            yield Shown(item.stamp.time_s, item.eye.view(FULL_SIDE, 1.0))
