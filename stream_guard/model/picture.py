"""A decoded picture as the painter sees it: one 2-D array for each colour component."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any

from numpy.typing import NDArray


class Component(Enum):
    """What the samples of a channel mean."""

    LUMA = "y"
    CB = "cb"
    CR = "cr"
    RED = "r"
    GREEN = "g"
    BLUE = "b"
    ALPHA = "a"


@dataclass(frozen=True, slots=True)
class Channel:
    """The samples of one colour component: an upright, writable view into the decoder's own memory.

    Sample (row, column) covers the pixels [column * step_x, (column + 1) * step_x) and likewise in y.
    Packed and semi-planar layouts (RGB24, NV12) appear here as strided views.
    """

    component: Component
    samples: NDArray[Any]
    """(rows, columns), uint8 or uint16."""
    step_x: int = 1
    step_y: int = 1
    bits: int = 8
    shift: int = 0
    """Unused low bits of a sample (P010 keeps 10 bits in the high end of 16)."""

    @property
    def peak(self) -> int:
        """The largest value that `bits` can hold, before `shift`."""
        return (1 << self.bits) - 1


@dataclass(frozen=True)
class Picture:
    """One decoded picture that its owner may write to."""

    width: int
    height: int
    """Size in upright pixels."""
    open_channels: Callable[[], tuple[Channel, ...]]
    """Makes the pixels writable: a copy where the decoder still refers to them."""
    full_range: bool
    """True where luma spans 0 to peak; False for the video range (16 to 235 at 8 bits)."""
    handle: Any = None
    """What the source adapter made the picture from (the sink adapter writes it); opaque to all others."""

    @cached_property
    def channels(self) -> tuple[Channel, ...]:
        """The samples, opened at first use: frames held back for seconds are then in no other's hand."""
        return self.open_channels()
