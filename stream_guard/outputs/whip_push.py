"""Pushes a station to a WHIP endpoint (RFC 9725: MediaMTX, LiveKit) over WebRTC.

FFmpeg's whip muxer is in PyAV too, but shakes hands with the interpreter locked: see `rtsp_publisher`.
"""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from contextlib import suppress
from http.client import HTTPException
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError

from stream_guard.errors import OutputError
from stream_guard.outputs.branch import Branch, Coded, Subscription, waking
from stream_guard.outputs.output import Feed
from stream_guard.outputs.sessions import Run, Sessions
from stream_guard.outputs.target import Target

_ANSWER_S: Final = 5.0
_CONNECT_S: Final = 10.0
_POLL_S: Final = 0.25
_MOST_BYTES: Final = 1 << 18
"""Of an answer."""
_MEANINGS: Final = {
    401: "it does not accept the token; check it",
    403: "it does not accept the token; check it",
    404: "there is no endpoint at that address",
}


def whip_push(feed: Feed, target: Target) -> Sessions:
    """Return the output that pushes a station to an endpoint; the target's password is its bearer token."""
    return Sessions(f"push {feed.name}", lambda run: asyncio.run(_publish(feed, target, run)))


async def _publish(feed: Feed, target: Target, run: Run) -> None:
    branch = feed.branches.get("h264")
    arrived = asyncio.Event()
    with branch.subscribe(wake=waking(asyncio.get_running_loop(), arrived)) as packets:
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))  # its default asks a public server
        resource = None
        try:
            _offer_video(peer, _Packets(packets, arrived, run), branch)
            resource = await _negotiated(peer, target)
            await _until_over(peer, packets, target, run)
        finally:
            await peer.close()
            if resource is not None:
                await asyncio.to_thread(_hang_up, resource, target)


class _Staying(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: it would carry the token elsewhere."""

    def redirect_request(self, *_: object) -> None:
        return None


_OPENER: Final = urllib.request.build_opener(_Staying)


class _Packets(MediaStreamTrack):
    """A track of pictures that are coded already."""

    kind = "video"

    def __init__(self, packets: Subscription, arrived: asyncio.Event, run: Run) -> None:
        super().__init__()
        self._packets, self._arrived, self._run = packets, arrived, run

    async def recv(self) -> Any:
        """Return the next packet.

        Raises:
            MediaStreamError: nothing comes any more.
        """
        while (coded := self._next()) is None:
            if self._packets.closed:
                raise MediaStreamError
            await self._arrived.wait()
            self._arrived.clear()
        self._run.sent_one()
        self._run.dropped = self._packets.dropped
        return coded.packet

    def _next(self) -> Coded | None:
        try:
            return self._packets.take(0)
        except OutputError as exc:
            raise MediaStreamError(str(exc)) from exc


def _offer_video(peer: RTCPeerConnection, track: _Packets, branch: Branch) -> None:
    transceiver = peer.addTransceiver(track, direction="sendonly")
    known = RTCRtpSender.getCapabilities("video").codecs
    transceiver.setCodecPreferences([codec for codec in known if codec.mimeType == "video/H264"])
    # aiortc does not pass a receiver's wish for a key frame on where it doesn't code itself
    transceiver.sender._send_keyframe = branch.request_key_frame  # type: ignore[method-assign]


async def _negotiated(peer: RTCPeerConnection, target: Target) -> str | None:
    """Exchange descriptions; return the address of the session, which ends it."""
    await peer.setLocalDescription(await peer.createOffer())
    answer, resource = await asyncio.to_thread(_post, target, peer.localDescription.sdp)
    try:
        await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    except (ValueError, AssertionError, IndexError, KeyError) as exc:  # what aiortc's parser raises
        raise OutputError(f"{target} takes no stream: its answer makes no sense.") from exc
    return resource


async def _until_over(peer: RTCPeerConnection, packets: Subscription, target: Target, run: Run) -> None:
    begun_s = asyncio.get_running_loop().time()
    while not (run.stopped.is_set() or packets.closed):
        await asyncio.sleep(_POLL_S)
        state = peer.connectionState
        late = asyncio.get_running_loop().time() - begun_s > _CONNECT_S
        if state in ("failed", "closed") or (state != "connected" and late):
            raise OutputError(f"{target} takes no stream: the connection broke, or never came about.")
    packets.take(0)  # raises what ended the encoder, if that was it


def _post(target: Target, offer: str) -> tuple[str, str | None]:
    """Return the answer and the address of the session."""
    url = _address(target)
    request = _request(url, "POST", target, offer.encode())
    try:
        with _OPENER.open(request, timeout=_ANSWER_S) as answer:
            location = answer.headers.get("Location")
            text = answer.read(_MOST_BYTES).decode("utf-8", "replace")
            return text, urljoin(url, location) if location else None
    except urllib.error.HTTPError as exc:
        exc.close()
        reason = _MEANINGS.get(exc.code, f"it answers with status {exc.code}")
        raise OutputError(f"{target} takes no stream: {reason}.") from exc
    except (OSError, HTTPException, ValueError) as exc:
        reason = getattr(getattr(exc, "reason", exc), "strerror", None) or "it does not answer"
        raise OutputError(f"{target} takes no stream: {reason}.") from exc


def _hang_up(resource: str, target: Target) -> None:
    """Tell the server that the session is over, if the address is its own: it gets the token."""
    if urlsplit(resource)[:2] != urlsplit(_address(target))[:2]:
        return
    with suppress(OSError, HTTPException):  # it will notice by itself
        _OPENER.open(_request(resource, "DELETE", target), timeout=_ANSWER_S).close()


def _request(url: str, method: str, target: Target, body: bytes | None = None) -> urllib.request.Request:
    headers = {"Content-Type": "application/sdp"} if body else {}
    if target.password is not None:
        headers["Authorization"] = f"Bearer {target.password}"
    return urllib.request.Request(url, body, headers, method=method)  # noqa: S310 - http and https only


def _address(target: Target) -> str:
    return target.url.removeprefix("whip+")
