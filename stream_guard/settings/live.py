"""The settings of live pictures, and the cameras by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, SecretStr

from stream_guard.settings.sections import Section

NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
"""What a camera may be called: its name is part of addresses and of file names."""


def _secret(value: object) -> object:
    """Take anything for a secret, so that no message about a wrong one can show it."""
    return value if isinstance(value, SecretStr) else SecretStr(str(value))


class Live(Section):
    """How cameras are redacted."""

    lag_frames: int = Field(
        default=6,
        ge=0,
        le=250,
        description="Frames of delay, so that a face is covered from its first frame on.",
    )
    allow_onset_leak: bool = Field(
        default=False, description="Permit lag_frames 0, which shows a face until it is first found."
    )


class Camera(Section):
    """One camera of the settings file: [sources.NAME]."""

    url: str = Field(min_length=1, description="rtsp://..., webcam:0, test:, whip: or a video file.")
    user: str = ""
    password: Annotated[SecretStr, BeforeValidator(_secret)] = SecretStr("")
    transport: Literal["tcp", "udp"] = "tcp"
    audio: Literal["keep", "drop"] = "keep"
    loop: bool = False


def password_variable(name: str) -> str:
    """Return the environment variable that holds a camera's password."""
    return f"STREAM_GUARD_SOURCES_{name.upper().replace('-', '_')}_PASSWORD"


def with_passwords(cameras: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the tables of cameras with the passwords that the environment has for them."""
    found = {}
    for name, table in cameras.items():
        variable = password_variable(name)
        known = {"password": environ[variable]} if variable in environ else {}
        found[name] = {**table, **known} if isinstance(table, Mapping) else table
    return found
