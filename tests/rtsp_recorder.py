"""A real RTSP server that records what is pushed to /cam1 into a file of H.264 (run by the system's Python).

Usage: rtsp_recorder.py FILE PORT [--sound | USER PASSWORD]; prints its port. Sound, A-law, goes to FILE.alaw.
"""

from __future__ import annotations

import sys
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402


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
        _protect(server, factory, *sys.argv[3:5])
    server.get_mount_points().add_factory("/cam1", factory)
    server.attach(None)
    print(server.get_bound_port(), flush=True)
    GLib.MainLoop().run()


def _protect(server: Any, factory: Any, user: str, password: str) -> None:
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "user")
    auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
    auth.add_digest(user, password, token)
    server.set_auth(auth)
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_permission_for_role("user", "media.factory.access", True)
    permissions.add_permission_for_role("user", "media.factory.construct", True)
    factory.set_permissions(permissions)


if __name__ == "__main__":
    main()
