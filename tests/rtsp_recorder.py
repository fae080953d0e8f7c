"""A real RTSP server that records what is pushed to /cam1 into a file of H.264 (run by the system's Python).

Usage: python -m tests.rtsp_recorder FILE PORT [--sound | USER PASSWORD]
Prints its port. Sound, A-law, goes to FILE.alaw.
"""

from __future__ import annotations

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

from tests.rtsp_login import protect  # noqa: E402


def main() -> None:
    Gst.init(None)
    server = GstRtspServer.RTSPServer(service=sys.argv[2], address="127.0.0.1")
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_transport_mode(GstRtspServer.RTSPTransportMode.RECORD)
    factory.set_latency(50)
    writes = f"filesink location={sys.argv[1]} append=true buffer-mode=unbuffered"
    stream = "video/x-h264,stream-format=byte-stream"
    video = f"rtph264depay name=depay0 ! h264parse config-interval=-1 ! {stream} ! {writes}"
    with_sound = sys.argv[3:] == ["--sound"]
    heard = f"rtppcmadepay name=depay1 ! filesink location={sys.argv[1]}.alaw buffer-mode=unbuffered"
    factory.set_launch(f"( {video} {heard if with_sound else ''} )")
    if len(sys.argv) > 4:
        protect(server, factory, *sys.argv[3:5])
    server.get_mount_points().add_factory("/cam1", factory)
    server.attach(None)
    print(server.get_bound_port(), flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
