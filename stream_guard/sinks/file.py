"""A video file as the destination of redacted frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import OutputContainer
from av.video.stream import VideoStream

from stream_guard.errors import OutputError, PipelineError
from stream_guard.model.frame import Passthrough
from stream_guard.model.geometry import Orientation
from stream_guard.model.media import Media
from stream_guard.model.redacted import RedactedFrame
from stream_guard.model.rising import RisingClock
from stream_guard.native import call_behind, ordinary_priority
from stream_guard.sinks.audio import Track, add_track
from stream_guard.sinks.encoding import Encoding
from stream_guard.sinks.publish import Draft
from stream_guard.sinks.pyav import SOFTWARE, Plan, VideoFacts, apply, frame_of, plan_video


@dataclass(frozen=True, slots=True)
class _Container:
    """What a file format can hold."""

    name: str
    codecs: tuple[str, ...]
    """The first is used where H.264 was asked for and cannot be held."""
    turns: bool = False
    """It carries a display matrix that players heed."""
    constant_rate: bool = False
    options: Mapping[str, str] = field(default_factory=dict)


_EXACT = {"avoid_negative_ts": "disabled"}  # time stamps as they are; sound may start below 0
_KILLABLE = _EXACT | {
    "movflags": "hybrid_fragmented+frag_keyframe",
    "flush_packets": "1",
}  # readable up to where it was cut off
_ISO = ("h264", "hevc", "av1", "mpeg4")
_MP4 = _Container("mp4", (*_ISO, "vp9"), turns=True, options=_KILLABLE)
CONTAINERS = {
    ".mp4": _MP4,
    ".m4v": _MP4,
    ".mov": _Container("mov", _ISO, turns=True, options=_KILLABLE),
    ".mkv": _Container("matroska", tuple(SOFTWARE), turns=True),
    ".webm": _Container("webm", ("vp9", "av1")),
    ".ts": _Container("mpegts", ("h264", "hevc")),
    # H.264 in AVI has no time stamps to be read back: up to 11 frames off, measured
    ".avi": _Container("avi", ("mpeg4", "ffv1"), constant_rate=True, options=_EXACT),
}
_BITEXACT = 0x400  # AVFMT_FLAG_BITEXACT


class FileSink:
    """Codes and writes one video file; it gets its name only when it is complete and has been read back.

    `notes` says what is done differently from the source, complete after `finish`.
    """

    def __init__(self, path: Path, media: Media, encoding: Encoding) -> None:
        """Check the target, open the encoder and write the file's header.

        Raises:
            OutputError: anything that can be known to fail before the first frame.
            SettingsError: there is no such codec.
        """
        self.notes: list[str] = []
        self._path, self._encoding = path, encoding
        self._kind = _container_for(path)
        self._facts: VideoFacts = media.handle
        self._stored = self._facts.orientation if self._kind.turns else Orientation()
        self._plan = self._make_plan()
        self._frames = self._scaled = 0
        self._only_header = False
        early = max(Fraction(0), -self._facts.first_s)  # sound alone may start below 0: priming
        shift = -self._facts.first_s if self._kind.constant_rate else early
        self._clock = RisingClock(self._plan.time_base, self._plan.rate, shift)
        self._draft = Draft(path, media.path, encoding.overwrite)
        self._container = self._open()
        self._tracks: dict[int, Track | None] = {}
        try:
            self._add_streams()
        except BaseException:
            self.abort()
            raise

    def _make_plan(self) -> Plan:
        codec = self._encoding.codec
        if codec == "h264" and "h264" not in self._kind.codecs:
            codec = self._kind.codecs[0]
            self.notes.append(f"video coded as {codec}: {self._path.suffix} files do not hold H.264 well")
        family = "h264" if codec == "auto-hw" else codec.split("_")[0]
        if family in SOFTWARE and family not in self._kind.codecs:
            raise OutputError(
                f"{self._path.suffix} files cannot hold {codec}; choose {', '.join(self._kind.codecs)} "
                "or another file extension."
            )
        turned = self._stored != self._facts.orientation
        return plan_video(
            self._facts, self._encoding, codec, turned=turned, constant_rate=self._kind.constant_rate
        )

    def _open(self) -> OutputContainer:
        options = dict(self._kind.options)
        try:
            container = av.open(f"file:{self._draft.path}", "w", format=self._kind.name, options=options)
        except av.FFmpegError as exc:
            self._draft.discard()
            raise self._failure(exc) from exc
        container.flags |= _BITEXACT  # no tool names, no dates
        return container

    def _add_streams(self) -> None:
        try:
            self._video = self._add_video(self._container)
            if self._encoding.audio == "keep":
                for number, template in enumerate(self._facts.audio, 1):
                    self._tracks[template.index] = add_track(self._container, template, number, self.notes)
            with ordinary_priority():
                call_behind(self._start)
        except (av.FFmpegError, ValueError) as exc:
            raise self._failure(exc) from exc

    def _start(self) -> None:
        """Write the header, and note it in the same thread: the one that waits for it may be stopped."""
        self._container.start_encoding()
        self._only_header = True

    def _add_video(self, container: OutputContainer) -> VideoStream:
        plan = self._plan
        stream: VideoStream = container.add_stream(plan.encoder, rate=plan.rate)  # type: ignore[assignment]
        apply(plan, stream.codec_context)
        stream.time_base = plan.time_base
        if self._facts.display_matrix and self._stored != Orientation():
            stream.set_display_matrix(self._facts.display_matrix)
        return stream

    def write(self, item: RedactedFrame | Passthrough) -> None:
        """Code a frame, or pass a sound packet on.

        Raises:
            OutputError: the disk is full or the encoder failed; the caller then aborts.
        """
        try:
            if isinstance(item, RedactedFrame):
                self._write_frame(item)
            elif isinstance(item, Passthrough):
                self._write_sound(item.payload)
            else:
                raise PipelineError(f"a {type(item).__name__} reached the output; only redacted frames may")
        except (av.FFmpegError, ValueError) as exc:
            raise self._failure(exc) from exc

    def _write_frame(self, item: RedactedFrame) -> None:
        handle = item.picture.handle
        stamp = (
            handle.frame.pts * handle.frame.time_base if handle is not None else Fraction(item.stamp.time_s)
        )
        self._scaled += self._differs_in_size(item)
        frame = frame_of(item.picture, self._plan, self._stored)
        frame.pts, frame.time_base, frame.duration = self._clock.ticks(stamp), self._plan.time_base, 0
        frame.pict_type = 0  # or the source's key frames would be forced
        self._mux(self._video.encode(frame))
        self._frames += 1

    def _differs_in_size(self, item: RedactedFrame) -> bool:
        shown = (self._plan.width, self._plan.height)
        if self._stored.swaps_axes:
            shown = shown[::-1]
        return (item.picture.width, item.picture.height) != shown

    def _write_sound(self, packet: Any) -> None:
        track = self._tracks.get(packet.stream_index)
        if track is None:
            return
        try:
            self._mux(track.packets(packet, self._clock.shift))
        except av.FFmpegError as exc:
            if isinstance(exc, OSError):
                raise
            track.lost += 1  # a packet that the container refuses; the pictures matter more

    def _mux(self, packets: list[Any]) -> None:
        for packet in packets:
            self._only_header = False
            self._container.mux_one(packet)

    def finish(self) -> None:
        """Complete the file, read it back, and give it its name.

        Raises:
            OutputError: it could not be completed, or what was written is not what can be read.
        """
        try:
            self._complete()
            self._verify()
        except BaseException:
            self.abort()
            raise
        self._draft.publish()

    def _complete(self) -> None:
        if not self._frames:
            raise OutputError(f"{self._path} was not written: there was no frame.")
        try:
            self._mux(self._video.encode(None))
            for track in self._tracks.values():
                if track is not None:
                    self._mux(track.flush())
            self._container.close()
        except (av.FFmpegError, ValueError) as exc:
            raise self._failure(exc) from exc
        self._add_notes()

    def _add_notes(self) -> None:
        for number, track in enumerate(self._tracks.values(), 1):
            if track is not None and track.lost:
                self.notes.append(f"audio track {number}: {track.lost} packet(s) could not be kept")
        for frame in self._clock.restarts:
            self.notes.append(f"the clock went back at frame {frame}; time runs on from there")
        if self._clock.stumbles:
            self.notes.append(
                f"{self._clock.stumbles} frame(s) had a time stamp not after the one before; moved a little"
            )
        if self._scaled:
            self.notes.append(f"{self._scaled} frame(s) of another size scaled to the first one's")

    def _verify(self) -> None:
        try:
            with av.open(f"file:{self._draft.path}", options={"protocol_whitelist": "file"}) as container:
                video = container.streams.video[0]
                shape = next(container.decode(video))
                container.seek(0)
                found = sum(p.size > 0 for p in container.demux(video))
        except (av.FFmpegError, IndexError, StopIteration) as exc:
            raise OutputError(f"{self._path} was not written: it cannot be read back.") from exc
        if (shape.width, shape.height) != (self._plan.width, self._plan.height) or found != self._frames:
            raise OutputError(
                f"{self._path} was not written: {self._frames} frames went in, {found} can be read back."
            )

    def abort(self) -> None:
        """Remove what was written; harmless after `finish`."""
        try:
            if self._only_header:  # FFmpeg's fragmenting muxer crashes when it ends without a single packet
                self._mux([_blank(self._video)])
            self._container.close()
        except av.FFmpegError:
            self.notes.append("the abandoned output could not be closed in order")
        finally:
            self._draft.discard()

    def _failure(self, exc: Exception) -> OutputError:
        reason = getattr(exc, "strerror", None) or str(exc)
        hint = "; AVI holds a constant frame rate only, .mkv any" if self._kind.constant_rate else ""
        return OutputError(f"{self._path} cannot be written: {reason}{hint}.")


def _blank(stream: VideoStream) -> av.Packet[Any]:
    packet: av.Packet[Any] = av.Packet(b"\0")
    packet.stream, packet.pts, packet.dts = stream, 0, 0
    return packet


def _container_for(path: Path) -> _Container:
    kind = CONTAINERS.get(path.suffix.lower())
    if kind is None:
        named = f"the extension {path.suffix!r} is" if path.suffix else "an output without an extension is"
        raise OutputError(f"{path}: {named} not known for video; use one of {', '.join(CONTAINERS)}.")
    return kind
