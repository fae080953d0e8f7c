"""A small RTSP server that plays redacted stations to recorders and players."""

from stream_guard.outputs.rtsp_server.digest import Credentials
from stream_guard.outputs.rtsp_server.server import RtspServer, RtspServing

__all__ = ["Credentials", "RtspServer", "RtspServing"]
