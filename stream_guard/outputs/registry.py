"""All ways out of a station that run by themselves, by the name of their option; made by no other name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from stream_guard.outputs.hls import hls
from stream_guard.outputs.output import Output
from stream_guard.outputs.push import push
from stream_guard.outputs.record import record
from stream_guard.outputs.rtsp_server import RtspServer
from stream_guard.outputs.virtual_camera import virtual_camera

OUTPUTS: Final[Mapping[str, Callable[..., Output]]] = {
    "rtsp_serve": RtspServer,
    "push": push,
    "hls": hls,
    "record": record,
    "virtual_camera": virtual_camera,
}
"""A test sends a planted code through each one, and finds every module that takes pictures and isn't here."""
