"""WHEP: a station's coded frames to viewers by WebRTC, coded once for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from stream_guard.errors import OutputError
from stream_guard.outputs.branch import Branch, Subscription, waking
from stream_guard.web import peer
from stream_guard.web.channel import Channel
from stream_guard.web.sessions import Session, Sessions

_BY_PREFERENCE: Final = ("h264", "vp8")
"""H.264 first: recorders take it too, so that its encoder runs anyway."""


class CodedTrack(MediaStreamTrack):
    """Hands a branch's packets to one viewer, from a key frame that is asked for once it has connected."""

    kind = "video"

    def __init__(self, branch: Branch) -> None:
        super().__init__()
        self._branch = branch
        self._subscription: Subscription | None = None
        self._arrived = asyncio.Event()

    async def recv(self) -> Any:
        """Return the next packet.

        Raises:
            MediaStreamError: nothing comes any more.
        """
        if self.readyState != "live":
            raise MediaStreamError
        if self._subscription is None:
            wake = waking(asyncio.get_running_loop(), self._arrived)
            self._subscription = self._branch.subscribe(wake=wake)
        return await self._next(self._subscription)

    async def _next(self, subscription: Subscription) -> Any:
        while True:
            self._arrived.clear()
            try:
                coded = subscription.take(0)
            except OutputError as exc:
                raise MediaStreamError(str(exc)) from exc
            if coded is not None:
                return coded.packet
            if subscription.closed:
                raise MediaStreamError
            await self._arrived.wait()

    def stop(self) -> None:
        super().stop()
        if self._subscription is not None:
            self._subscription.close()


async def watch(
    sessions: Sessions, name: str, channel: Channel, offer: str, loopback: bool
) -> tuple[Session, str]:
    """Open a session for a viewer and return it with the answer.

    Raises:
        OfferError: the offer is no good, or does not ask for video.
        CodecError: the viewer speaks neither H.264 nor VP8.
    """
    branch = channel.branches.get(_codec_for(offer))
    connection, track = peer.new_connection(), CodedTrack(branch)
    session = Session(connection, name, peer.ufrag(offer), track.stop)
    sessions.add(session)
    try:
        transceiver = connection.addTransceiver(track, direction="sendonly")
        peer.prefer(transceiver, branch.codec)
        _hear_requests(transceiver.sender, branch.request_key_frame)
        track.on("ended", lambda: sessions.end_soon(session))
        await peer.receive(connection, offer)
        for other in connection.getTransceivers():
            if other is not transceiver:
                other.direction = "inactive"
        answer = await peer.answer(connection, loopback)
        if peer.negotiated(answer) != branch.codec:
            raise peer.CodecError(f"{branch.codec} was offered, but could not be agreed upon.")
    except BaseException:
        await sessions.end(session)
        raise
    return session, answer


def _codec_for(offer: str) -> str:
    description = peer.parsed(offer)
    if next(m for m in description.media if m.kind == "video").direction not in ("recvonly", "sendrecv"):
        raise peer.OfferError("the offer sends video; to watch it must be recvonly.")
    offered = peer.codecs_of(description)
    for codec in _BY_PREFERENCE:
        if codec in offered:
            return codec
    raise peer.CodecError("the offer has neither H.264 (constrained baseline, packetization-mode 1) nor VP8.")


def _hear_requests(sender: Any, request_key_frame: Callable[[], None]) -> None:
    """Pass a viewer's requests for a key frame on: aiortc forgets them where it does not encode itself."""
    sender._send_keyframe = request_key_frame
