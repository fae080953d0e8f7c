"""Turns decoded `av.VideoFrame`s into pictures to paint on and views to look at."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

import av
import numpy as np
from av.video.format import names as PIXEL_FORMATS  # type: ignore[attr-defined]  # noqa: N812
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from stream_guard.model.frame import View
from stream_guard.model.geometry import Box, Orientation
from stream_guard.model.picture import Channel, Component, Picture
from stream_guard.sources.closeup import closeup
from stream_guard.sources.pyav import translated

_STEPS = {"420": (2, 2), "422": (2, 1), "444": (1, 1), "440": (1, 2), "411": (4, 1), "410": (4, 4)}
_YUV = (Component.LUMA, Component.CB, Component.CR, Component.ALPHA)
_GBR = (Component.GREEN, Component.BLUE, Component.RED, Component.ALPHA)
_LETTERS = {"r": Component.RED, "g": Component.GREEN, "b": Component.BLUE, "a": Component.ALPHA}
_SEMI_PLANAR = {
    "nv12": ("420", 8, 0), "nv21": ("420", 8, 0), "nv16": ("422", 8, 0), "nv24": ("444", 8, 0),
    "nv42": ("444", 8, 0), "p010le": ("420", 10, 6), "p210le": ("422", 10, 6), "p410le": ("444", 10, 6),
    "p012le": ("420", 12, 4), "p212le": ("422", 12, 4), "p412le": ("444", 12, 4), "p016le": ("420", 16, 0),
    "p216le": ("422", 16, 0), "p416le": ("444", 16, 0),
}  # fmt: skip
_FULL = 2  # AVCOL_RANGE_JPEG
_MPEG = 1
_MAX_ASPECT = 4  # a sample aspect beyond 1:4 is a broken header, not a picture


@dataclass(frozen=True, slots=True)
class Decoded:
    """The handle of a picture that came from PyAV; the sinks read it by attribute."""

    frame: av.VideoFrame
    orientation: Orientation


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where one component lies: its sample (r, c) is element [r, c * stride + offset] of the plane."""

    component: Component
    plane: int
    step: tuple[int, int] = (1, 1)
    stride: int = 1
    offset: int = 0
    bits: int = 8
    shift: int = 0


def picture_of(frame: av.VideoFrame, orientation: Orientation) -> Picture:
    """Return the picture of a frame; its channels are upright views into the frame's own planes."""
    frame = paintable(frame)
    if orientation != Orientation() and not _fills_its_grid(frame):
        frame = _converted(frame, _unsubsampled(frame.format))
    width, height = frame.width, frame.height
    if orientation.swaps_axes:
        width, height = height, width

    def channels() -> tuple[Channel, ...]:
        frame.make_writable()
        return _channels(frame, orientation)

    return Picture(width, height, channels, _is_full_range(frame), Decoded(frame, orientation))


class Shrinker:
    """Shrinks the frames of one source; keeps swscale's tables, 0.3 MB and 0.3 ms, from frame to frame."""

    def __init__(self, name: str) -> None:
        """Errors name the source."""
        self._name = name
        self._colour, self._grey = VideoReformatter(), VideoReformatter()

    def bgr(self, frame: av.VideoFrame, width: int, height: int) -> NDArray[np.uint8]:
        """Return (height, width, 3)."""
        with translated(self._name):
            return _resized(self._colour, frame, width, height, "bgr24").reshape(height, width, 3)

    def grey(self, frame: av.VideoFrame, width: int, height: int) -> NDArray[np.uint8]:
        """Return (height, width)."""
        with translated(self._name):
            return _resized(self._grey, frame, width, height, "gray")


def _resized(
    by: VideoReformatter, frame: av.VideoFrame, width: int, height: int, to: str
) -> NDArray[np.uint8]:
    """Return the rows of a packed copy; `to_ndarray` would copy them once more, 3 ms at 1280x720."""
    shrinks = width < frame.width and height < frame.height
    kind = "AREA" if shrinks else "BILINEAR"
    plane = by.reformat(frame, width, height, to, interpolation=kind, threads=1).planes[0]
    rows: NDArray[np.uint8] = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return rows[:height, : width * (3 if to == "bgr24" else 1)]


@dataclass(frozen=True, slots=True)
class PlaneEye:
    """Looks at a decoded frame (fulfils `frame.Eye`)."""

    frame: av.VideoFrame
    orientation: Orientation
    aspect: Fraction | None
    shrinker: Shrinker

    def view(self, side: int, max_upscale: float) -> View:
        width, height = view_size(self.frame.width, self.frame.height, self.aspect, side, max_upscale)
        small = self.orientation.upright(self.shrinker.bgr(self.frame, width, height))
        scale_x, scale_y = self.frame.width / width, self.frame.height / height
        if self.orientation.swaps_axes:
            scale_x, scale_y = scale_y, scale_x
        return View(np.ascontiguousarray(small), scale_x, scale_y)

    def grey(self, side: int) -> NDArray[np.uint8]:
        width, height = view_size(self.frame.width, self.frame.height, self.aspect, side, 1.0)
        return np.ascontiguousarray(self.orientation.upright(self.shrinker.grey(self.frame, width, height)))

    def closeup(self, area: Box, side: int) -> NDArray[np.uint8]:
        channels = _channels(self.frame, self.orientation)
        return closeup(channels, _is_full_range(self.frame), area, side)


def view_size(
    width: int, height: int, aspect: Fraction | None, side: int, max_upscale: float
) -> tuple[int, int]:
    """Return the size of a view with square pixels, no side longer than `side`."""
    square = float(aspect) if aspect and 1 / _MAX_ASPECT <= aspect <= _MAX_ASPECT else 1.0
    shown_w, shown_h = width * max(1.0, square), height * max(1.0, 1 / square)
    scale = min(max_upscale, side / max(shown_w, shown_h))
    return max(1, round(shown_w * scale)), max(1, round(shown_h * scale))


def paintable(frame: av.VideoFrame) -> av.VideoFrame:
    """Return the frame in a format with 8 or 16 bit samples on their own, converted only if need be."""
    if layout_of(frame.format.name) is not None:
        return frame
    return _converted(frame, nearest_format(frame.format))


def _converted(frame: av.VideoFrame, name: str) -> av.VideoFrame:
    tag = frame.color_range
    return frame.reformat(format=name, src_color_range=tag, dst_color_range=tag, threads=1)


def _fills_its_grid(frame: av.VideoFrame) -> bool:
    """Tell whether turned chroma samples still start on multiples of their step: not so at odd sizes."""
    steps = [layout.step for layout in layout_of(frame.format.name) or ()]
    return all(frame.width % x == 0 and frame.height % y == 0 for x, y in steps)


def _unsubsampled(given: Any) -> str:
    bits = given.components[0].bits
    full = "j" if given.name.startswith("yuvj") else ""
    alpha = "a" if given.name.startswith("yuva") else ""
    return f"yuv{full}{alpha}444p" + (f"{bits}le" if bits > 8 else "")


def nearest_format(given: Any) -> str:
    """Return the paintable pixel format that loses nothing (or least) of a given `av.VideoFormat`."""
    if given.has_palette:
        return "rgba"
    bits = max(c.bits for c in given.components)
    deep = bits > 8
    alpha = any(c.is_alpha for c in given.components)
    if given.is_rgb or given.is_bayer or given.name.startswith("xyz"):
        return ("gbrap16le" if alpha else "gbrp16le") if deep else ("rgba" if alpha else "rgb24")
    if len(given.components) <= 2:
        return ("ya16le" if deep else "ya8") if alpha else ("gray16le" if deep else "gray")
    step = (256 // given.chroma_width(256), 256 // given.chroma_height(256))
    sampling = next((name for name, steps in _STEPS.items() if steps == step), "444")
    stem = f"yuv{'a' if alpha else ''}{sampling}p"
    wanted = (stem, *(f"{stem}{depth}le" for depth in (9, 10, 12, 14, 16)))
    fitting = [name for name in wanted if name in PIXEL_FORMATS and (layout_of(name) or ())[0].bits >= bits]
    return fitting[0] if fitting else "yuv444p16le"


@lru_cache(maxsize=64)
def layout_of(name: str) -> tuple[_Layout, ...] | None:
    """Return where each component lies in FFmpeg's pixel format `name`; None if it cannot be painted on."""
    if name in _SEMI_PLANAR:
        return _semi_planar(name)
    if match := re.fullmatch(r"yuv(j?)(a?)(4\d\d)p(?:(\d+)le)?", name):
        return _planar(_YUV[: 4 if match[2] else 3], int(match[4] or 8), _STEPS[match[3]])
    if match := re.fullmatch(r"gbr(a?)p(?:(\d+)le)?", name):
        return _planar(_GBR[: 4 if match[1] else 3], int(match[2] or 8), (1, 1))
    if match := re.fullmatch(r"gray(?:(\d+)le)?", name):
        return (_Layout(Component.LUMA, 0, bits=int(match[1] or 8)),)
    if match := re.fullmatch(r"ya(8|16le)", name):
        bits = 8 if match[1] == "8" else 16
        pair = (Component.LUMA, Component.ALPHA)
        return tuple(_Layout(c, 0, stride=2, offset=i, bits=bits) for i, c in enumerate(pair))
    if match := re.fullmatch(r"([rgba0]{3,4}?)(24|48le|64le)?", name):
        return _packed(match[1], match[2] or "")
    return None


def _planar(components: tuple[Component, ...], bits: int, chroma: tuple[int, int]) -> tuple[_Layout, ...]:
    subsampled = (Component.CB, Component.CR)
    return tuple(
        _Layout(c, plane, chroma if c in subsampled else (1, 1), bits=bits)
        for plane, c in enumerate(components)
    )


def _semi_planar(name: str) -> tuple[_Layout, ...]:
    sampling, bits, shift = _SEMI_PLANAR[name]
    pair = (Component.CR, Component.CB) if name in ("nv21", "nv42") else (Component.CB, Component.CR)
    chroma = tuple(_Layout(c, 1, _STEPS[sampling], 2, i, bits, shift) for i, c in enumerate(pair))
    return (_Layout(Component.LUMA, 0, bits=bits, shift=shift), *chroma)


def _packed(letters: str, depth: str) -> tuple[_Layout, ...] | None:
    sizes = {"": (4, 8), "24": (3, 8), "48le": (3, 16), "64le": (4, 16)}
    count, bits = sizes[depth]
    if len(letters) != count or set(letters) - {"0"} not in ({*"rgb"}, {*"rgba"}):
        return None
    return tuple(
        _Layout(_LETTERS[letter], 0, stride=count, offset=i, bits=bits)
        for i, letter in enumerate(letters)
        if letter != "0"
    )


def _channels(frame: av.VideoFrame, orientation: Orientation) -> tuple[Channel, ...]:
    return tuple(_channel(frame, layout, orientation) for layout in layout_of(frame.format.name) or ())


def _channel(frame: av.VideoFrame, layout: _Layout, orientation: Orientation) -> Channel:
    plane = frame.planes[layout.plane]
    step_x, step_y = layout.step
    columns, rows = -(-frame.width // step_x), -(-frame.height // step_y)
    table = _rows(plane, layout.bits)[:rows]
    samples = table[:, layout.offset : layout.offset + columns * layout.stride : layout.stride]
    if orientation.swaps_axes:
        step_x, step_y = step_y, step_x
    return Channel(layout.component, orientation.upright(samples), step_x, step_y, layout.bits, layout.shift)


def _rows(plane: Any, bits: int) -> NDArray[Any]:
    """Return the plane's memory, padding included, as (rows, elements), top row first."""
    table = np.frombuffer(plane, np.uint8).reshape(-1, abs(plane.line_size))
    if plane.line_size < 0:  # stored bottom row first
        table = table[::-1]
    return table if bits == 8 else table.view(np.uint16)


def _is_full_range(frame: av.VideoFrame) -> bool:
    name = frame.format.name
    if frame.format.is_rgb or name.startswith("yuvj"):
        return True
    if name.startswith(("gray", "ya")):  # swscale takes untagged grey as full range
        return frame.color_range != _MPEG
    return frame.color_range == _FULL
