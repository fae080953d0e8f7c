"""WHIP: pictures from one publisher, by WebRTC, into a source; they are seen by nobody before redaction."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from stream_guard.web import peer
from stream_guard.web.channel import Intake
from stream_guard.web.sessions import Session, Sessions

START_KBPS: Final = 2500
"""Chromium begins with 300 kb/s, at 480x270, where the answer does not say more."""
_RTPMAP: Final = re.compile(r"a=rtpmap:(\d+) (?:H264|VP8)/90000")


async def publish(
    sessions: Sessions, name: str, intake: Intake, offer: str, loopback: bool
) -> tuple[Session, str]:
    """Open a session for a publisher and return it with the answer.

    Raises:
        OfferError: the offer is no good, or brings no video.
        CodecError: the publisher speaks neither H.264 nor VP8.
    """
    _check(offer)
    connection = peer.new_connection()
    session = Session(connection, name, peer.ufrag(offer), intake.hang_up)
    sessions.add(session)
    try:
        taken: list[Callable[[Any], None]] = [intake.hand]

        def arrived(track: MediaStreamTrack) -> None:
            take = taken.pop() if track.kind == "video" and taken else _drop
            sessions.run(_drain(track, take))

        connection.on("track", arrived)
        await peer.receive(connection, offer)
        answer = await peer.answer(connection, loopback)
    except BaseException:
        await sessions.end(session)
        raise
    return session, with_start_bitrate(answer)


def _check(offer: str) -> None:
    description = peer.parsed(offer)
    if next(m for m in description.media if m.kind == "video").direction not in ("sendonly", "sendrecv"):
        raise peer.OfferError("the offer asks for video; to publish it must be sendonly.")
    if not peer.codecs_of(description):
        raise peer.CodecError("the offer has neither H.264 (packetization-mode 1) nor VP8.")


def _drop(_: Any) -> None:
    """Drop a frame: sound, or a second picture."""


async def _drain(track: MediaStreamTrack, take: Callable[[Any], None]) -> None:
    """Take frames as they come: aiortc's queues have no bounds."""
    try:
        while True:
            take(await track.recv())
    except MediaStreamError:  # the track has ended
        return


def with_start_bitrate(answer: str) -> str:
    """Return an answer that tells Chromium to begin at START_KBPS."""
    lines = answer.splitlines()
    for number in [found[1] for line in lines if (found := _RTPMAP.fullmatch(line))]:
        head = f"a=fmtp:{number} "
        at = next((i for i, line in enumerate(lines) if line.startswith(head)), None)
        if at is None:
            at = next(i for i, line in enumerate(lines) if line.startswith(f"a=rtpmap:{number} ")) + 1
            lines.insert(at, f"{head}x-google-start-bitrate={START_KBPS}")
        else:
            lines[at] += f";x-google-start-bitrate={START_KBPS}"
    return "\r\n".join(lines) + "\r\n"
