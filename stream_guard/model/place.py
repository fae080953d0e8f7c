"""A place in a run that a person should look at."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from stream_guard.model.geometry import Box


class Reason(Enum):
    """Why a place deserves a look."""

    FAINT = "faint"
    """Seen at a score too low to be covered: it is uncovered."""
    BRIEF = "brief"
    """Covered for a moment only: a face that was mostly missed, or none."""
    UNSEEN = "unseen"
    """Covered where no detector saw the face: the mask was held or interpolated and may be off."""
    LOST = "lost"
    """As `unseen`, to the end of the track: the face may be there still, uncovered."""
    WHOLE = "whole"
    """Frames covered whole: safe, but nothing of them is to be seen."""


@dataclass(frozen=True, slots=True)
class Place:
    """Neighbouring frames, and where in the picture to look."""

    reason: Reason
    risk: float
    """0 to 1: for putting the riskiest first, no probability."""
    first_frame: int
    first_s: float
    last_frame: int
    last_s: float
    frame: int
    """The frame in which to look."""
    time_s: float
    box: Box | None
    """Where to look in that frame; None for all of it."""
    says: str
    """What happened, in a few words."""
    track: int | None = None
    picture: Any = field(default=None, repr=False, compare=False)
    """What the contact sheet shows of it; opaque to all others."""
