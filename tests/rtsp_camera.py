"""A real RTSP camera that plays the H.264 of a file at its pace under /cam (run by the system's Python).

Usage: rtsp_camera.py FILE.mp4 PORT [USER PASSWORD]; prints its port.
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
    reads = f'filesrc location="{sys.argv[1]}" ! qtdemux ! h264parse config-interval=-1'
    factory.set_launch(f"( {reads} ! rtph264pay name=pay0 pt=96 )")
    if len(sys.argv) > 3:
        _protect(server, factory, *sys.argv[3:5])
    server.get_mount_points().add_factory("/cam", factory)
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
