"""Pushes a station to an RTSP server (MediaMTX, a recorder), and goes on when the server comes back."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Final

from stream_guard.model.address import SafeUrl
from stream_guard.outputs.branch import Subscription
from stream_guard.outputs.encoder import CLOCK_HZ, Coded
from stream_guard.outputs.output import Feed
from stream_guard.outputs.rtp import PAYLOAD_TYPE, Numbering, payloads
from stream_guard.outputs.rtsp_publisher import Publisher
from stream_guard.outputs.sdp import SOUND, VIDEO, describe
from stream_guard.outputs.sessions import Run, Sessions
from stream_guard.outputs.sound import SoundFeed, sound_track

_POLL_S: Final = 0.5


def rtsp_push(feed: Feed, target: SafeUrl) -> Sessions:
    """Return the output that pushes a station to a server, by TCP."""
    return Sessions(f"push {feed.name}", lambda run: _push(feed, target, run))


def _push(feed: Feed, target: SafeUrl, run: Run) -> None:
    with feed.branches.get("h264").subscribe() as packets:
        while not run.stopped.is_set():
            first = packets.take(_POLL_S)
            if first is not None:
                _publish(feed, target, run, packets, first)
            if packets.closed:
                return


def _publish(feed: Feed, target: SafeUrl, run: Run, packets: Subscription, first: Coded) -> None:
    """Publish until the station ends, or its sound has changed: it is to be announced anew then."""
    stream = feed.sound()
    track = sound_track(stream)
    tracks = (VIDEO,) if track is None else (VIDEO, SOUND)
    sdp = describe(feed.name, first.parameters, track)
    with (
        Publisher(target, sdp, tracks, run.stopped.is_set) as publisher,
        nullcontext() if track is None else SoundFeed(feed.hub, track) as sound,
    ):
        video = _Channel(publisher, 0, Numbering(PAYLOAD_TYPE, CLOCK_HZ))
        heard = _Channel(publisher, 1, Numbering(track.payload_type, track.clock_hz)) if track else video
        before = run.dropped
        packets.renew()  # from the next key frame on: connecting took a while
        while not (run.stopped.is_set() or packets.closed or feed.sound() is not stream):
            coded = packets.take(_POLL_S)
            run.dropped = before + packets.dropped
            if coded is None:
                continue
            video.send(payloads(coded.packet), coded.shown_s, coded.packet.pts)
            run.sent_one()
            for parts, shown_s in sound.due() if sound else ():
                heard.send(parts, shown_s)


@dataclass(frozen=True, slots=True)
class _Channel:
    publisher: Publisher
    track: int
    numbering: Numbering

    def send(self, parts: tuple[bytes, ...], shown_s: float, ticks: int | None = None) -> None:
        self.publisher.send(self.track, self.numbering.packets(parts, shown_s, ticks))
        if (report := self.numbering.report_due(shown_s)) is not None:
            self.publisher.send(self.track, [report], control=True)
