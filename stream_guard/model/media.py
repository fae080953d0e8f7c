"""What a source tells about itself, so that a sink can be made to match."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Media:
    """The facts of an opened source that outlive its frames."""

    name: str
    """For messages: the path as the user gave it."""
    path: Path | None
    container: str
    """Short name of the format, e.g. "mp4", "matroska", "jpeg"."""
    width: int
    height: int
    """Upright pixels of the first frame."""
    fps: float
    """Average frames per second; 0 for a still picture."""
    duration_s: float | None = None
    frame_count: int | None = None
    """Expected number of frames, for progress only; often unknown or wrong."""
    start_s: Fraction = Fraction(0)
    """Earliest time stamp over the streams that are kept."""
    dropped: tuple[str, ...] = ()
    """Everything the source holds that is not passed on, one phrase each, for the report."""
    handle: Any = field(default=None, repr=False, compare=False)
    """The adapter's own description of the streams (the sink adapter reads it); opaque to all others."""
