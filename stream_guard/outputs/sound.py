"""The source's sound on the output clock, and as RTP has it."""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final

from stream_guard.live.hub import Hub
from stream_guard.model.live import Aired
from stream_guard.outputs.rtp import MOST_PAYLOAD_BYTES
from stream_guard.sources.sound import is_same_sound

_DRIFT_S: Final = 0.08
"""Sound further off than this from when it should be heard is laid anew."""
_WINDOW_S: Final = 2.0
_ANEW_S: Final = 0.5
"""Sound that is so much later than lately comes from a source that was reconnected."""
_WAITING: Final = 256
_TELEPHONE: Final = {"pcm_mulaw": (0, "PCMU"), "pcm_alaw": (8, "PCMA")}
_TELEPHONE_HZ: Final = 8000
_AAC, _OPUS, _OPUS_HZ = 97, 98, 48_000
_MOST_AAC_BYTES: Final = 8191  # the 13 bits of a header


class SoundClock:
    """Lays sound on the output clock: as evenly as the source made it, not as it arrived."""

    def __init__(self) -> None:
        self._recent: deque[tuple[float, float]] = deque()
        """When packets were heard, and how far that is from their own time."""
        self._offset_s: float | None = None
        self._heard_s = float("-inf")

    def offset_s(self, aired: Aired) -> float | None:
        """Return what is to be added to a packet's own time.

        None where it has none, or would be heard before what was heard already.
        """
        packet: Any = aired.item.payload  # type: ignore[union-attr]
        stamp = packet.dts if packet.pts is None else packet.pts
        if stamp is None:
            return None
        time_s = float(stamp * packet.time_base)
        least_s = self._least_s(aired.shown_s, aired.shown_s - time_s)
        if self._offset_s is None or abs(least_s - self._offset_s) > _DRIFT_S:
            self._offset_s = least_s
        if time_s + self._offset_s <= self._heard_s:
            return None
        self._heard_s = time_s + self._offset_s
        return self._offset_s

    def _least_s(self, shown_s: float, offset_s: float) -> float:
        """Return the least offset lately: what has a larger one was held up on its way."""
        if self._recent and offset_s - self._recent[0][1] > _ANEW_S:
            self._recent.clear()
        while self._recent and self._recent[-1][1] >= offset_s:
            self._recent.pop()  # the deque's offsets rise: its first one is the least
        self._recent.append((shown_s, offset_s))
        while shown_s - self._recent[0][0] > _WINDOW_S:
            self._recent.popleft()
        return self._recent[0][1]


@dataclass(frozen=True, slots=True)
class SoundTrack:
    """How one codec travels in RTP."""

    stream: Any
    """What the sound is of."""
    payload_type: int
    clock_hz: int
    media: str
    """What SDP says of it."""
    pack: Callable[[bytes], tuple[bytes, ...]]

    @property
    def lines(self) -> tuple[str, ...]:
        """The part of a session description, but for the track's address."""
        kind = self.payload_type
        return (f"m=audio 0 RTP/AVP {kind}", *(line.format(kind) for line in self.media.split("\n")))


def sound_track(stream: Any | None) -> SoundTrack | None:
    """Return how a source's sound travels: G.711, AAC and Opus as they are; None for all others."""
    if stream is None:
        return None
    context = stream.codec_context
    codec, rate, channels = context.name, context.sample_rate, context.channels
    if codec in _TELEPHONE and (rate, channels) == (_TELEPHONE_HZ, 1):
        kind, name = _TELEPHONE[codec]
        return SoundTrack(stream, kind, rate, f"a=rtpmap:{{}} {name}/{rate}", lambda data: (data,))
    if codec == "aac" and context.extradata:
        rules = "streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3"
        media = f"a=rtpmap:{{0}} mpeg4-generic/{rate}/{channels}\n"
        media += f"a=fmtp:{{0}} {rules};config={bytes(context.extradata).hex()}"
        return SoundTrack(stream, _AAC, rate, media, _aac)
    if codec in ("opus", "libopus"):
        return SoundTrack(stream, _OPUS, _OPUS_HZ, "a=rtpmap:{} opus/48000/2", lambda data: (data,))
    return None


def _aac(unit: bytes) -> tuple[bytes, ...]:
    """Return an access unit in packets (RFC 3640): in pieces where it is long."""
    if len(unit) > _MOST_AAC_BYTES:
        return ()
    head = struct.pack("!HH", 16, len(unit) << 3)
    step = MOST_PAYLOAD_BYTES - len(head)
    return tuple(head + unit[start : start + step] for start in range(0, len(unit), step))


class SoundFeed:
    """The sound of a station for one receiver; a context manager that lets go of the hub."""

    def __init__(self, hub: Hub, track: SoundTrack) -> None:
        self._tap = hub.tap(capacity=_WAITING, sound=True, pictures=False)
        self._track, self._clock = track, SoundClock()

    def __enter__(self) -> SoundFeed:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tap.close()

    def due(self) -> Iterator[tuple[tuple[bytes, ...], float]]:
        """Yield the RTP payloads of each packet that waits, and when it is heard."""
        while (aired := self._tap.take(0)) is not None:
            packet: Any = aired.item.payload  # type: ignore[union-attr]
            if not is_same_sound(packet.stream, self._track.stream):
                continue  # the camera sends something else now
            offset_s = self._clock.offset_s(aired)
            if offset_s is not None and (parts := self._track.pack(bytes(packet))):
                stamp = packet.dts if packet.pts is None else packet.pts
                yield parts, float(stamp * packet.time_base) + offset_s
