"""Pushes a station to a server of whatever kind its address says."""

from __future__ import annotations

from stream_guard.model.address import SafeUrl
from stream_guard.outputs.output import Feed
from stream_guard.outputs.rtsp_push import rtsp_push
from stream_guard.outputs.sessions import Sessions


def push(feed: Feed, target: SafeUrl) -> Sessions:
    """Return the output that pushes a station to a server: by WHIP, or by RTSP over TCP."""
    if target.url.startswith("whip+"):
        from stream_guard.outputs.whip_push import whip_push  # aiortc takes half a second to load

        return whip_push(feed, target)
    return rtsp_push(feed, target)
