"""Writes shared packets, and the source's sound, to a container of its own."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from typing import Any, Final

import av

from stream_guard.errors import OutputError
from stream_guard.live.hub import Tap
from stream_guard.model.live import Aired
from stream_guard.outputs.encoder import CLOCK_HZ, Coded
from stream_guard.outputs.sound import SoundClock
from stream_guard.sinks.audio import Track, add_track
from stream_guard.sources.sound import is_same_sound, own_stream

_TICK: Final = Fraction(1, CLOCK_HZ)
_BITEXACT: Final = 0x400  # no tool names, no dates


class Muxer:
    """One container in the making; its time begins with its first picture."""

    def __init__(
        self, file: Any, name: str, options: Mapping[str, str], first: Coded, sound: Any | None = None
    ) -> None:
        """Write the header.

        Args:
            file: a path, or an object with a method `write`.
            name: for messages.
            sound: the source's sound stream, None to have none.

        Raises:
            OutputError: it cannot be written.
        """
        self._name, self._first = name, first
        self.sound = sound
        """What it takes packets of; those of another camera's sound are left out."""
        self._start_s = first.shown_s
        self._start = first.packet.pts or 0
        self._clock = SoundClock()
        self._begun = False
        self._track: Track | None = None
        with self._translated():
            self._container = av.open(file, "w", format="mp4", options=dict(options))
            self._container.flags |= _BITEXACT
            self._video = self._add_video(first)
            if sound is not None:
                self._track = add_track(self._container, own_stream(sound), 1, [])
            self._container.start_encoding()

    def _add_video(self, first: Coded) -> Any:
        """Add the stream that a key frame begins: a demuxer reads its parameters from the packet."""
        with av.open(io.BytesIO(bytes(first.packet)), format="h264") as probe:
            stream = self._container.add_stream_from_template(probe.streams.video[0])
        stream.time_base = _TICK
        return stream

    def write(self, coded: Coded) -> None:
        """Write a copy of a shared packet.

        Raises:
            OutputError: the disk is full, or whatever takes the bytes failed.
        """
        packet: Any = av.Packet(bytes(coded.packet))
        packet.pts = packet.dts = (coded.packet.pts or 0) - self._start
        packet.time_base, packet.is_keyframe, packet.stream = _TICK, coded.key, self._video
        self._begun = True
        with self._translated():
            self._container.mux_one(packet)

    def write_sound(self, sound: Tap) -> None:
        """Write all sound that waits."""
        while (aired := sound.take(0)) is not None:
            if self._track is not None:
                self._write_sound(aired, self._track)

    def _write_sound(self, aired: Aired, track: Track) -> None:
        shared: Any = aired.item.payload  # type: ignore[union-attr]
        if not is_same_sound(shared.stream, self.sound):
            return
        offset_s = self._clock.offset_s(aired)
        if offset_s is None or aired.shown_s < self._start_s:
            return
        shift = Fraction(offset_s - self._start_s).limit_denominator(CLOCK_HZ)
        packet: Any = av.Packet(bytes(shared))
        packet.pts, packet.dts, packet.duration = shared.pts, shared.dts, shared.duration
        packet.time_base = shared.time_base
        with self._translated():
            for one in track.packets(packet, shift):
                self._container.mux_one(one)

    def close(self) -> None:
        """Complete the container.

        Raises:
            OutputError: as `write`.
        """
        if not self._begun:  # FFmpeg's fragmenting muxer crashes when it ends without a single packet
            self.write(self._first)
        with self._translated():
            for packet in self._track.flush() if self._track is not None else ():
                self._container.mux_one(packet)
            self._container.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (av.FFmpegError, OSError, ValueError) as exc:
            reason = getattr(exc, "strerror", None) or exc
            raise OutputError(f"{self._name} cannot be written: {reason}.") from exc
