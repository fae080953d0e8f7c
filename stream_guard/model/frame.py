"""What a source yields: frames to be judged and covered, and packets that only ride along."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from stream_guard.model.geometry import Box
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
    """A small upright copy of a frame for the detectors."""

    bgr: NDArray[np.uint8]
    """(h, w, 3), C-contiguous; blue first, since swscale makes that in half the time of RGB."""
    scale_x: float
    """Frame pixels per view pixel."""
    scale_y: float

    def to_frame(self, box: Box) -> Box:
        """Return a box of the view in frame pixels."""
        return box.scaled(self.scale_x, self.scale_y)

    def from_frame(self, box: Box) -> Box:
        """Return a box of the frame in view pixels."""
        return box.scaled(1 / self.scale_x, 1 / self.scale_y)


FULL_SIDE: Final = 1 << 20
"""No picture has a longer side: copies up to it come in full size."""


class Eye(Protocol):
    """Makes small upright copies of one frame, with square pixels, for as long as it is unpainted."""

    def view(self, side: int, max_upscale: float) -> View:
        """Return a copy whose long side is `side` pixels, the frame enlarged by `max_upscale` at most."""
        ...

    def grey(self, side: int) -> NDArray[np.uint8]:
        """Return a grey copy, (h, w), whose long side is at most `side` pixels."""
        ...

    def closeup(self, area: Box, side: int) -> NDArray[np.uint8]:
        """Return an area of the frame, in its own pixels, as (side, side, 3) blue first; black beyond it."""
        ...


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded frame on its way to the detector; no sink accepts it."""

    stamp: Stamp
    picture: Picture
    eye: Eye | None = None
    """None where nobody is to look, as in the replay of a plan."""
    damaged: bool = False
    """The decoder reported an error on or near this frame."""
    last: bool = False
    """Nothing follows in this epoch, as far as is known."""


@dataclass(frozen=True, slots=True)
class Passthrough:
    """A packet that carries no picture (audio), in its place among the frames."""

    payload: Any
    after_s: float | None = None
    """How long after the frame before it, by a camera's clock; None where that is not known."""


Item = Frame | Passthrough
