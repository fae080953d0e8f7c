"""How a video is to be coded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Encoding:
    """The user's choices; what they mean for each encoder is settled in `sinks.pyav`."""

    codec: str = "h264"
    """h264, hevc, vp9, av1, mpeg4, ffv1, the name of a hardware encoder (h264_nvenc ...), or auto-hw."""
    quality: int = 18
    """0 (best) to 51 (worst), as x264's CRF; scaled for encoders that count otherwise."""
    preset: str = "veryfast"
    """ultrafast, superfast, veryfast, faster, fast, medium, slow, slower or veryslow."""
    audio: Literal["keep", "drop"] = "keep"
    overwrite: bool = False
