"""What all live sources share: decoding a container for as long as it lasts, and what to say when it ends."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from fractions import Fraction
from threading import Event
from typing import Any, Final

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from stream_guard.errors import InputError, SourceLostError
from stream_guard.model.frame import Frame, Item, Passthrough, Stamp
from stream_guard.model.geometry import Orientation
from stream_guard.sources.loss import Losses
from stream_guard.sources.planes import PlaneEye, Shrinker, paintable, picture_of
from stream_guard.sources.pyav import MAX_PIXELS, chosen_video, display_matrix_of, orientation_of
from stream_guard.sources.sound import LiveSound

_MOST_ERRORS: Final = 100
"""Packets in a row that cannot be decoded before the source counts as lost."""
_NO_PICTURE_S: Final = 3.0
"""About as long as a silent camera without sound is waited for: see sources.rtsp."""
_LONGEST_STEP_S: Final = 2.0
"""Time stamps that leap further are not believed; the clock on the wall is."""
_LEAST_STEP_S: Final = 0.001
_TAINTED_BY_A_LOSS: Final = 2
"""Pictures that may have been hit: a key frame that was itself hit mends nothing."""
_TAINTED_WHILE_OPENED: Final = 60
"""FFmpeg reads on for half a second to know the stream: half a second at 120 frames per second."""
_APART_S: Final = 0.5
"""Sound and picture that are further apart have clocks of their own."""
_SUSPECTS: Final = 16
"""Time stamps of them that are remembered: more than a decoder reorders."""


@dataclass(frozen=True, slots=True)
class _Look:
    """What must not change while one session lasts: tracker and masks rely on it."""

    width: int
    height: int
    pix_fmt: str
    orientation: Orientation


class Framer:
    """Makes frames to judge of decoded ones, for one session of one source."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._shrinker = Shrinker(label)
        self._look: _Look | None = None
        self._angle: int | None = None
        self._orientation = Orientation()
        self._index = 0
        self._clock = _Clock()

    def frame(self, decoded: av.VideoFrame, aspect: Fraction | None = None, damaged: bool = False) -> Frame:
        """Return the next frame.

        Raises:
            SourceLostError: size, pixel format or orientation have changed; the next session takes them.
        """
        if decoded.rotation != self._angle:  # side data is read only then: see sources.file
            self._angle = decoded.rotation
            self._orientation = orientation_of(display_matrix_of(decoded))
        look = _Look(decoded.width, decoded.height, decoded.format.name, self._orientation)
        if self._look not in (None, look):
            size = f"{decoded.width}x{decoded.height}"
            raise SourceLostError(f"{self._label} changed its picture to {size}", at_once=True)
        self._look = look
        if decoded.width * decoded.height > MAX_PIXELS:
            raise SourceLostError(f"{self._label} sends pictures that are too large", needs_a_person=True)
        stamp = Stamp(0, self._index, self._clock.time_s(decoded))
        self._index += 1
        usable = paintable(decoded)
        eye = PlaneEye(usable, self._orientation, aspect, self._shrinker)
        return Frame(stamp, picture_of(usable, self._orientation), eye, damaged)


class _Clock:
    """Media time that runs on: the source's where it is sane, the wall's where not."""

    def __init__(self) -> None:
        self._time_s = 0.0
        self._given_s: float | None = None
        self._wall_s = 0.0

    def time_s(self, decoded: av.VideoFrame) -> float:
        wall_s = time.monotonic()
        given_s = None
        if decoded.pts is not None and decoded.time_base is not None:
            given_s = float(decoded.pts * decoded.time_base)
        if self._given_s is None or given_s is None:
            step_s = wall_s - self._wall_s if self._wall_s else 0.0
        else:
            step_s = given_s - self._given_s
            if not 0 < step_s <= _LONGEST_STEP_S:
                step_s = wall_s - self._wall_s
        self._time_s += max(step_s, _LEAST_STEP_S)
        self._given_s, self._wall_s = given_s, wall_s
        return self._time_s


def camera_items(
    container: InputContainer,
    label: str,
    stopped: Event,
    *,
    keep_audio: bool,
    losses: Losses | None = None,
) -> Iterator[Item]:
    """Yield frames and sound packets of an opened camera, which is closed in the end.

    With `losses`, which heard the container being opened, frames count as damaged from one until the next
    sound key frame.

    Raises:
        SourceLostError: it has ended, cannot be read, or changed its picture.
    """
    # what PyAV raises holds the address with its password: nothing of it is passed on, not as a cause
    try:
        with closing(container):
            yield from _items(container, label, stopped, keep_audio, _Distrust(losses))
        reason = "stopped sending"
    except SourceLostError:
        raise
    except (av.ExitError, av.TimeoutError):  # FFmpeg's words for its time being over
        reason = "stopped sending"
    except (av.FFmpegError, InputError) as exc:
        reason = f"was lost: {getattr(exc, 'strerror', None) or 'it cannot be read any more'}"
    if not stopped.is_set():
        raise SourceLostError(f"{label} {reason}")


def _items(
    container: InputContainer, label: str, stopped: Event, keep_audio: bool, distrust: _Distrust
) -> Iterator[Item]:
    video = _video(container, label)
    tracks = [s for s in container.streams.audio if s.codec_context is not None][:1] if keep_audio else []
    sound = LiveSound()
    framer = Framer(label)
    seen_s: float | None = None
    patience = _Patience(label)
    for packet in _packets(container, [video, *tracks], stopped, distrust):
        if packet.stream is not video:
            patience.check()
            if sound.takes(packet):
                yield Passthrough(packet, _after_s(packet, seen_s))
            continue
        for decoded in distrust.decoded(video, packet):
            patience.renew()
            seen_s = decoded.time
            yield framer.frame(decoded, video.sample_aspect_ratio or None, distrust.of(decoded))


class _Patience:
    """Notices a camera that goes on to send sound, but no picture: to FFmpeg that is no silence."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._seen_s: float | None = None

    def renew(self) -> None:
        self._seen_s = time.monotonic()

    def check(self) -> None:
        """Raises SourceLostError where the last picture is long ago; the first one may take its time."""
        if self._seen_s is not None and time.monotonic() - self._seen_s > _NO_PICTURE_S:
            raise SourceLostError(f"{self._label} sends sound, but no picture any more")


def _after_s(sound: av.Packet[Any], seen_s: float | None) -> float | None:
    """Return how long after the last picture a packet is to be heard: FFmpeg hands pictures over late."""
    if seen_s is None or sound.pts is None:
        return None
    after_s = float(sound.pts * sound.time_base) - seen_s
    return after_s if abs(after_s) < _APART_S else None


def _video(container: InputContainer, label: str) -> VideoStream:
    try:
        video = chosen_video(container, label)
    except InputError as exc:
        raise SourceLostError(f"{label} sends no picture that can be decoded", needs_a_person=True) from exc
    video.thread_type = "SLICE"  # frame threads hold back a frame each
    video.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
    return video


def _packets(
    container: InputContainer, kept: list[Any], stopped: Event, distrust: _Distrust
) -> Iterator[av.Packet[Any]]:
    reader = container.demux(*kept)
    while not stopped.is_set():
        with distrust.watching():
            packet = next(reader, None)
        if packet is None:
            return
        if packet.size:  # an empty one is FFmpeg's flush at the end
            yield packet


class _Distrust:
    """Remembers that something was lost, until a key frame mends it."""

    def __init__(self, losses: Losses | None) -> None:
        self._losses = losses
        self._damaged = losses is not None and losses.taken()
        self._tainted = _TAINTED_WHILE_OPENED if self._damaged else 0
        self._suspects: deque[int | None] = deque(maxlen=_SUSPECTS)
        self._errors = 0

    def watching(self) -> AbstractContextManager[None]:
        """Notice what FFmpeg says of lost packets in the block."""
        return self._losses.watched() if self._losses else nullcontext()

    def decoded(self, video: VideoStream, packet: av.Packet[Any]) -> list[av.VideoFrame]:
        self._suspect(packet)
        try:
            with self.watching():
                frames = video.codec_context.decode(packet)
        except av.FFmpegError:
            self._damaged, self._errors = True, self._errors + 1
            if self._errors > _MOST_ERRORS:
                raise
            return []
        self._errors = 0
        if self._losses and self._losses.taken():
            self._damaged = True
            self._suspects.append(packet.pts)
        return frames

    def _suspect(self, packet: av.Packet[Any]) -> None:
        # a picture is handed over when the next one begins: a loss may be in either
        if self._losses and self._losses.taken():
            self._damaged, self._tainted = True, max(_TAINTED_BY_A_LOSS, self._tainted)
        if packet.is_corrupt:
            self._damaged, self._tainted = True, max(1, self._tainted)
        if self._tainted:
            self._tainted -= 1
            self._suspects.append(packet.pts)

    def of(self, decoded: av.VideoFrame) -> bool:
        """Tell whether a frame is not to be trusted."""
        if decoded.is_corrupt:
            self._damaged = True
        elif decoded.key_frame and decoded.pts not in self._suspects:
            self._damaged = False
        return self._damaged
