"""Pushes a station to an RTSP server (MediaMTX, a recorder), and goes on when the server comes back."""

from __future__ import annotations

from typing import Final

from stream_guard.outputs.branch import Subscription
from stream_guard.outputs.encoder import CLOCK_HZ
from stream_guard.outputs.output import Feed
from stream_guard.outputs.rtp import PAYLOAD_TYPE, Numbering, payloads
from stream_guard.outputs.rtsp_publisher import Publisher
from stream_guard.outputs.sdp import VIDEO, describe
from stream_guard.outputs.sessions import Run, Sessions
from stream_guard.outputs.target import Target

_POLL_S: Final = 0.5
_REPORTS_APART_S: Final = 5.0


def rtsp_push(feed: Feed, target: Target) -> Sessions:
    """Return the output that pushes a station to a server, by TCP."""
    return Sessions(f"push {feed.name}", lambda run: _push(feed, target, run))


def _push(feed: Feed, target: Target, run: Run) -> None:
    with feed.branches.get("h264").subscribe() as packets:
        while not run.stopped.is_set():
            first = packets.take(_POLL_S)
            if first is not None:
                sdp = describe(feed.name, first.parameters)
                with Publisher(target, sdp, VIDEO, run.stopped.is_set) as publisher:
                    _send_all(packets, publisher, run)
            if packets.closed:
                return


def _send_all(packets: Subscription, publisher: Publisher, run: Run) -> None:
    """Send from the next key frame on: connecting took a while."""
    numbering = Numbering(PAYLOAD_TYPE, CLOCK_HZ)
    reported_s, before = float("-inf"), run.dropped
    packets.renew()
    while not (run.stopped.is_set() or packets.closed):
        coded = packets.take(_POLL_S)
        run.dropped = before + packets.dropped
        if coded is None:
            continue
        publisher.send(numbering.packets(payloads(coded.packet), coded.packet.pts or 0))
        if coded.shown_s - reported_s >= _REPORTS_APART_S:
            publisher.send([numbering.report(coded.shown_s)], control=True)
            reported_s = coded.shown_s
        run.sent_one()
