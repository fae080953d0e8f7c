"""Codes redacted frames as they are shown, with no delay; opens the encoder anew when the picture changes."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from statistics import median
from typing import Any, Final, cast

import av
from av.video.codeccontext import VideoCodecContext

from stream_guard.errors import OutputError
from stream_guard.model.geometry import Orientation
from stream_guard.model.live import Aired
from stream_guard.model.picture import Picture
from stream_guard.model.redacted import RedactedFrame
from stream_guard.sinks.pyav import Plan, apply, frame_of, opens, planar

CLOCK_HZ: Final = 90_000
"""Of all packets, as RTP has it."""
CODECS: Final = ("h264", "vp8", "mjpeg")
_TICK: Final = Fraction(1, CLOCK_HZ)
_ENCODERS: Final = {"h264": "libx264", "vp8": "libvpx", "mjpeg": "mjpeg"}
_UPRIGHT: Final = Orientation()
_MPEG, _FULL, _UNSPECIFIED, _BT709 = 1, 2, 2, 1
_NOMINAL_PIXELS: Final = 1280 * 720
_LEAST_KBPS: Final = 200
_RATES: Final = (1, 2, 5, 10, 15, 20, 25, 30, 50, 60)
_MEASURED: Final = 40
"""Frames from whose distances the rate is taken."""
_OFF: Final = 1.4
"""A rate further off than this factor makes x264, which counts frames, miss its bit rate.

It is then opened anew, but that is no new generation: what it says of the stream differs in the rate alone.
"""
_FOREVER: Final = "100000"
_EARLY: Final = 0.9
"""Share of the time between two JPEGs: a frame that comes a little early is taken, not the next one."""
_KEY_FRAME, _ANY_FRAME = 1, 0


@dataclass(frozen=True, slots=True)
class LiveEncoding:
    """How live pictures are coded."""

    bitrate_kbps: int = 2500
    """At 1280x720; other sizes get it in proportion to their pixels."""
    key_interval_s: float = 2.0
    jpeg_fps: float = 12.5
    """Most pictures per second for Motion JPEG, each of which is five to ten times as large."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a receiver must know of a stream before its first packet."""

    codec: str
    width: int
    height: int
    extradata: bytes
    """SPS and PPS in Annex B form for h264, else empty."""


@dataclass(frozen=True, slots=True)
class Coded:
    """One coded picture or stretch of sound, shared by all who send it on: nobody may change the packet."""

    packet: av.Packet[Any]
    """pts and dts in ticks of 1/90000 s, of 1/48000 s for sound, on the station's output clock."""
    key: bool
    """It can be decoded by itself; h264 then carries SPS and PPS, in Annex B form as always."""
    shown_s: float
    taken_s: float | None
    generation: int
    """Rises whenever `parameters` change."""
    parameters: Parameters


class Encoder:
    """One codec for the frames of one station."""

    def __init__(self, codec: str, settings: LiveEncoding, generation: int = 0) -> None:
        """Codec is one of CODECS; the first frame opens it, as generation + 1."""
        self.generation = generation
        self._codec, self._settings = codec, settings
        self._plan: Plan | None = None
        self._last_pts = -1
        self.last_key_s = float("-inf")
        """When the newest key frame was shown."""
        self._shown_s: deque[float] = deque(maxlen=_MEASURED)

    def encode(self, aired: Aired, *, force_key: bool = False) -> list[Coded]:
        """Return what a frame became: one packet as a rule.

        Raises:
            OutputError: the encoder cannot be opened or fails.
        """
        if not isinstance(aired.item, RedactedFrame):
            return []
        try:
            return self._encode(aired, aired.item.picture, force_key)
        except (av.FFmpegError, ValueError) as exc:
            reason = getattr(exc, "strerror", None) or exc
            raise OutputError(f"the picture cannot be coded as {self._codec}: {reason}.") from exc

    def _encode(self, aired: Aired, picture: Picture, force_key: bool) -> list[Coded]:
        if self._codec == "mjpeg" and (aired.shown_s - self.last_key_s) * self._settings.jpeg_fps < _EARLY:
            return []
        self._shown_s.append(aired.shown_s)
        key_due = force_key or aired.shown_s - self.last_key_s >= self._settings.key_interval_s
        plan = self._planned(picture, key_due)
        if plan != self._plan:
            self._open(plan)
            key_due = True
        frame = _frame_for(aired, picture, plan)
        self._last_pts = max(round(aired.shown_s * CLOCK_HZ), self._last_pts + 1)
        frame.pts, frame.time_base = self._last_pts, _TICK
        frame.pict_type = _KEY_FRAME if key_due else _ANY_FRAME
        return [self._coded(packet, aired) for packet in self._context.encode(frame)]

    def _coded(self, packet: Any, aired: Aired) -> Coded:
        if packet.is_keyframe:
            self.last_key_s = aired.shown_s
        return Coded(
            packet, packet.is_keyframe, aired.shown_s, aired.taken_s, self.generation, self._parameters
        )

    def _planned(self, picture: Picture, key_due: bool) -> Plan:
        """Return how a picture is coded: as before, if its size and colours allow."""
        before = self._plan
        width, height = _even(picture.width), _even(picture.height)
        matrix = _matrix_of(picture) or (before.colors[3] if before else _UNSPECIFIED)
        rate = self._rate(before, key_due)
        options = _options(self._codec, self._settings, width * height)
        jpeg = self._codec == "mjpeg"
        colors = (_FULL if jpeg else _MPEG, _UNSPECIFIED, _UNSPECIFIED, matrix)
        pix_fmt = "yuvj420p" if jpeg else "yuv420p"
        encoder = _ENCODERS[self._codec]
        return Plan(encoder, pix_fmt, width, height, _TICK, Fraction(rate), None, colors, options)

    def _rate(self, before: Plan | None, key_due: bool) -> int:
        """Return the frames per second to reckon with; another one only where a key frame comes anyway."""
        if before is None:
            return 30
        known = int(before.rate)
        if not key_due or len(self._shown_s) < _MEASURED:
            return known
        measured = 1 / median(b - a for a, b in pairwise(self._shown_s))
        if 1 / _OFF < measured / known < _OFF:
            return known
        return min(_RATES, key=lambda rate: abs(rate - measured))

    def _open(self, plan: Plan) -> None:
        if not opens(plan):
            raise OutputError(
                f"no encoder for {self._codec} opens here at {plan.width}x{plan.height}; "
                "choose another size or codec."
            )
        context = cast(VideoCodecContext, av.CodecContext.create(plan.encoder, "w"))
        apply(plan, context)
        context.thread_count = 1
        if self._codec == "h264":  # or x264 does not say what its parameters are before the first packet
            context.flags |= av.codec.context.Flags.global_header
        context.open()
        self.generation += self._plan is None or plan != replace(self._plan, rate=plan.rate)
        self._context, self._plan = context, plan
        extradata = bytes(context.extradata or b"")
        self._parameters = Parameters(self._codec, plan.width, plan.height, extradata)


def _frame_for(aired: Aired, picture: Picture, plan: Plan) -> av.VideoFrame:
    """Return a frame for the encoder that nobody else holds: time stamps are set on it."""
    with aired.exclusive:
        frame = frame_of(picture, plan, _UPRIGHT)
        shared = picture.handle is not None and frame is picture.handle.frame
        return planar(picture, _UPRIGHT) if shared else frame


def _matrix_of(picture: Picture) -> int | None:
    """Return FFmpeg's number for the YUV matrix, None where the picture does not say."""
    if picture.handle is None:
        return None
    frame = picture.handle.frame
    if frame.format.is_rgb:
        return _BT709
    return None if frame.colorspace == _UNSPECIFIED else int(frame.colorspace)


def _even(side: int) -> int:
    """Return the length of a side that 4:2:0 allows: a picture of odd size is scaled by one pixel."""
    return max(2, side - side % 2)


def _options(codec: str, settings: LiveEncoding, pixels: int) -> dict[str, str]:
    if codec == "mjpeg":
        return {"qmin": "5", "qmax": "5", "threads": "1"}
    kbps = max(_LEAST_KBPS, round(settings.bitrate_kbps * pixels / _NOMINAL_PIXELS))
    common = {
        "b": f"{kbps}k",
        "maxrate": f"{kbps * 3 // 2}k",
        "bufsize": f"{kbps}k",
        "g": _FOREVER,
        "threads": "1",
    }
    if codec == "vp8":  # a positive cpu-used adapts itself to the load, down to blocks
        return common | {
            "deadline": "realtime",
            "cpu-used": "-8",
            "lag-in-frames": "0",
            "error-resilient": "1",
        }
    return common | {
        "preset": "superfast", "tune": "zerolatency", "profile": "baseline", "forced-idr": "1", "a53cc": "0",
        "x264-params": "repeat-headers=1:scenecut=0",
    }  # fmt: skip
