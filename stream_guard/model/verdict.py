"""What is known about a frame (observation) and what must be hidden in it (cover)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from stream_guard.model.frame import Stamp
from stream_guard.model.geometry import Box


@dataclass(frozen=True, slots=True)
class Detection:
    """One face found by a detector: forehead to chin, ear to ear."""

    box: Box
    """In upright frame pixels once it is part of an observation; in view pixels from a detector."""
    score: float
    """Confidence, 0 to 1."""
    detector: str
    below: float | None = None
    """How far below the box others saw the face end, in shares of its height; None where no other saw it."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The detectors judged the frame; an empty tuple means that no face was found."""

    faces: tuple[Detection, ...]


@dataclass(frozen=True, slots=True)
class Between:
    """The cadence skipped this frame: its cover follows from the frames seen before and after it."""


@dataclass(frozen=True, slots=True)
class Unseen:
    """The frame could not be judged; it is covered whole."""

    reason: str


Sight = Seen | Between | Unseen


@dataclass(frozen=True, slots=True)
class Observation:
    """All that the tracker learns about one frame."""

    stamp: Stamp
    width: int
    height: int
    sight: Sight
    grey: NDArray[np.uint8] | None = None
    """(h, w) small grey copy of the frame for motion estimation."""
    scene_start: bool = False
    """The picture has nothing in common with the one before it (a cut)."""
    leapt: bool = False
    """Something in a picture that was still has changed at once: what moved did so in this very frame."""


class Origin(Enum):
    """How a region came about, from the strongest evidence to the weakest."""

    DETECTED = "detected"
    TRACKED = "tracked"
    HELD = "held"
    PLANNED = "planned"


@dataclass(frozen=True, slots=True)
class Region:
    """One face to hide in one frame."""

    track: int
    box: Box
    """The face itself, in upright frame pixels; the redactor adds the margins."""
    origin: Origin
    score: float = 0.0
    """The detector's score on this frame, 0 where it did not see the face."""


@dataclass(frozen=True, slots=True)
class Cover:
    """The final word for one frame."""

    stamp: Stamp
    regions: tuple[Region, ...] = ()
    whole: str | None = None
    """Why the frame is covered whole; None where the regions suffice."""
    uncovered: tuple[Detection, ...] = ()
    """What detectors saw at a score too low to be covered, where no region lies: for a person to look at."""
