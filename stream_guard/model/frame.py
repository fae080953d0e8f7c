"""What a source yields: frames to be judged and covered, and packets that only ride along."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stream_guard.model.picture import Picture


@dataclass(frozen=True, slots=True, order=True)
class Stamp:
    """The identity of a frame. Stamps of a source strictly increase in (epoch, index)."""

    epoch: int
    """Goes up by one when resolution or pixel format changes midway."""
    index: int
    """Counts the frames of the source from 0, across epochs."""
    time_s: float
    """Media time in seconds (pts * time_base); may jump or repeat in damaged streams."""


@dataclass(frozen=True, slots=True)
class View:
    """A small upright RGB copy of a frame for the detectors."""

    rgb: NDArray[np.uint8]
    """(h, w, 3), C-contiguous."""
    scale_x: float
    """Frame pixels per view pixel."""
    scale_y: float


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded frame on its way to the detector; no sink accepts it."""

    stamp: Stamp
    picture: Picture
    view: View | None
    """None once the detector has judged the frame (it is large and no longer needed)."""
    damaged: bool = False
    """The decoder reported an error on or near this frame."""
    last: bool = False
    """Nothing follows in this epoch, as far as is known."""

    def without_view(self) -> Frame:
        return replace(self, view=None)


@dataclass(frozen=True, slots=True)
class Passthrough:
    """A packet that carries no picture (audio), in its place among the frames."""

    payload: Any


Item = Frame | Passthrough
