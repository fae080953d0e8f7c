"""Pushes a station to a WHIP endpoint (RFC 9725: MediaMTX, LiveKit) over WebRTC.

FFmpeg's whip muxer is in PyAV too, but shakes hands with the interpreter locked: see `rtsp_publisher`.
"""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from contextlib import suppress
from http.client import HTTPException
from typing import Final
from urllib.parse import urljoin, urlsplit

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from stream_guard.errors import OutputError
from stream_guard.model.address import SafeUrl
from stream_guard.outputs.branch import Branches
from stream_guard.outputs.opus import OPUS
from stream_guard.outputs.output import Feed
from stream_guard.outputs.sessions import Run, Sessions
from stream_guard.outputs.webrtc import CodedTrack, send_only

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


def whip_push(feed: Feed, target: SafeUrl) -> Sessions:
    """Return the output that pushes a station to an endpoint; the target's password is its bearer token."""
    return Sessions(f"push {feed.name}", lambda run: asyncio.run(_publish(feed, target, run)))


async def _publish(feed: Feed, target: SafeUrl, run: Run) -> None:
    """Publish until the station ends; anew with sound where that turns up later."""
    while not run.stopped.is_set() and await _session(feed, target, run):
        pass


async def _session(feed: Feed, target: SafeUrl, run: Run) -> bool:
    """Publish with or without sound; return True where the station goes on."""
    with_sound = feed.sound() is not None
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))  # its default asks a public server
    resource = None
    try:
        video = _offered(peer, feed.branches, run, with_sound)
        resource = await _negotiated(peer, target)
        begun_s = asyncio.get_running_loop().time()
        while not (run.stopped.is_set() or video.readyState == "ended"):
            if not with_sound and feed.sound() is not None:
                return True
            await _wait(peer, begun_s, target)
        if video.error is not None:
            raise video.error
        return False
    finally:
        await peer.close()
        if resource is not None:
            await asyncio.to_thread(_hang_up, resource, target)


class _Staying(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: it would carry the token elsewhere."""

    def redirect_request(self, *_: object) -> None:
        return None


_OPENER: Final = urllib.request.build_opener(_Staying)


def _offered(peer: RTCPeerConnection, branches: Branches, run: Run, with_sound: bool) -> CodedTrack:
    """Add a station's pictures, and its sound; return the track of the pictures."""

    def sent(dropped: int) -> None:
        run.sent_one()
        run.dropped = dropped

    video = CodedTrack(branches.get("h264"), sent)
    send_only(peer, video)
    if with_sound:
        send_only(peer, CodedTrack(branches.get(OPUS)))
    return video


async def _negotiated(peer: RTCPeerConnection, target: SafeUrl) -> str | None:
    """Exchange descriptions; return the address of the session, which ends it."""
    await peer.setLocalDescription(await peer.createOffer())
    answer, resource = await asyncio.to_thread(_post, target, peer.localDescription.sdp)
    try:
        await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    except (ValueError, AssertionError, IndexError, KeyError) as exc:  # what aiortc's parser raises
        raise OutputError(f"{target} takes no stream: its answer makes no sense.") from exc
    return resource


async def _wait(peer: RTCPeerConnection, since_s: float, target: SafeUrl) -> None:
    """Let a moment pass.

    Raises:
        OutputError: there is no connection any more, or none comes about.
    """
    await asyncio.sleep(_POLL_S)
    late = asyncio.get_running_loop().time() - since_s > _CONNECT_S
    if peer.connectionState in ("failed", "closed") or (peer.connectionState != "connected" and late):
        raise OutputError(f"{target} takes no stream: the connection broke, or never came about.")


def _post(target: SafeUrl, offer: str) -> tuple[str, str | None]:
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


def _hang_up(resource: str, target: SafeUrl) -> None:
    """Tell the server that the session is over, if the address is its own: it gets the token."""
    if urlsplit(resource)[:2] != urlsplit(_address(target))[:2]:
        return
    with suppress(OSError, HTTPException):  # it will notice by itself
        _OPENER.open(_request(resource, "DELETE", target), timeout=_ANSWER_S).close()


def _request(url: str, method: str, target: SafeUrl, body: bytes | None = None) -> urllib.request.Request:
    headers = {"Content-Type": "application/sdp"} if body else {}
    if target.password:
        headers["Authorization"] = f"Bearer {target.password}"
    return urllib.request.Request(url, body, headers, method=method)  # noqa: S310 - http and https only


def _address(target: SafeUrl) -> str:
    return target.url.removeprefix("whip+")
