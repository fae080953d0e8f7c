"""A real RTSP camera that plays the H.264 of a file at its pace under /cam (run by the system's Python).

Usage: rtsp_camera.py FILE.mp4 PORT LOSE [USER PASSWORD]; it loses one of LOSE packets, none with 0.
Prints its port.
"""

from __future__ import annotations

import itertools
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
    lose = int(sys.argv[3])
    if lose:
        factory.set_launch(f"( {reads} ! rtph264pay pt=96 ! identity name=pay0 )")
        factory.connect("media-configure", lambda _, media: _lose(media, lose))
    else:
        factory.set_launch(f"( {reads} ! rtph264pay name=pay0 pt=96 )")
    if len(sys.argv) > 4:
        _protect(server, factory, *sys.argv[4:6])
    server.get_mount_points().add_factory("/cam", factory)
    server.attach(None)
    print(server.get_bound_port(), flush=True)
    GLib.MainLoop().run()


def _lose(media: Any, every: int) -> None:
    packets = itertools.count(1)

    def passed(_pad: Any, _info: Any) -> Any:
        return Gst.PadProbeReturn.OK if next(packets) % every else Gst.PadProbeReturn.DROP

    pad = media.get_element().get_by_name("pay0").get_static_pad("src")
    pad.add_probe(Gst.PadProbeType.BUFFER, passed)


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
