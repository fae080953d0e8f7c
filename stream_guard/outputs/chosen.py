"""The settings of outputs, as the outputs want them."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from stream_guard.model.address import SafeUrl
from stream_guard.outputs.branch import LiveEncoding
from stream_guard.outputs.hls import Hls
from stream_guard.outputs.record import Recording
from stream_guard.outputs.rtsp_server import Credentials, RtspServing
from stream_guard.outputs.target import target_of
from stream_guard.settings.sections import Outputs


def encoding(chosen: Outputs) -> LiveEncoding:
    return LiveEncoding(chosen.bitrate_kbps, chosen.key_interval_s, chosen.jpeg_fps)


def serving(chosen: Outputs, host: str, port: int) -> RtspServing:
    password = _plain(chosen.rtsp_password)
    credentials = None if password is None else Credentials(chosen.rtsp_user, password)
    return RtspServing(host, port, credentials, chosen.rtsp_viewers)


def target(chosen: Outputs, url: str) -> SafeUrl:
    """Return where to push; a password in the address itself outranks the settings.

    Raises:
        OutputError: it is no address to push to.
    """
    given = target_of(url)
    if given.password:
        return given
    return target_of(url, chosen.push_user, _plain(chosen.push_password) or "")


def recording(chosen: Outputs, folder: Path) -> Recording:
    return Recording(folder, chosen.record_minutes * 60, chosen.record_days, chosen.record_gb)


def hls(chosen: Outputs, folder: Path) -> Hls:
    return Hls(folder, chosen.hls_segment_s, chosen.hls_segments)


def _plain(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
