"""A picture in memory as a source of one frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from stream_guard.errors import InputError
from stream_guard.model.frame import Frame, Item, Stamp, View
from stream_guard.model.geometry import Box
from stream_guard.model.media import Media
from stream_guard.model.picture import Channel, Component, Picture
from stream_guard.sources.closeup import closeup
from stream_guard.sources.planes import view_size

COMPONENTS: Final = {
    1: (Component.LUMA,),
    2: (Component.LUMA, Component.ALPHA),
    3: (Component.RED, Component.GREEN, Component.BLUE),
    4: (Component.RED, Component.GREEN, Component.BLUE, Component.ALPHA),
}


class ArraySource:
    """One frame over a copy of the caller's pixels; `pixels` is that copy, painted in the end."""

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        """Copy the picture.

        Raises:
            InputError: it is not (h, w, 1 to 4) of uint8, or has no pixels.
        """
        if not _is_picture(pixels):
            raise InputError(
                f"the picture is {_described(pixels)}; it must be a numpy array of uint8, "
                "(height, width, 3) RGB, (height, width, 4) RGBA or (height, width, 1) grey"
            )
        self.pixels = np.array(pixels, order="C")
        height, width = pixels.shape[:2]
        self.media = Media("picture", None, "array", width, height, fps=0.0, frame_count=1)

    def items(self) -> Iterator[Item]:
        """Yield the one frame."""
        yield frame_of(self.pixels)


def _is_picture(pixels: object) -> bool:
    return (
        isinstance(pixels, np.ndarray)
        and pixels.dtype == np.uint8
        and pixels.ndim == 3
        and pixels.shape[2] in COMPONENTS
        and pixels.size > 0
    )


def _described(pixels: object) -> str:
    if isinstance(pixels, np.ndarray):
        return f"an array of {pixels.dtype} shaped {pixels.shape}"
    return f"of type {type(pixels).__name__}"


def frame_of(pixels: NDArray[Any]) -> Frame:
    """Return a frame whose channels are views into pixels (h, w, 1 to 4), uint8 or uint16."""
    height, width = pixels.shape[:2]
    channels = _channels(pixels)
    picture = Picture(width, height, lambda: channels, full_range=True)
    return Frame(Stamp(0, 0, 0.0), picture, ArrayEye(pixels))


def _channels(pixels: NDArray[Any]) -> tuple[Channel, ...]:
    return tuple(
        Channel(component, pixels[:, :, i], bits=pixels.itemsize * 8)
        for i, component in enumerate(COMPONENTS[pixels.shape[2]])
    )


@dataclass(frozen=True, slots=True)
class ArrayEye:
    """Looks at an array (fulfils `frame.Eye`)."""

    pixels: NDArray[Any]

    def view(self, side: int, max_upscale: float) -> View:
        height, width = self.pixels.shape[:2]
        to = view_size(width, height, None, side, max_upscale)
        small = _resized(self.pixels, to)
        bgr = cv2.cvtColor(small, cv2.COLOR_RGB2BGR if small.ndim == 3 else cv2.COLOR_GRAY2BGR)
        return View(np.asarray(bgr, np.uint8), width / to[0], height / to[1])

    def grey(self, side: int) -> NDArray[np.uint8]:
        height, width = self.pixels.shape[:2]
        small = _resized(self.pixels, view_size(width, height, None, side, 1.0))
        return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY) if small.ndim == 3 else small, np.uint8)

    def closeup(self, area: Box, side: int) -> NDArray[np.uint8]:
        return closeup(_channels(self.pixels), True, area, side)


def _resized(pixels: NDArray[Any], to: tuple[int, int]) -> NDArray[np.uint8]:
    """Return the colours, (h, w, 3) or grey (h, w), at 8 bits."""
    colours = np.ascontiguousarray(pixels[:, :, :3] if pixels.shape[2] >= 3 else pixels[:, :, :1])
    kind = cv2.INTER_AREA if to[0] < pixels.shape[1] else cv2.INTER_LINEAR
    small: NDArray[Any] = cv2.resize(colours, to, interpolation=kind)
    if small.dtype == np.uint16:
        small = np.right_shift(small, 8).astype(np.uint8)
    return small
