"""Hands a branch's packets to WebRTC peers as they are: coded once for all of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

from aiortc import MediaStreamTrack, RTCPeerConnection, RTCRtpSender
from aiortc.mediastreams import MediaStreamError

from stream_guard.errors import OutputError
from stream_guard.outputs.branch import Branch, Coded, Subscription, waking
from stream_guard.outputs.opus import OPUS

_EARLIEST_S: Final = 0.5
"""Nothing is held back for longer, whatever its time says."""


def _untold(_: int) -> None:
    """Tell nobody."""


class CodedTrack(MediaStreamTrack):
    """Pictures or sound for one peer, from the moment it has connected; pictures begin with a key frame."""

    def __init__(self, branch: Branch, sent: Callable[[int], None] = _untold) -> None:
        """`sent` is called with each packet, and told how many were dropped so far."""
        self.kind = "audio" if branch.codec == OPUS else "video"
        super().__init__()
        self.error: OutputError | None = None
        """What ended the encoder."""
        self.branch, self._sent = branch, sent
        self._subscription: Subscription | None = None
        self._arrived = asyncio.Event()

    async def recv(self) -> Any:
        """Return the next packet, when it is due.

        Raises:
            MediaStreamError: nothing comes any more.
        """
        if self.readyState != "live":
            raise MediaStreamError
        if self._subscription is None:
            wake = waking(asyncio.get_running_loop(), self._arrived)
            self._subscription = self.branch.subscribe(wake=wake)
        coded = await self._next(self._subscription)
        # aiortc's reports take the moment of sending for that of showing: players go by it to be in sync
        await asyncio.sleep(min(coded.shown_s - time.monotonic(), _EARLIEST_S))
        self._sent(self._subscription.dropped)
        return coded.packet

    async def _next(self, subscription: Subscription) -> Coded:
        while True:
            self._arrived.clear()
            try:
                coded = subscription.take(0)
            except OutputError as exc:
                self.error = exc
                raise MediaStreamError(str(exc)) from exc
            if coded is not None:
                return coded
            if subscription.closed:
                raise MediaStreamError
            await self._arrived.wait()

    def stop(self) -> None:
        super().stop()
        if self._subscription is not None:
            self._subscription.close()


def send_only(peer: RTCPeerConnection, track: CodedTrack) -> Any:
    """Add a track to a connection that has taken no offer yet, in its own codec; return its transceiver."""
    transceiver = peer.addTransceiver(track, direction="sendonly")
    prefer(transceiver, track.branch.codec)
    # aiortc does not pass a receiver's wish for a key frame on where it doesn't code itself
    transceiver.sender._send_keyframe = track.branch.request_key_frame  # type: ignore[method-assign]
    return transceiver


def prefer(transceiver: Any, codec: str) -> None:
    """Have one codec only, with repairs; to be called before the offer is taken, or aiortc packs as VP8."""
    known = RTCRtpSender.getCapabilities(transceiver.kind).codecs
    wanted = {f"{transceiver.kind}/{codec}", "video/rtx"}
    transceiver.setCodecPreferences([one for one in known if one.mimeType.lower() in wanted])
