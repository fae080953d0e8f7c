"""Sends one station to one viewer: pictures as they come, and with each the sound that waits."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from stream_guard.outputs.branch import waking
from stream_guard.outputs.encoder import CLOCK_HZ
from stream_guard.outputs.output import Feed
from stream_guard.outputs.rtp import PAYLOAD_TYPE, Numbering, payloads
from stream_guard.outputs.rtsp_server.transport import Transport
from stream_guard.outputs.sdp import SOUND, VIDEO
from stream_guard.outputs.sound import SoundFeed, sound_track


@dataclass(slots=True)
class Counts:
    """What the server tells of itself; one event loop changes it."""

    viewers: int = 0
    sent: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class _Channel:
    transport: Transport
    numbering: Numbering

    async def send(self, parts: tuple[bytes, ...], shown_s: float, ticks: int | None = None) -> None:
        await self.transport.send(self.numbering.packets(parts, shown_s, ticks))
        if (report := self.numbering.report_due(shown_s)) is not None:
            await self.transport.report(report)


async def play(feed: Feed, transports: Mapping[str, Transport], counts: Counts) -> None:
    """Send until the station ends.

    Raises:
        OSError: the viewer has gone or takes nothing.
        OutputError: the encoder failed.
    """
    arrived, lost = asyncio.Event(), 0
    video = _Channel(transports[VIDEO], Numbering(PAYLOAD_TYPE, CLOCK_HZ))
    with ExitStack() as open_:
        wake = waking(asyncio.get_running_loop(), arrived)
        packets = open_.enter_context(feed.branches.get("h264").subscribe(wake=wake))
        sound = _sound(feed, transports, open_)
        while not packets.closed:
            await arrived.wait()
            arrived.clear()
            while (coded := packets.take(0)) is not None:
                await video.send(payloads(coded.packet), coded.shown_s, coded.packet.pts)
                counts.sent += 1
                counts.dropped += packets.dropped - lost
                lost = packets.dropped
                if sound is not None:
                    await _send_due(*sound)


def _sound(
    feed: Feed, transports: Mapping[str, Transport], open_: ExitStack
) -> tuple[SoundFeed, _Channel] | None:
    """Return the sound and the way it goes, None where the viewer wants none."""
    track = sound_track(feed.sound()) if SOUND in transports else None
    if track is None:
        return None
    numbering = Numbering(track.payload_type, track.clock_hz)
    return open_.enter_context(SoundFeed(feed.hub, track)), _Channel(transports[SOUND], numbering)


async def _send_due(sound: SoundFeed, channel: _Channel) -> None:
    for parts, shown_s in sound.due():
        await channel.send(parts, shown_s)
