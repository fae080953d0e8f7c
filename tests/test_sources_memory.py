"""Frames are freed as soon as nobody uses them, not when Python happens to look for cycles."""

from __future__ import annotations

import gc
from pathlib import Path

from stream_guard.sources.file import FileSource

WALK = Path(__file__).parents[1] / "samples" / "walk.mp4"


def test_frames_are_in_no_cycle() -> None:
    items = FileSource(WALK).items()
    next(items)
    gc.collect()
    gc.disable()
    try:
        assert sum(1 for _ in items) > 100
        assert gc.collect() < 50  # three a frame where each is in a cycle
    finally:
        gc.enable()
