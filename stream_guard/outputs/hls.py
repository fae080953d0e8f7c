"""Writes a station as HLS: fragmented MP4 in a folder that any web server can serve.

FFmpeg's own HLS muxer names one header for all segments, so it cannot go on when the picture's size changes.
"""

from __future__ import annotations

import math
import re
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from stream_guard.outputs.encoder import Coded
from stream_guard.outputs.muxer import Muxer
from stream_guard.outputs.output import Feed
from stream_guard.outputs.record import require_folder, stem_of
from stream_guard.outputs.sessions import Run, Sessions
from stream_guard.sinks.publish import translated

_POLL_S: Final = 0.5
_PICTURES, _SOUNDS = 300, 512
_MOVFLAGS: Final = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
_GRACE: Final = 3
"""Segments that stay on the disk after the playlist has dropped them, for those who are late."""


@dataclass(frozen=True, slots=True)
class Hls:
    """Where to, and how much of the past can be played."""

    folder: Path
    segment_s: float = 2.0
    segments: int = 6
    """In the playlist."""


def hls(feed: Feed, wanted: Hls) -> Sessions:
    """Return the output that writes NAME.m3u8 and its segments."""
    name = f"hls {feed.name}"
    return Sessions(name, lambda run: _write(feed, wanted, run), lambda: require_folder(wanted.folder))


def _write(feed: Feed, wanted: Hls, run: Run) -> None:
    playlist = Playlist(wanted, stem_of(feed.name))
    playlist.clear()
    with (
        feed.branches.get("h264").subscribe(_PICTURES) as packets,
        feed.hub.tap(capacity=_SOUNDS, sound=True, pictures=False) as sound,
    ):
        fragments: Fragments | None = None
        while not (run.stopped.is_set() or packets.closed):
            coded = packets.take(_POLL_S)
            run.dropped = packets.dropped
            if coded is None:
                continue
            if fragments is None or fragments.are_over(coded, feed.sound()):
                if fragments is not None:
                    fragments.close(coded.shown_s)
                fragments = Fragments(playlist, coded, feed.sound(), wanted.segment_s)
            fragments.muxer.write_sound(sound)
            fragments.write(coded)
            run.sent_one()
        if fragments is not None:
            fragments.close(fragments.newest_s)
        playlist.publish(ended=True)


class _Boxes:
    """Collects what a muxer writes, and gives away whole boxes of the top level."""

    def __init__(self) -> None:
        self._data = bytearray()

    def write(self, data: bytes) -> int:
        self._data += data
        return len(data)

    def take(self) -> list[bytes]:
        """Return the boxes that are complete."""
        found, start = [], 0
        while len(self._data) - start >= 8:
            size = int.from_bytes(self._data[start : start + 4], "big")
            if size < 8 or start + size > len(self._data):
                break
            found.append(bytes(self._data[start : start + size]))
            start += size
        del self._data[:start]
        return found


class Fragments:
    """The pictures of one generation, on their way to segments."""

    def __init__(self, playlist: Playlist, first: Coded, sound: object | None, segment_s: float) -> None:
        self.newest_s = first.shown_s
        self._generation = first.generation
        self._playlist, self._segment_s = playlist, segment_s
        self._begun_s = first.shown_s
        self._boxes = _Boxes()
        self._waiting: list[bytes] = []
        self.muxer = Muxer(self._boxes, "the HLS stream", _MOVFLAGS, first, sound)
        playlist.begin(b"".join(self._boxes.take()))

    def are_over(self, coded: Coded, sound: object | None) -> bool:
        """Tell whether a picture needs a new header: it has changed, or the sound has."""
        return coded.generation != self._generation or (coded.key and self.muxer.sound is not sound)

    def write(self, coded: Coded) -> None:
        """Write a picture; a key frame completes the fragment before it, and maybe a segment."""
        self.muxer.write(coded)
        self._waiting += self._boxes.take()
        self.newest_s = coded.shown_s
        if coded.key and coded.shown_s - self._begun_s >= self._segment_s:
            self._finish(coded.shown_s)

    def close(self, end_s: float) -> None:
        """Complete the last segment."""
        self.muxer.close()
        self._waiting += [box for box in self._boxes.take() if box[4:8] in (b"moof", b"mdat")]
        if self._waiting:
            self._finish(end_s)

    def _finish(self, end_s: float) -> None:
        self._playlist.add(b"".join(self._waiting), max(0.001, end_s - self._begun_s))
        self._waiting, self._begun_s = [], end_s


@dataclass(frozen=True, slots=True)
class _Entry:
    file: str
    header: str
    duration_s: float
    began: datetime
    discontinuous: bool


class Playlist:
    """The playlist of one station and the files it names; each appears whole, or not at all."""

    def __init__(self, wanted: Hls, stem: str) -> None:
        self._wanted, self._stem = wanted, stem
        # counting from the clock, numbers go on rising when the program is started anew
        self._number = int(datetime.now(UTC).timestamp())
        self._entries: deque[_Entry] = deque()
        self._late: deque[str] = deque()
        self._header = ""
        self._new_header = False
        self._breaks = 0

    def clear(self) -> None:
        """Delete what an earlier run left of this station."""
        ours = re.compile(rf"{re.escape(self._stem)}_\d+(_header\.mp4|\.m4s)(\.part)?")
        for path in self._wanted.folder.iterdir():
            if ours.fullmatch(path.name):
                path.unlink(missing_ok=True)

    def begin(self, header: bytes) -> None:
        """Begin a stretch of segments with a header of its own."""
        self._new_header = bool(self._header)
        self._header = f"{self._stem}_{self._number + len(self._entries)}_header.mp4"
        self._put(self._header, header)

    def add(self, segment: bytes, duration_s: float) -> None:
        """Write a segment, tell of it, and delete what has become too old."""
        file = f"{self._stem}_{self._number + len(self._entries)}.m4s"
        self._put(file, segment)
        began = datetime.fromtimestamp(datetime.now(UTC).timestamp() - duration_s, UTC)
        self._entries.append(_Entry(file, self._header, duration_s, began, self._new_header))
        self._new_header = False
        while len(self._entries) > self._wanted.segments:
            self._retire(self._entries.popleft())
        self.publish()

    def _retire(self, entry: _Entry) -> None:
        self._number += 1
        self._breaks += entry.discontinuous
        self._late.append(entry.file)
        if entry.header not in {e.header for e in self._entries} | {self._header}:
            self._late.append(entry.header)
        while len(self._late) > _GRACE:
            (self._wanted.folder / self._late.popleft()).unlink(missing_ok=True)

    def publish(self, *, ended: bool = False) -> None:
        """Write the playlist."""
        longest_s = max((e.duration_s for e in self._entries), default=self._wanted.segment_s)
        lines = [
            "#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS",
            f"#EXT-X-TARGETDURATION:{math.ceil(longest_s)}", f"#EXT-X-MEDIA-SEQUENCE:{self._number}",
            f"#EXT-X-DISCONTINUITY-SEQUENCE:{self._breaks}",
        ]  # fmt: skip
        header = ""
        for entry in self._entries:
            lines += ["#EXT-X-DISCONTINUITY"] if entry.discontinuous else []
            lines += [f'#EXT-X-MAP:URI="{entry.header}"'] if entry.header != header else []
            header = entry.header
            lines += [f"#EXT-X-PROGRAM-DATE-TIME:{entry.began.isoformat(timespec='milliseconds')}"]
            lines += [f"#EXTINF:{entry.duration_s:.3f},", entry.file]
        lines += ["#EXT-X-ENDLIST"] if ended else []
        self._put(f"{self._stem}.m3u8", "\n".join((*lines, "")).encode())

    def _put(self, name: str, content: bytes) -> None:
        """Write a file so that it is never seen half-written."""
        target = self._wanted.folder / name
        with translated(target):
            draft = target.with_name(f"{name}.part")
            draft.write_bytes(content)
            draft.replace(target)
