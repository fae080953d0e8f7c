"""A real RTSP camera that plays the H.264 of a file at its pace under /cam (run by the system's Python).

Usage: python -m tests.rtsp_camera FILE PORT [OPTION...]

With --login USER PASSWORD it asks for them, with --sound it plays the file's A-law too, with --shared
all clients see the same moment of the file (else each has a film of its own), with --lose N it loses one of N
packets, with --late S the path is unknown for S seconds after the start, and with --stall S only the sound
goes on after so many. Prints its port.
"""

from __future__ import annotations

import argparse
import itertools
import time
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

from tests.rtsp_login import protect  # noqa: E402


def main() -> None:
    asked = _asked()
    Gst.init(None)
    server = GstRtspServer.RTSPServer(service=asked.port, address="127.0.0.1")
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(_pipeline(asked))
    factory.set_shared(asked.shared)
    if asked.lose:
        factory.connect("media-configure", lambda _, media: _lose(media, asked.lose))
    if asked.stall:
        factory.connect("media-configure", lambda _, media: _stall(media, asked.stall))
    if asked.login:
        protect(server, factory, *asked.login)
    mounts = server.get_mount_points()
    if asked.late:
        GLib.timeout_add(round(1000 * asked.late), lambda: mounts.add_factory("/cam", factory))
    else:
        mounts.add_factory("/cam", factory)
    server.attach(None)
    print(server.get_bound_port(), flush=True)
    GLib.MainLoop().run()


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("port")
    parser.add_argument("--sound", action="store_true")
    parser.add_argument("--shared", action="store_true")
    parser.add_argument("--lose", type=int, default=0)
    parser.add_argument("--late", type=float, default=0.0)
    parser.add_argument("--stall", type=float, default=0.0)
    parser.add_argument("--login", nargs=2)
    return parser.parse_args()


def _pipeline(asked: argparse.Namespace) -> str:
    reads = f'filesrc location="{asked.file}" ! qtdemux name=demux'
    video = "demux. ! queue ! h264parse config-interval=-1"
    if asked.lose:
        return f"( {reads} {video} ! rtph264pay pt=96 ! identity name=pay0 )"
    sound = "demux. ! queue ! rtppcmapay name=pay1 pt=8" if asked.sound else ""
    return f"( {reads} {video} ! rtph264pay name=pay0 pt=96 {sound} )"


def _lose(media: Any, every: int) -> None:
    packets = itertools.count(1)

    def passed(_pad: Any, _info: Any) -> Any:
        return Gst.PadProbeReturn.OK if next(packets) % every else Gst.PadProbeReturn.DROP

    _payloader_pad(media).add_probe(Gst.PadProbeType.BUFFER, passed)


def _stall(media: Any, after_s: float) -> None:
    first_s: list[float] = []

    def passed(_pad: Any, _info: Any) -> Any:
        first_s.append(time.monotonic())
        late = first_s[-1] - first_s[0] > after_s
        return Gst.PadProbeReturn.DROP if late else Gst.PadProbeReturn.OK

    _payloader_pad(media).add_probe(Gst.PadProbeType.BUFFER | Gst.PadProbeType.BUFFER_LIST, passed)


def _payloader_pad(media: Any) -> Any:
    return media.get_element().get_by_name("pay0").get_static_pad("src")


if __name__ == "__main__":
    main()
