"""Opens media files safely with PyAV and says what is in them."""

from __future__ import annotations

import errno
import math
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from stream_guard.errors import InputError
from stream_guard.model.geometry import Orientation

MAX_PIXELS = 2**27
"""Largest picture that is decoded: four times 8K; more would need gigabytes."""

# No format that names other files (concat, hls, dash, sdp, image sequences) and none that reads a device.
_FORMATS = (
    "mov,matroska,avi,mpegts,mpeg,flv,live_flv,asf,ogg,gif,apng,ivf,obu,h264,hevc,vvc,m4v,mjpeg,mpegvideo,h263,h261,"
    "vc1,vc1test,dirac,yuv4mpegpipe,rm,mxf,gxf,dv,wtv,nut,nsv,dhav,lmlm4,pva,swf,amv,ipu,avs2,avs3,cavsvideo,dnxhd,"
    "mpjpeg,flic,smk,bink,film_cpk,roq,vivo,ea,nuv,mv,ty,wav,mp3,aac,flac,ac3,eac3,aiff,caf,amr,au,w64,ape,wv,tta,dts"
)
_STRUCTURE = {"major_brand", "minor_version", "compatible_brands"}
_SIDE_DATA = {
    "A53_CC": "closed captions inside the picture data",
    "MASTERING_DISPLAY_METADATA": "HDR mastering data",
    "CONTENT_LIGHT_LEVEL": "HDR light levels",
    "DOVI_METADATA": "Dolby Vision data",
    "DYNAMIC_HDR_PLUS": "HDR10+ data",
    "SPHERICAL": "360-degree projection data",
}
_LOCKED = {"encv", "enca", "drmi", "drms"}


@dataclass(frozen=True, slots=True)
class StreamFacts:
    """What a sink needs to know of a video stream to make one like it; read by attribute."""

    width: int
    height: int
    """As stored, before turning."""
    pix_fmt: str
    time_base: Fraction
    rate: Fraction
    first_s: Fraction
    """Time of the first frame."""
    sample_aspect: Fraction | None
    orientation: Orientation
    display_matrix: tuple[int, ...] | None
    color_range: int
    color_primaries: int
    color_trc: int
    colorspace: int
    interlaced: bool
    audio: tuple[AudioStream, ...]


@contextmanager
def translated(name: str, doing: str = "read") -> Iterator[None]:
    """Turn PyAV's errors into one sentence about the file `name`."""
    try:
        yield
    except av.PermissionError as exc:
        raise InputError(
            f"{name} cannot be decoded: it is protected (DRM); supply an unprotected copy.", "protected"
        ) from exc
    except av.FFmpegError as exc:
        raise InputError(
            f"{name} cannot be {doing}: {exc.strerror or exc}; is it a complete media file?"
        ) from exc
    except MemoryError as exc:
        raise InputError(f"{name} needs more memory than there is.", "out_of_memory") from exc


def require_file(path: Path) -> None:
    """Refuse what is not a readable, non-empty regular file.

    Raises:
        InputError: with the reason.
    """
    try:
        found = path.stat()
    except (OSError, ValueError) as exc:
        reason = (
            exc.strerror
            if isinstance(exc, OSError) and exc.errno != errno.ENOENT
            else "there is no such file"
        )
        raise InputError(f"{path} cannot be opened: {reason}.") from exc
    if stat.S_ISDIR(found.st_mode):
        raise InputError(f"{path} is a folder; name the files in it.")
    if not stat.S_ISREG(found.st_mode):
        raise InputError(f"{path} is not a regular file (a pipe, socket or device); copy it to a file first.")
    if not os.access(path, os.R_OK):
        raise InputError(f"{path} cannot be opened: no permission to read it.")
    if found.st_size == 0:
        raise InputError(f"{path} is empty.", "not_media")


def open_container(path: Path) -> InputContainer:
    """Open a media file so that it can make FFmpeg read no other file and no network.

    Raises:
        InputError: it is missing, unreadable, or no media that is known.
    """
    require_file(path)
    options = {"protocol_whitelist": "file", "format_whitelist": _FORMATS}
    try:
        # the prefix keeps names such as -x, a:b or 100%d from being taken for something else
        return av.open(f"file:{path.absolute()}", "r", options=options, metadata_errors="ignore")
    except (av.InvalidDataError, av.ArgumentError, av.EOFError) as exc:
        raise InputError(
            f"{path} is neither a video nor a picture that can be read, or it is cut off before its index.",
            "not_media",
        ) from exc
    except (av.FFmpegError, UnicodeError, ValueError) as exc:
        raise InputError(
            f"{path} cannot be opened as video: {getattr(exc, 'strerror', None) or exc}."
        ) from exc


def is_cover(stream: Any) -> bool:
    return bool(stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails))


def chosen_video(container: InputContainer, name: str) -> VideoStream:
    """Return the stream that is the video: the best that is not a cover picture.

    Raises:
        InputError: there is none, or it is encrypted.
    """
    videos = [s for s in container.streams.video if not is_cover(s)]
    if not videos:
        extra = " (a cover picture is not a video)" if container.streams.video else ""
        kind = "only sound" if container.streams.audio else "no pictures"
        raise InputError(f"{name} holds {kind}{extra}; there is nothing to anonymize.", "not_media")
    best = container.streams.best("video")
    stream = (
        best if best in videos else max(videos, key=lambda s: s.codec_context.width * s.codec_context.height)
    )
    if stream.codec_tag in _LOCKED or "encryption" in container.metadata:
        raise InputError(
            f"{name} cannot be decoded: it is protected (DRM); supply an unprotected copy.", "protected"
        )
    if stream.codec_context is None:
        raise InputError(
            f"{name} is coded in a way that no decoder here knows; convert it to H.264 first.",
            "codec_unknown",
        )
    refuse_bomb(stream.codec_context.width, stream.codec_context.height, MAX_PIXELS, name)
    return stream


def refuse_bomb(width: int, height: int, limit: int, name: str) -> None:
    if width * height > limit:
        raise InputError(
            f"{name} has {width}x{height} pixels; at most {limit / 1e6:.0f} million are accepted.",
            "too_many_pixels",
        )


def display_matrix_of(frame: av.VideoFrame) -> tuple[int, ...] | None:
    """Return the 9 numbers of FFmpeg's display matrix, or None."""
    try:
        found: list[Any] = [s for s in frame.side_data if s.type.name == "DISPLAYMATRIX"]  # type: ignore[attr-defined]
    except ValueError:  # PyAV does not know the type of some other side data (EXIF in HEIC)
        return _matrix_from_angle(frame.rotation)
    if not found:
        return None
    return tuple(int(n) for n in np.frombuffer(found[0], np.int32)[:9])


def _matrix_from_angle(degrees: int) -> tuple[int, ...] | None:
    cos, sin = round(math.cos(math.radians(degrees))), round(math.sin(math.radians(degrees)))
    one = 1 << 16
    return (cos * one, -sin * one, 0, sin * one, cos * one, 0, 0, 0, 1 << 30) if degrees else None


def orientation_of(matrix: tuple[int, ...] | None) -> Orientation:
    """Return the nearest right-angled orientation: x' = a p + c q, y' = b p + d q with y pointing down."""
    if matrix is None:
        return Orientation()
    a, b, c, d = matrix[0], matrix[1], matrix[3], matrix[4]
    if a * d == b * c:  # collapses the picture: not a matrix anyone meant
        return Orientation()
    mirrored = a * d < b * c
    if mirrored:
        a, b = -a, -b
    return Orientation(round(math.degrees(math.atan2(-b, a)) / 90) % 4, mirrored)


def side_data_phrases(frame: av.VideoFrame) -> list[str]:
    """Name what hangs on a frame besides its picture and is not passed on."""
    try:
        names = {s.type.name for s in frame.side_data}  # type: ignore[attr-defined]
    except ValueError:
        names = set()
    return [phrase for name, phrase in _SIDE_DATA.items() if name in names]


def dropped_phrases(container: InputContainer, kept: list[Any]) -> list[str]:
    """Name everything in the container that is not among the kept streams, tag values left out."""
    phrases = [f"metadata tag: {key}" for key in container.metadata if key not in _STRUCTURE]
    if chapters := container.chapters():
        phrases.append(f"{len(chapters)} chapter mark(s)")
    for stream in container.streams:
        if stream not in kept:
            phrases.append(_stream_phrase(stream))
        phrases += [
            f"metadata tag of track {stream.index}: {key}" for key in stream.metadata if key != "language"
        ]
    return phrases


def _stream_phrase(stream: Any) -> str:
    context = stream.codec_context
    codec = f" ({context.name})" if context is not None else ""
    if is_cover(stream):
        return f"cover picture in track {stream.index}{codec}"
    kinds = {"video": "further video", "attachment": "attached file", "unknown": "unknown"}
    return f"{kinds.get(stream.type, stream.type)} track {stream.index}{codec}"
