"""Sound tracks on their way to a file: copied byte for byte where it takes them, else coded anew."""

from __future__ import annotations

import io
import re
from fractions import Fraction
from typing import Any, Protocol

import av
from av.audio.codeccontext import AudioCodecContext
from av.container import OutputContainer

_OPUS_RATE = 48_000
_AAC_RATES = (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000)
_MAX_CHANNELS = 8
# MPEG-TS takes anything, as private data that no player reads
_IN_MPEGTS = {"aac", "aac_latm", "mp1", "mp2", "mp3", "ac3", "eac3", "dts", "truehd", "opus"}


class Track(Protocol):
    """One sound track of the output."""

    lost: int
    """Packets that could not be passed on."""

    def packets(self, packet: Any, shift: Fraction) -> list[Any]:
        """Return what is to be written for a packet of the source, moved by `shift` seconds."""
        ...

    def flush(self) -> list[Any]: ...


def add_track(container: OutputContainer, template: Any, number: int, notes: list[str]) -> Track | None:
    """Add a sound track like the source's to the container; None (with a note) if it cannot be had at all.

    The template's codec context may be used to decode it.
    """
    codec = template.codec_context.name
    if _copies(container.format.name, template):
        stream = container.add_stream_from_template(template)
        _tag(stream, template)
        return _Copied(stream)
    encoder = "libopus" if container.format.name == "webm" else "aac"
    context = template.codec_context
    if not context.sample_rate or not 1 <= context.channels <= _MAX_CHANNELS:
        notes.append(f"audio track {number}: {codec} could not be kept")
        return None
    rate = _OPUS_RATE if encoder == "libopus" else min(_AAC_RATES, key=lambda r: abs(r - context.sample_rate))
    layout = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}.get(context.channels, "stereo")
    stream = container.add_stream(encoder, rate=rate, layout=layout)
    _tag(stream, template)
    notes.append(f"audio track {number}: {codec} converted to {encoder.removeprefix('lib').upper()}")
    return _Recoded(stream, context)


def _copies(container_format: str, template: Any) -> bool:
    """Tell whether the container really takes the codec: its list is too generous, a header is not."""
    if container_format == "mpegts" and template.codec_context.codec.canonical_name not in _IN_MPEGTS:
        return False
    try:
        with av.open(io.BytesIO(), "w", format=container_format) as trial:
            trial.add_stream_from_template(template)
            trial.start_encoding()
    except (av.FFmpegError, ValueError):
        return False
    return True


def _tag(stream: Any, template: Any) -> None:
    language = template.language or ""
    if re.fullmatch("[a-z]{3}", language):  # anything longer could be somebody's name
        stream.metadata["language"] = language
    stream.disposition = template.disposition
    context = stream.codec_context
    if context.name == "vorbis" and context.extradata:
        context.extradata = without_comments(context.extradata)


def without_comments(extradata: bytes) -> bytes:
    """Return Vorbis headers (Xiph lacing: identification, comment, setup) with an empty comment header."""
    if extradata[0] != 2:
        return extradata
    sizes, position = [], 1
    for _ in range(2):
        size = 0
        while extradata[position] == 255:
            size, position = size + 255, position + 1
        sizes.append(size + extradata[position])
        position += 1
    identification = extradata[position : position + sizes[0]]
    setup = extradata[position + sum(sizes) :]
    comment = b"\x03vorbis" + bytes(8) + b"\x01"
    return bytes((2, len(identification), len(comment))) + identification + comment + setup


class _Copied:
    """Passes packets on as they are, with decoding times that rise."""

    def __init__(self, stream: Any) -> None:
        self.lost = 0
        self._stream = stream
        self._last: Fraction | None = None

    def packets(self, packet: Any, shift: Fraction) -> list[Any]:
        base = packet.time_base
        if packet.dts is None:
            packet.dts = packet.pts
        if packet.dts is None:
            self.lost += 1
            return []
        moved = round(shift / base)
        packet.dts += moved
        packet.pts = packet.dts if packet.pts is None else packet.pts + moved
        if self._last is not None and packet.dts <= self._last:  # the clock went back: muxers refuse that
            packet.dts = self._last + 1
            packet.pts = max(packet.pts, packet.dts)
        self._last = packet.dts
        packet.stream = self._stream
        return [packet]

    def flush(self) -> list[Any]:
        return []


class _Recoded:
    """Decodes and encodes a track."""

    def __init__(self, stream: Any, decoder: AudioCodecContext) -> None:
        self.lost = 0
        self._stream, self._decoder = stream, decoder
        self._last: int | None = None

    def packets(self, packet: Any, shift: Fraction) -> list[Any]:
        try:
            frames = self._decoder.decode(packet)
            for frame in frames:
                if frame.pts is not None and frame.time_base:
                    frame.pts += round(shift / frame.time_base)
            return self._rising([p for frame in frames for p in self._stream.encode(frame)])
        except (av.FFmpegError, ValueError):  # a broken packet, or one whose format differs from the track's
            self.lost += 1
            return []

    def flush(self) -> list[Any]:
        try:
            late = [p for frame in self._decoder.decode(None) for p in self._stream.encode(frame)]
            return self._rising(late + self._stream.encode(None))
        except (av.FFmpegError, ValueError):
            self.lost += 1
            return []

    def _rising(self, packets: list[Any]) -> list[Any]:
        for packet in packets:
            if self._last is not None and packet.dts is not None and packet.dts <= self._last:
                packet.dts = self._last + 1
                packet.pts = max(packet.pts, packet.dts)
            self._last = packet.dts
        return packets
