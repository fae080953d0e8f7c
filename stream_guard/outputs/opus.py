"""Codes a station's sound as Opus, whatever the camera sends, on the output clock."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Final

import av
from av.audio.fifo import AudioFifo
from av.audio.resampler import AudioResampler

from stream_guard.model.live import Aired
from stream_guard.outputs.encoder import Coded, Parameters
from stream_guard.outputs.sound import SoundClock
from stream_guard.sources.sound import own_stream

OPUS: Final = "opus"
_HZ: Final = 48_000
_TICK: Final = Fraction(1, _HZ)
_SAMPLES: Final = 960
"""Of a packet: 20 ms, as WebRTC has it."""
_GAP: Final = _HZ // 20
"""Sound further off than 50 ms from where it belongs begins anew there."""
_BPS: Final = 32_000
"""Of each channel."""
_PARAMETERS: Final = Parameters(OPUS, 0, 0, b"")


class OpusEncoder:
    """The sound of one station, decoded and coded anew; each packet can be decoded by itself."""

    def __init__(self, generation: int = 0) -> None:
        """The first packet opens it, as generation + 1."""
        self.generation = generation
        self._clock = SoundClock()
        self._stream: Any = None
        self._next: int | None = None
        """Where the first sample lies that is not coded yet, in ticks."""

    def encode(self, aired: Aired, *, force_key: bool = False) -> list[Coded]:
        """Return what a packet of the source became: as many packets as it filled, each a key."""
        packet: Any = aired.item.payload  # type: ignore[union-attr]
        offset_s = self._clock.offset_s(aired)
        if offset_s is None:
            return []
        try:
            if packet.stream is not self._stream:  # another camera, or the same one connected anew
                self._open(packet.stream)
            return [one for frame in self._decoded(packet) for one in self._recoded(frame, offset_s)]
        except av.FFmpegError:  # a broken packet is a gap, as a lost one is
            return []
        except ValueError:  # rate or channels have changed
            self._stream = None
            return []

    def _open(self, stream: Any) -> None:
        mono = stream.codec_context.channels == 1
        layout = "mono" if mono else "stereo"
        self._decoder = own_stream(stream).codec_context
        self._resampler, self._fifo = AudioResampler("s16", layout, _HZ), AudioFifo()
        encoder: Any = av.CodecContext.create("libopus", "w")
        encoder.sample_rate, encoder.format, encoder.layout = _HZ, "s16", layout
        encoder.time_base, encoder.bit_rate = _TICK, _BPS if mono else 2 * _BPS
        encoder.open()
        self._encoder, self._stream = encoder, stream
        self.generation += 1

    def _decoded(self, shared: Any) -> list[Any]:
        packet: Any = av.Packet(bytes(shared))
        packet.pts, packet.dts, packet.time_base = shared.pts, shared.dts, shared.time_base
        return list(self._decoder.decode(packet))

    def _recoded(self, frame: Any, offset_s: float) -> Iterator[Coded]:
        start = round((float(frame.pts * frame.time_base) + offset_s) * _HZ)
        if self._next is None or abs(start - self._next - self._fifo.samples) > _GAP:
            if self._next is not None and start < self._next:
                return  # it was to be heard before what has been
            self._fifo.read()
            self._next = start
        for resampled in self._resampler.resample(frame):
            resampled.pts = None
            self._fifo.write(resampled)
        for piece in self._fifo.read_many(_SAMPLES):
            yield from self._coded(piece)

    def _coded(self, piece: Any) -> Iterator[Coded]:
        piece.pts, piece.time_base = self._next, _TICK
        self._next = (self._next or 0) + _SAMPLES
        for packet in self._encoder.encode(piece):
            yield Coded(packet, True, packet.pts / _HZ, None, self.generation, _PARAMETERS)
