"""Session descriptions (RFC 8866) of what a station sends."""

from __future__ import annotations

from base64 import b64encode
from typing import Final

from stream_guard.outputs.encoder import Parameters
from stream_guard.outputs.rtp import PAYLOAD_TYPE, units
from stream_guard.outputs.sound import SoundTrack

VIDEO: Final = "trackID=0"
SOUND: Final = "trackID=1"


def describe(name: str, parameters: Parameters, sound: SoundTrack | None = None) -> bytes:
    """Return the description of a video track, and of a sound track if there is one."""
    sets = units(parameters.extradata)
    profile = sets[0][1:4].hex() if sets else "42c01f"
    texts = ",".join(b64encode(unit).decode() for unit in sets)
    lines = (
        "v=0", "o=- 1 1 IN IP4 0.0.0.0", f"s={_one_line(name)}", "c=IN IP4 0.0.0.0", "t=0 0",
        "a=control:*", "a=range:npt=now-",
        f"m=video 0 RTP/AVP {PAYLOAD_TYPE}", f"a=rtpmap:{PAYLOAD_TYPE} H264/90000",
        f"a=fmtp:{PAYLOAD_TYPE} packetization-mode=1;profile-level-id={profile};sprop-parameter-sets={texts}",
        f"a=control:{VIDEO}", *((*sound.lines, f"a=control:{SOUND}") if sound else ()),
    )  # fmt: skip
    return "\r\n".join((*lines, "")).encode()


def _one_line(name: str) -> str:
    return " ".join(name.split()) or "-"
