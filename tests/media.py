"""Makes real media with PyAV, and runs it through sources and sinks with nothing covered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from stream_guard.flow.anonymize import anonymize
from stream_guard.model.frame import Frame
from stream_guard.model.geometry import Box
from stream_guard.model.picture import Picture
from stream_guard.model.ports import Sink, Source
from stream_guard.model.redacted import RENDER_SEAL, RedactedFrame
from stream_guard.model.verdict import Cover, Observation, Seen

ONE = 1 << 16
MATRICES = {
    "as stored": (1, 0, 0, 1), "turned 90": (0, -1, 1, 0), "turned 180": (-1, 0, 0, -1),
    "turned 270": (0, 1, -1, 0), "mirrored": (-1, 0, 0, 1), "flipped": (1, 0, 0, -1),
    "transposed": (0, 1, 1, 0), "transversed": (0, -1, -1, 0),
}  # fmt: skip
"""a, b, c, d of the display matrix: x' = a x + c y, y' = b x + d y."""


def nine(abcd: Sequence[int]) -> list[int]:
    a, b, c, d = (v * ONE for v in abcd)
    return [a, b, 0, c, d, 0, 0, 0, 1 << 30]


def displayed(stored: NDArray[Any], abcd: Sequence[int]) -> NDArray[Any]:
    """Turn a stored picture as the matrix says, one pixel at a time, with nothing in common with the code."""
    a, b, c, d = abcd
    height, width = stored.shape[:2]
    places = {(a * x + c * y, b * x + d * y): (x, y) for y in range(height) for x in range(width)}
    columns, rows = sorted({x for x, _ in places}), sorted({y for _, y in places})
    out = np.empty((len(rows), len(columns), *stored.shape[2:]), stored.dtype)
    for (x, y), (from_x, from_y) in places.items():
        out[y - rows[0], x - columns[0]] = stored[from_y, from_x]
    return out


def scene(width: int, height: int, index: int = 0) -> NDArray[np.uint8]:
    """Return a soft RGB picture without any symmetry, that moves with its index."""
    y, x = np.mgrid[0:height, 0:width]
    red = 40 + 160 * x / max(1, width - 1)
    green = 40 + 160 * y / max(1, height - 1)
    blue = 60 + 8 * (index % 16) + 40 * (x > width * 0.7) * (y < height * 0.3)
    return np.stack([red, green, blue], -1).astype(np.uint8)


@dataclass(frozen=True)
class Clip:
    """What to make."""

    width: int = 64
    height: int = 48
    frames: int = 8
    codec: str = "libx264"
    pix_fmt: str = "yuv420p"
    rate: int = 25
    time_base: Fraction = Fraction(1, 1000)
    stamps: Sequence[int] = ()
    """In ticks of the time base; evenly spaced where empty."""
    matrix: Sequence[int] = ()
    aspect: Fraction | None = None
    colors: tuple[int, int, int, int] = (0, 2, 2, 2)
    sounds: Sequence[str] = ()
    """One encoder name for each sound track."""
    sound_rate: int = 48_000
    metadata: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=lambda: {"crf": "10", "preset": "ultrafast"})
    further: Callable[[Any], None] | None = None
    """Adds whatever else to the open container, before anything is written."""
    paint: Callable[[int, int, int], NDArray[np.uint8]] = scene


def make(path: Path, clip: Clip, **container_options: str) -> Path:
    """Write the clip."""
    with av.open(str(path), "w", options=container_options) as out:
        out.metadata.update(clip.metadata)
        video: Any = out.add_stream(clip.codec, rate=clip.rate)
        video.width, video.height, video.pix_fmt = clip.width, clip.height, clip.pix_fmt
        video.codec_context.time_base = clip.time_base
        video.options = dict(clip.options) if clip.codec == "libx264" else {}
        context = video.codec_context
        context.color_range, context.color_primaries, context.color_trc, context.colorspace = clip.colors
        if clip.aspect:
            context.sample_aspect_ratio = clip.aspect
        if clip.matrix:
            video.set_display_matrix(nine(clip.matrix))
        tracks = [out.add_stream(name, rate=clip.sound_rate, layout="mono") for name in clip.sounds]
        if clip.further is not None:
            clip.further(out)
        _fill(out, video, tracks, clip)
    return path


def _fill(out: Any, video: Any, tracks: list[Any], clip: Clip) -> None:
    step = 1 / (clip.rate * clip.time_base)
    stamps = clip.stamps or [round(i * step) for i in range(clip.frames)]
    for index, stamp in enumerate(stamps):
        rgb = clip.paint(clip.width, clip.height, index)
        frame = av.VideoFrame.from_ndarray(rgb, "rgb24").reformat(
            format=clip.pix_fmt, dst_color_range=clip.colors[0]
        )
        frame.pts, frame.time_base = stamp, clip.time_base
        out.mux(video.encode(frame))
    out.mux(video.encode(None))
    samples = round(clip.sound_rate * (clip.frames / clip.rate))
    for number, track in enumerate(tracks):
        for packet in beep(track, samples, clip.sound_rate, 300 + 200 * number):
            out.mux(packet)


def beep(track: Any, samples: int, rate: int, hertz: float) -> Iterable[Any]:
    """Yield the packets of a tone."""
    wave = (8000 * np.sin(2 * np.pi * hertz * np.arange(samples) / rate)).astype(np.int16)
    for start in range(0, samples, 960):
        frame = av.AudioFrame.from_ndarray(wave[np.newaxis, start : start + 960], "s16", "mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        yield from track.encode(frame)
    yield from track.encode(None)


def spoil(path: Path, number: int) -> None:
    """Overwrite one packet of the picture with zeros."""
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        packet = list(container.demux(video=0))[number]
    start = data.index(bytes(packet))
    data[start : start + packet.size] = bytes(packet.size)
    path.write_bytes(data)


def frames(path: Path) -> list[Any]:
    with av.open(f"file:{path}", metadata_errors="ignore") as container:
        return list(container.decode(container.streams.best("video")))


def times(path: Path) -> list[float]:
    return [float(f.time) for f in frames(path)]


def sound_packets(path: Path, track: int = 0) -> list[bytes]:
    with av.open(f"file:{path}", metadata_errors="ignore") as container:
        return [bytes(p) for p in container.demux(container.streams.audio[track]) if p.size]


class Blind:
    """Sees no face."""

    def observe(self, frame: Frame) -> Observation:
        return Observation(frame.stamp, frame.picture.width, frame.picture.height, Seen(()))

    def close(self) -> None: ...


class Prompt:
    """Gives an empty cover at once."""

    lag = 0

    def push(self, observation: Observation) -> Sequence[Cover]:
        return [Cover(observation.stamp)]

    def flush(self) -> Sequence[Cover]:
        return []


@dataclass(frozen=True)
class Brush:
    """Sets every sample inside a box to the darkest value, or leaves the picture alone."""

    box: Box | None = None

    def render(self, frame: Frame, cover: Cover) -> RedactedFrame:
        if self.box is not None:
            darken(frame.picture, self.box)
        return RedactedFrame(RENDER_SEAL, frame.picture, cover)


def darken(picture: Picture, box: Box) -> None:
    for channel in picture.channels:
        x0, x1 = int(box.x0) // channel.step_x, -(-int(box.x1) // channel.step_x)
        y0, y1 = int(box.y0) // channel.step_y, -(-int(box.y1) // channel.step_y)
        neutral = 1 << (channel.bits - 1) if channel.component.value in ("cb", "cr") else 0
        channel.samples[y0:y1, x0:x1] = neutral << channel.shift


def run(source: Source, sink: Sink, box: Box | None = None) -> None:
    """Pass everything from source to sink and finish; abort on errors."""
    try:
        for item in anonymize(source.items(), Blind(), Prompt(), Brush(box)):
            sink.write(item)
        sink.finish()
    except BaseException:
        sink.abort()
        raise
