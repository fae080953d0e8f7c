"""Which encoders really open, in which pixel format, and how pictures become frames for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Protocol, cast

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext

from stream_guard.errors import OutputError, SettingsError
from stream_guard.model.geometry import Orientation
from stream_guard.model.media import Media
from stream_guard.model.picture import Channel, Component, Picture
from stream_guard.model.rising import RisingClock
from stream_guard.native import ordinary_priority
from stream_guard.sinks.encoding import Encoding

PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")
SOFTWARE = {
    "h264": "libx264", "hevc": "libx265", "vp9": "libvpx-vp9", "av1": "libsvtav1", "mpeg4": "mpeg4",
    "ffv1": "ffv1",
}  # fmt: skip
_MAKES = ("nvenc", "qsv", "amf", "videotoolbox", "mf", "v4l2m2m")
HARDWARE = tuple(f"{codec}_{make}" for codec in ("h264", "hevc", "av1") for make in _MAKES)
_SAMPLINGS = {(2, 2): "420", (2, 1): "422", (1, 1): "444", (1, 2): "440", (4, 1): "411", (4, 4): "410"}
_RICHER = {
    "420": ("420", "422", "444"), "422": ("422", "444", "420"), "444": ("444", "422", "420"),
    "440": ("440", "444", "422", "420"), "411": ("411", "422", "444", "420"),
    "410": ("410", "420", "422", "444"),
}  # fmt: skip
_DEEPER = {
    8: (8,),
    9: (9, 10, 12, 8),
    10: (10, 12, 8),
    12: (12, 10, 8),
    14: (14, 16, 12, 10, 8),
    16: (16, 12, 10, 8),
}
_SEMI_PLANAR = {("420", 8): "nv12", ("420", 10): "p010le", ("422", 8): "nv16", ("422", 10): "p210le"}
_FULL, _MPEG, _BT709 = 2, 1, 1
_FINEST, _COARSEST = 240_000, 10_000  # ticks per second: a tick below 0.1 ms, an hour's gap within 32 bits
_MPEG4_FINEST = 60_000  # its time base has 16 bits


class VideoFacts(Protocol):
    """What is read of a source's description of its video."""

    width: int
    height: int
    pix_fmt: str
    time_base: Fraction
    rate: Fraction
    first_s: Fraction
    sample_aspect: Fraction | None
    orientation: Orientation
    display_matrix: tuple[int, ...] | None
    color_range: int
    color_primaries: int
    color_trc: int
    colorspace: int
    interlaced: bool
    audio: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """How the video stream of one output is coded; known to open."""

    encoder: str
    pix_fmt: str
    width: int
    height: int
    time_base: Fraction
    rate: Fraction
    sample_aspect: Fraction | None
    colors: tuple[int, int, int, int]
    """Range, primaries, transfer, matrix: FFmpeg's numbers."""
    options: dict[str, str] = field(default_factory=dict)
    interlaced: bool = False


def plan_video(
    facts: VideoFacts, encoding: Encoding, codec: str, *, turned: bool, constant_rate: bool
) -> Plan:
    """Return the first plan that opens, best first: same depth and sampling as the source, then close to it.

    Args:
        turned: the pictures are written upright, the container cannot say how to turn them.
        constant_rate: the container has no time stamps (AVI).

    Raises:
        OutputError: no encoder for the codec opens; the sentence names those that do.
        SettingsError: there is no such codec; the sentence names those that there are.
    """
    if encoding.preset not in PRESETS:
        raise OutputError(f"the preset {encoding.preset!r} is unknown; choose one of {', '.join(PRESETS)}.")
    for encoder in _candidates(codec):
        for pix_fmt in _pixel_formats(facts, encoder, turned):
            plan = _plan(facts, encoding, encoder, pix_fmt, turned, constant_rate)
            if opens(plan):
                return plan
    working = ", ".join(available_encoders())
    raise OutputError(
        f"the codec {codec} cannot be used here at {facts.width}x{facts.height}; these can: {working}."
    )


def clock_of(media: Media) -> RisingClock:
    """Return a clock that mends a video's time stamps as they are mended where it is coded."""
    facts: VideoFacts = media.handle
    return RisingClock(_time_base(facts, SOFTWARE["h264"], constant_rate=False), facts.rate)


def available_encoders() -> list[str]:
    """Return the codec and hardware encoder names that open on this machine, tried with a tiny picture."""
    found = [name for name, encoder in SOFTWARE.items() if opens(_tiny(encoder))]
    return found + [name for name in HARDWARE if opens(_tiny(name))]


def _tiny(encoder: str) -> Plan:
    pix_fmt = next((name for name in ("yuv420p", "nv12") if name in _offered(encoder)), "yuv420p")
    options = _options(encoder, Encoding())
    return Plan(encoder, pix_fmt, 320, 240, Fraction(1, 25), Fraction(25), None, (0, 2, 2, 2), options)


def _candidates(codec: str) -> Iterator[str]:
    if codec == "auto-hw":
        yield from (name for name in HARDWARE if name.startswith("h264"))
        yield SOFTWARE["h264"]
    elif codec in SOFTWARE or codec in HARDWARE:
        yield SOFTWARE.get(codec, codec)
    else:
        known = ", ".join((*SOFTWARE, *HARDWARE, "auto-hw"))
        raise SettingsError(f"the codec {codec!r} is unknown; choose one of {known}.")


def opens(plan: Plan) -> bool:
    """Tell whether FFmpeg has the encoder and it accepts the plan."""
    try:
        context = av.CodecContext.create(plan.encoder, "w")
    except (av.FFmpegError, ValueError):  # PyAV's UnknownCodecError is a ValueError
        return False
    apply(plan, cast(VideoCodecContext, context))
    try:
        with ordinary_priority():
            context.open()
    except av.FFmpegError:
        return False
    return True


def apply(plan: Plan, context: VideoCodecContext) -> None:
    """Set an unopened encoder up."""
    context.width, context.height, context.pix_fmt = plan.width, plan.height, plan.pix_fmt
    context.time_base, context.framerate = plan.time_base, plan.rate
    if plan.sample_aspect:
        context.sample_aspect_ratio = plan.sample_aspect
    context.color_range, context.color_primaries, context.color_trc, context.colorspace = plan.colors
    context.options = dict(plan.options)
    context.thread_type = "AUTO"  # slices alone cost x264 quality
    if plan.interlaced:
        context.flags |= av.codec.context.Flags.interlaced_dct | av.codec.context.Flags.interlaced_me
    if plan.encoder == "mpeg4":
        context.flags |= av.codec.context.Flags.qscale


def _plan(
    facts: VideoFacts, encoding: Encoding, encoder: str, pix_fmt: str, turned: bool, constant_rate: bool
) -> Plan:
    width, height, aspect = facts.width, facts.height, facts.sample_aspect
    if turned and facts.orientation.swaps_axes:
        width, height, aspect = height, width, 1 / aspect if aspect else None
    return Plan(
        encoder=encoder, pix_fmt=pix_fmt, width=width, height=height,
        time_base=_time_base(facts, encoder, constant_rate), rate=facts.rate, sample_aspect=aspect,
        colors=_colors(facts, encoder, pix_fmt), options=_options(encoder, encoding),
        interlaced=facts.interlaced and encoder == "libx264" and height % 4 == 0 and not turned,
    )  # fmt: skip


def _time_base(facts: VideoFacts, encoder: str, constant_rate: bool) -> Fraction:
    """Return a tick in which the source's time stamps are whole numbers, or rounded by less than 0.01 ms."""
    base = facts.time_base
    if constant_rate:
        frame = base if 1 <= 1 / base <= 1000 else 1 / facts.rate
        return frame.limit_denominator(_MPEG4_FINEST)
    ticks = base.denominator * max(1, -(-_COARSEST // base.denominator))
    finest = _MPEG4_FINEST if encoder == "mpeg4" else _FINEST
    return Fraction(1, ticks if ticks <= finest else min(finest, 90_000))


def _colors(facts: VideoFacts, encoder: str, pix_fmt: str) -> tuple[int, int, int, int]:
    kept = (facts.color_primaries, facts.color_trc)
    if _is_rgb(facts.pix_fmt):
        return (_FULL, *kept, 0) if _is_rgb(pix_fmt) else (_MPEG, *kept, _BT709)
    full = facts.pix_fmt.startswith("yuvj") or (
        facts.pix_fmt.startswith(("gray", "ya")) and facts.color_range != _MPEG
    )
    tag = _FULL if full else facts.color_range
    if encoder == "mpeg4":  # its streams cannot say that they use the full range
        tag = _MPEG
    return (tag, *kept, facts.colorspace)


def _options(encoder: str, encoding: Encoding) -> dict[str, str]:
    quality, preset = encoding.quality, encoding.preset
    speed = PRESETS.index(preset)
    if encoder == "libx264":
        # a53cc: captions ride on decoded frames and would be written again
        return {"preset": preset, "crf": str(quality), "a53cc": "0"}
    if encoder == "libx265":
        return {"preset": preset, "crf": str(quality), "a53cc": "0", "x265-params": "log-level=none"}
    if encoder == "libvpx-vp9":
        fast = str(max(1, 8 - speed))
        return {
            "crf": str(round(quality * 1.4)),
            "b": "0",
            "deadline": "good",
            "cpu-used": fast,
            "row-mt": "1",
        }
    if encoder == "libsvtav1":
        return {"crf": str(round(quality * 1.4)), "preset": str(max(2, 12 - speed))}
    if encoder == "mpeg4":
        return {"global_quality": str(118 * max(1, min(31, round(quality / 7))))}
    if encoder.endswith("_nvenc"):
        return {"rc": "vbr", "cq": str(quality), "a53cc": "0"}
    return {"global_quality": str(quality)} if encoder.endswith("_qsv") else {}


def _offered(encoder: str) -> tuple[str, ...]:
    try:
        return tuple(f.name for f in av.Codec(encoder, "w").video_formats or ())
    except ValueError:
        return ()


def _is_rgb(pix_fmt: str) -> bool:
    return av.VideoFormat(pix_fmt).is_rgb


def _pixel_formats(facts: VideoFacts, encoder: str, turned: bool) -> Iterator[str]:
    """Yield what the encoder offers, from equal to the source to poorer: depth matters more than sampling."""
    offered = _offered(encoder)
    given = av.VideoFormat(facts.pix_fmt)
    bits = min(16, max(c.bits for c in given.components))
    if encoder == "ffv1" and given.is_rgb:
        yield from (
            name for name in ("bgr0" if bits <= 8 else f"gbrp{bits}le", "gbrp16le") if name in offered
        )
    sampling = _sampling(given)
    if turned and facts.orientation.swaps_axes:
        sampling = {"422": "440", "440": "422"}.get(sampling, sampling)
    full = "j" if _colors(facts, encoder, "yuv420p")[0] == _FULL else ""
    for depth in _DEEPER.get(bits, (8,)):
        suffix = "" if depth == 8 else f"{depth}le"
        for name in _RICHER[sampling]:
            planar = (f"yuv{full}{name}p", f"yuv{name}p") if depth == 8 else (f"yuv{name}p{suffix}",)
            semi_planar = _SEMI_PLANAR.get((name, depth), "")
            yield from (fmt for fmt in (*planar, semi_planar) if fmt in offered)


def _sampling(given: Any) -> str:
    if given.is_rgb:
        return "444"
    if len(given.components) <= 2:  # grey: few players show 4:0:0
        return "420"
    return _SAMPLINGS.get((256 // given.chroma_width(256), 256 // given.chroma_height(256)), "444")


def frame_of(picture: Picture, plan: Plan, stored: Orientation) -> av.VideoFrame:
    """Return the picture as the encoder wants it: stored in that orientation, as the plan says."""
    handle = picture.handle
    usable = handle is not None and handle.orientation == stored
    frame: av.VideoFrame = handle.frame if usable else planar(picture, stored)
    fits = (frame.width, frame.height, frame.format.name) == (plan.width, plan.height, plan.pix_fmt)
    if fits and plan.colors[0] in (0, _FULL if picture.full_range else _MPEG):
        return frame
    return _converted(frame, plan, picture.full_range)


def _converted(frame: av.VideoFrame, plan: Plan, full_range: bool) -> av.VideoFrame:
    from_rgb, to_rgb = frame.format.is_rgb, _is_rgb(plan.pix_fmt)
    source_range = _FULL if full_range else _MPEG
    wanted_range = plan.colors[0] or source_range
    return frame.reformat(
        plan.width, plan.height, plan.pix_fmt,
        src_color_range=source_range, dst_color_range=wanted_range,
        dst_colorspace=_BT709 if from_rgb and not to_rgb else None,
        interpolation="BICUBIC", threads=1,
    )  # fmt: skip


def planar(picture: Picture, stored: Orientation) -> av.VideoFrame:
    """Return a copy of the picture, from its channels alone, turned back to how it is to be stored."""
    by_component = {c.component: c for c in picture.channels}
    order: tuple[Component, ...]
    if Component.RED in by_component:
        order, stem = (Component.GREEN, Component.BLUE, Component.RED), "gbrp"
    elif Component.CB in by_component:
        order, stem = (Component.LUMA, Component.CB, Component.CR), "yuv{}p"
    else:
        order, stem = (Component.LUMA,), "gray"
    channels = [by_component[c] for c in order]
    steps = (channels[-1].step_x, channels[-1].step_y)
    steps = steps[::-1] if stored.swaps_axes else steps
    sampling = _SAMPLINGS.get(steps, "444")
    bits = channels[0].bits
    width, height = picture.width, picture.height
    width, height = (height, width) if stored.swaps_axes else (width, height)
    frame = av.VideoFrame(width, height, stem.format(sampling) + (f"{bits}le" if bits > 8 else ""))
    for plane, channel in zip(frame.planes, channels, strict=True):
        _fill(plane, channel, stored, whole=steps not in _SAMPLINGS)
    frame.color_range = _FULL if picture.full_range else _MPEG
    return frame


def _fill(plane: Any, channel: Channel, stored: Orientation, whole: bool) -> None:
    samples = channel.samples >> channel.shift if channel.shift else channel.samples
    if whole:  # a sampling that no format has (4:1:1 turned): one sample for each pixel
        samples = samples.repeat(channel.step_y, 0).repeat(channel.step_x, 1)
    samples = np.rot90(samples, -stored.quarter_turns)
    samples = samples[:, ::-1] if stored.mirrored else samples
    table = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    table = table if channel.bits == 8 else table.view(np.uint16)
    rows, columns = min(len(table), samples.shape[0]), min(plane.width, samples.shape[1])
    table[:rows, :columns] = samples[:rows, :columns]
