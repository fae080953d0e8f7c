"""WHEP: a station's coded pictures and sound to viewers by WebRTC, coded once for all of them."""

from __future__ import annotations

from typing import Final

from aiortc.sdp import SessionDescription

from stream_guard.outputs.opus import OPUS
from stream_guard.outputs.webrtc import CodedTrack, send_only
from stream_guard.web import peer
from stream_guard.web.channel import Channel
from stream_guard.web.sessions import Session, Sessions

_BY_PREFERENCE: Final = ("h264", "vp8")
"""H.264 first: recorders take it too, so that its encoder runs anyway."""


async def watch(
    sessions: Sessions, name: str, channel: Channel, offer: str, loopback: bool
) -> tuple[Session, str]:
    """Open a session for a viewer and return it with the answer.

    Raises:
        OfferError: the offer is no good, or does not ask for video.
        CodecError: the viewer speaks neither H.264 nor VP8.
    """
    codecs = _codecs_for(peer.parsed(offer), channel)
    connection, tracks = peer.new_connection(), [CodedTrack(channel.branches.get(one)) for one in codecs]
    session = Session(connection, name, peer.ufrag(offer), lambda: _stop(tracks))
    sessions.add(session)
    try:
        ours = [send_only(connection, track) for track in tracks]
        tracks[0].on("ended", lambda: sessions.end_soon(session))
        await peer.receive(connection, offer)
        for other in connection.getTransceivers():
            if other not in ours:
                other.direction = "inactive"
        answer = await peer.answer(connection, loopback)
        if peer.negotiated(answer) != codecs[0]:
            raise peer.CodecError(f"{codecs[0]} was offered, but could not be agreed upon.")
    except BaseException:
        await sessions.end(session)
        raise
    return session, answer


def _stop(tracks: list[CodedTrack]) -> None:
    for track in tracks:
        track.stop()


def _codecs_for(description: SessionDescription, channel: Channel) -> list[str]:
    """Return what is to be sent: pictures, and sound where there is or may be some."""
    sound = channel.may_sound and peer.asks_for_sound(description)
    return [_codec_for(description), *([OPUS] if sound else [])]


def _codec_for(description: SessionDescription) -> str:
    if next(m for m in description.media if m.kind == "video").direction not in ("recvonly", "sendrecv"):
        raise peer.OfferError("the offer sends video; to watch it must be recvonly.")
    offered = peer.codecs_of(description)
    for codec in _BY_PREFERENCE:
        if codec in offered:
            return codec
    raise peer.CodecError("the offer has neither H.264 (constrained baseline, packetization-mode 1) nor VP8.")
