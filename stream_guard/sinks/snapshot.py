"""One redacted frame as a JPEG to look at."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stream_guard.model.geometry import Box
from stream_guard.model.picture import Channel, Component, Picture
from stream_guard.model.redacted import RedactedFrame
from stream_guard.sinks.publish import Draft

_QUALITY: Final = 88


def write_snapshot(frame: RedactedFrame, path: Path, side: int) -> None:
    """Write a redacted frame, its long side at most `side` pixels, over what is there.

    Raises:
        OutputError: it could not be written.
    """
    draft = Draft(path, None, overwrite=True)
    try:
        picture = frame.picture
        scale = min(1.0, side / max(picture.width, picture.height))
        size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
        data = io.BytesIO()
        everything = Box(0, 0, picture.width, picture.height)
        Image.fromarray(rgb(picture, everything, size)).save(data, "JPEG", quality=_QUALITY)
    except BaseException:
        draft.discard()
        raise
    draft.publish_as(data.getvalue())


def rgb(picture: Picture, part: Box, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return a part of a picture in 8-bit RGB of size (w, h), by ITU-R BT.709, as the styles are painted."""
    codes = {channel.component: _codes(channel, part, size) for channel in picture.channels}
    if Component.RED in codes:
        rgb = [codes[c] for c in (Component.RED, Component.GREEN, Component.BLUE)]
    else:
        black, luma_gain, chroma_gain = (0, 1.0, 1.0) if picture.full_range else (16, 255 / 219, 255 / 224)
        luma = luma_gain * (codes[Component.LUMA] - black)
        cb, cr = (
            chroma_gain * (codes[c] - 128) if c in codes else np.zeros_like(luma)
            for c in (Component.CB, Component.CR)
        )
        rgb = [luma + 1.5748 * cr, luma - 0.1873 * cb - 0.4681 * cr, luma + 1.8556 * cb]
    return np.asarray(np.clip(np.rint(np.stack(rgb, -1)), 0, 255), np.uint8)


def _codes(channel: Channel, part: Box, size: tuple[int, int]) -> NDArray[Any]:
    """Return the 8-bit code values of a part, as floats, in another size (w, h)."""
    x, y = channel.step_x, channel.step_y
    rows = slice(int(part.y0 // y), math.ceil(part.y1 / y))
    columns = slice(int(part.x0 // x), math.ceil(part.x1 / x))
    near = np.ascontiguousarray(channel.samples[rows, columns])
    kernel = cv2.INTER_AREA if near.shape[0] > size[1] else cv2.INTER_CUBIC
    shift = channel.shift + channel.bits - 8
    return np.asarray(cv2.resize(near, size, interpolation=kernel).astype(np.float32) / float(1 << shift))
