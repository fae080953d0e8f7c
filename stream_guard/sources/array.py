"""A picture in memory as a source of one frame."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from stream_guard.errors import InputError
from stream_guard.model.frame import Frame, Item, Stamp, View
from stream_guard.model.media import Media
from stream_guard.model.picture import Channel, Component, Picture
from stream_guard.sources.planes import view_size

COMPONENTS: Final = {
    1: (Component.LUMA,),
    2: (Component.LUMA, Component.ALPHA),
    3: (Component.RED, Component.GREEN, Component.BLUE),
    4: (Component.RED, Component.GREEN, Component.BLUE, Component.ALPHA),
}


class ArraySource:
    """One frame over a copy of the caller's pixels; `pixels` is that copy, painted in the end."""

    live = False

    def __init__(self, pixels: NDArray[np.uint8], *, view_side: int, max_upscale: float = 1.0) -> None:
        """Copy the picture.

        Raises:
            InputError: it is not (h, w, 1 to 4) of uint8, or has no pixels.
        """
        if (
            pixels.dtype != np.uint8
            or pixels.ndim != 3
            or pixels.shape[2] not in COMPONENTS
            or not pixels.size
        ):
            raise InputError(
                f"the picture is an array of {pixels.dtype} shaped {pixels.shape}; "
                "it must be uint8, (height, width, 3) RGB, (height, width, 4) RGBA or (height, width, 1) grey"
            )
        self.pixels = np.array(pixels, order="C")
        self._view_side, self._max_upscale = view_side, max_upscale
        height, width = pixels.shape[:2]
        self.media = Media("picture", None, "array", width, height, fps=0.0, frame_count=1)

    def items(self) -> Iterator[Item]:
        """Yield the one frame."""
        yield frame_of(self.pixels, self._view_side, self._max_upscale)


def frame_of(pixels: NDArray[Any], view_side: int, max_upscale: float, damaged: bool = False) -> Frame:
    """Return a frame whose channels are views into pixels (h, w, 1 to 4), uint8 or uint16."""
    height, width, count = pixels.shape
    channels = tuple(
        Channel(component, pixels[:, :, i], bits=pixels.itemsize * 8)
        for i, component in enumerate(COMPONENTS[count])
    )
    picture = Picture(width, height, lambda: channels, full_range=True)
    return Frame(Stamp(0, 0, 0.0), picture, _view(pixels, view_side, max_upscale), damaged)


def _view(pixels: NDArray[Any], side: int, max_upscale: float) -> View:
    height, width, count = pixels.shape
    to = view_size(width, height, None, side, max_upscale)
    colours = np.ascontiguousarray(pixels[:, :, :3] if count >= 3 else pixels[:, :, :1])
    small: NDArray[Any] = cv2.resize(
        colours, to, interpolation=cv2.INTER_AREA if to[0] < width else cv2.INTER_LINEAR
    )
    if small.dtype == np.uint16:
        small = np.right_shift(small, 8).astype(np.uint8)
    rgb = small if small.ndim == 3 else cv2.cvtColor(small, cv2.COLOR_GRAY2RGB)
    return View(cast("NDArray[np.uint8]", np.ascontiguousarray(rgb)), width / to[0], height / to[1])
