"""A recorded video file as a source of frames and sound packets."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import av

from stream_guard.errors import InputError
from stream_guard.model.frame import Frame, Item, Passthrough, Stamp
from stream_guard.model.geometry import Orientation
from stream_guard.model.media import Media
from stream_guard.sources.planes import PlaneEye, Shrinker, paintable, picture_of
from stream_guard.sources.pyav import (
    MAX_PIXELS,
    StreamFacts,
    chosen_video,
    display_matrix_of,
    dropped_phrases,
    open_container,
    orientation_of,
    side_data_phrases,
    translated,
)

_DISTRUST = 16  # frames after an error that count as damaged: longer than any decoder's delay
_MAX_READ_ERRORS = 50  # in a row, before the rest of the file is given up
_DEFAULT_RATE = Fraction(25)
_SEEK_BACK_S = (0.0, 12.0)  # most encoders set a key frame in 250 frames or less


class FileSource:
    """Decodes a video file once, front to back.

    `warnings` grows while the items are read: what could not be decoded, and what is damaged.
    """

    def __init__(self, path: Path, *, keep_audio: bool = True) -> None:
        """Open the file and decode its first frame.

        Raises:
            InputError: it cannot be opened, is protected, too large, or holds no decodable video.
        """
        self.warnings: list[str] = []
        self._name = str(path)
        self._shrinker = Shrinker(self._name)
        self._path, self._keep_audio = path, keep_audio
        self._damaged = 0
        self._damaged_from_s = 0.0
        self._open()

    def _open(self) -> None:
        self._container = open_container(self._path)
        self._is_moved = False
        try:
            with translated(self._name):
                self._prepare()
        except BaseException:
            self._container.close()
            raise

    def _prepare(self) -> None:
        container = self._container
        self._video = chosen_video(container, self._name)
        # PyAV loses frames of damaged files at the end when frames are decoded in parallel: 33 of 35 measured
        self._video.thread_type = "SLICE"
        self._video.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
        sounds = container.streams.audio if self._keep_audio else ()
        tracks = [s for s in sounds if s.codec_context is not None]
        self._kept: list[Any] = [self._video, *tracks]
        self._rate = _sane_rate(self._video)
        self._time_base = self._video.time_base or 1 / self._rate
        self._reader = self._read()
        self._head: list[av.Packet[Any] | tuple[av.VideoFrame, bool]] = []
        first = self._first_frame()
        self._aspect = self._video.sample_aspect_ratio or None
        self.media = self._describe(self._path, first)

    def _first_frame(self) -> av.VideoFrame:
        for item in self._reader:
            self._head.append(item)
            if isinstance(item, tuple):
                return item[0]
        raise InputError(
            f"{self._name} holds no picture that can be decoded; it is damaged or of an unknown kind.",
            "codec_unknown",
        )

    def _describe(self, path: Path, frame: av.VideoFrame) -> Media:
        facts = _facts(frame, self._video, self._time_base, self._rate, tuple(self._kept[1:]))
        width, height = facts.width, facts.height
        if facts.orientation.swaps_axes:
            width, height = height, width
        container = self._container
        duration = container.duration / av.time_base if container.duration else None
        guess = round(duration * self._rate) if duration else None
        return Media(
            name=self._name, path=path, container=container.format.name.split(",")[0],
            width=width, height=height,
            fps=float(self._rate), duration_s=duration,
            frame_count=self._video.frames or guess,
            start_s=self._earliest(frame),
            dropped=(*dropped_phrases(container, self._kept), *side_data_phrases(frame)), handle=facts,
        )  # fmt: skip

    def _earliest(self, frame: av.VideoFrame) -> Fraction:
        times = [(frame.pts or 0) * self._time_base]
        times += [s.start_time * s.time_base for s in self._kept if s.start_time is not None and s.time_base]
        times += [p.pts * p.time_base for p in self._head if isinstance(p, av.Packet) and p.pts is not None]
        return min(times)

    def seek(self, time_s: float) -> None:
        """Begin with a frame at or before a media time, near it if possible; to be called before `items`.

        Raises:
            InputError: the file cannot be read any more.
        """
        has_times = bool(self._container.duration)  # a bare stream has none: they would count from anew
        for earlier_s in _SEEK_BACK_S if has_times and time_s > self._head_s else ():
            if self._lands_by(time_s, earlier_s):
                return
        if self._is_moved:
            self._container.close()
            self._open()

    def _lands_by(self, time_s: float, earlier_s: float) -> bool:
        """Seek to some time before a time, and tell whether frames start by then: MPEG-TS may overshoot."""
        self._is_moved = True
        try:
            self._container.seek(int((time_s - earlier_s) / self._time_base), stream=self._video)
            self._reader, self._head = self._read(), []
            self._first_frame()
        except (av.FFmpegError, InputError):
            return False
        return self._head_s <= time_s

    @property
    def _head_s(self) -> float:
        """Time of the first frame that will be yielded."""
        frames = (item[0] for item in self._head if isinstance(item, tuple))
        return min((float((frame.pts or 0) * self._time_base) for frame in frames), default=math.inf)

    def items(self) -> Iterator[Item]:
        """Yield every frame and every kept sound packet, in file order; closing the iterator closes the file.

        Raises:
            InputError: the file turns out to be protected, or cannot be read any more.
        """
        try:
            with translated(self._name):
                yield from self._items()
        finally:
            self._container.close()

    def _items(self) -> Iterator[Item]:
        epoch = index = 0
        shape = angle = None
        orientation = Orientation()
        head, self._head = self._head, []
        for item in chain(head, self._reader):
            if isinstance(item, av.Packet):
                yield Passthrough(item)
                continue
            decoded, damaged = item
            # PyAV ties a frame whose side data was read into a cycle, freed only when Python looks for some:
            # 2 GB of dead frames at 1080p, measured. The angle can be had without.
            if decoded.rotation != angle:
                angle = decoded.rotation
                orientation = orientation_of(display_matrix_of(decoded))
            found = (decoded.width, decoded.height, decoded.format.name, orientation)
            epoch += shape not in (None, found)
            shape = found
            stamp = Stamp(epoch, index, float((decoded.pts or 0) * self._time_base))
            if damaged:
                self._count_damaged(stamp)
            yield self._frame(decoded, stamp, orientation, damaged)
            index += 1
        if self._damaged:
            self.warnings.append(
                f"{self._damaged} frame(s) are damaged or come soon after damage, the first at "
                f"{self._damaged_from_s:.2f} s; what they show may be wrong"
            )

    def _count_damaged(self, stamp: Stamp) -> None:
        if not self._damaged:
            self._damaged_from_s = stamp.time_s
        self._damaged += 1

    def _frame(self, decoded: av.VideoFrame, stamp: Stamp, orientation: Orientation, damaged: bool) -> Frame:
        frame = paintable(decoded)
        eye = PlaneEye(frame, orientation, self._aspect, self._shrinker)
        return Frame(stamp, picture_of(frame, orientation), eye, damaged)

    def _read(self) -> Iterator[av.Packet[Any] | tuple[av.VideoFrame, bool]]:
        """Yield sound packets and (frame, damaged) in file order, going on after errors."""
        packed = self._container.format.name == "avi" and self._video.codec_context.name == "mpeg4"
        clock = _Clock(self._time_base, self._rate, trusts_dts=packed)
        distrust = errors = 0
        for packet in self._packets():
            if packet.stream is not self._video:
                if packet.size:
                    yield packet
                continue
            try:
                frames = self._video.codec_context.decode(packet)
            except av.PermissionError:
                raise
            except av.FFmpegError:
                frames, distrust, errors = [], _DISTRUST, errors + 1
            for frame in frames:
                if frame.is_corrupt or packet.is_corrupt:
                    distrust = _DISTRUST
                clock.set(frame)
                yield frame, distrust > 0
                if distrust > 1 or frame.key_frame:  # only a key frame ends it
                    distrust = max(0, distrust - 1)
        if errors:
            self.warnings.append(f"{errors} piece(s) of the video could not be decoded")

    def _packets(self) -> Iterator[av.Packet[Any]]:
        """Yield the kept streams' packets; the last of each is empty and flushes its decoder."""
        failures = 0
        while failures < _MAX_READ_ERRORS:
            try:
                for packet in self._container.demux(*self._kept):
                    failures = 0
                    yield packet
                return
            except av.PermissionError:
                raise
            except av.FFmpegError as exc:
                failures += 1
                reason = exc.strerror or str(exc)
        self.warnings.append(f"the file is damaged or cut off: reading ended early ({reason})")
        flush = av.Packet()
        flush.stream = self._video
        yield flush

    def close(self) -> None:
        """Release the file without reading it to the end; not while `items` is running in another thread."""
        self._container.close()


class _Clock:
    """Gives every frame a time stamp in the stream's time base, made up where there is none."""

    def __init__(self, time_base: Fraction, rate: Fraction, *, trusts_dts: bool) -> None:
        self._time_base = time_base
        self._step = max(1, round(1 / (rate * time_base)))
        self._next = 0
        self._trusts_dts = trusts_dts
        """AVI stores none: FFmpeg guesses them, and with packed B-frames it swaps neighbours."""

    def set(self, frame: av.VideoFrame) -> None:
        pts = frame.dts if self._trusts_dts or frame.pts is None else frame.pts
        if pts is None:
            pts = self._next
        elif frame.time_base is not None and frame.time_base != self._time_base:
            pts = round(pts * frame.time_base / self._time_base)
        frame.pts, frame.time_base = pts, self._time_base
        self._next = pts + self._step


def _sane_rate(stream: Any) -> Fraction:
    for rate in (stream.average_rate, stream.guessed_rate):
        if rate and Fraction(1, 1000) <= rate <= 1000:
            return Fraction(rate)
    return _DEFAULT_RATE


def _facts(
    frame: av.VideoFrame, stream: Any, time_base: Fraction, rate: Fraction, tracks: tuple[Any, ...]
) -> StreamFacts:
    matrix = display_matrix_of(frame)
    return StreamFacts(
        width=frame.width, height=frame.height, pix_fmt=frame.format.name, time_base=time_base, rate=rate,
        first_s=(frame.pts or 0) * time_base,
        sample_aspect=stream.sample_aspect_ratio or None,
        orientation=orientation_of(matrix), display_matrix=matrix,
        color_range=int(frame.color_range), color_primaries=int(frame.color_primaries),
        color_trc=int(frame.color_trc), colorspace=int(frame.colorspace), interlaced=frame.interlaced_frame,
        audio=tracks,
    )  # fmt: skip
