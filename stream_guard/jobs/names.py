"""What files are called: to people by the name they gave, on the disk by names of our own."""

from __future__ import annotations

import re
import secrets
import unicodedata
from pathlib import PurePath
from typing import Final

_MOST_CHARACTERS: Final = 120
_UNNAMED: Final = "file"
_SUFFIX: Final = re.compile(r"\.[a-z0-9]{1,8}")
ID: Final = re.compile(r"[A-Za-z0-9_-]{22}")

TYPES: Final = {
    ".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/quicktime", ".mkv": "video/x-matroska",
    ".webm": "video/webm", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png",
    ".webp": "image/webp", ".gif": "image/gif", ".bmp": "image/bmp", ".tif": "image/tiff",
    ".tiff": "image/tiff", ".avif": "image/avif",
}  # fmt: skip
"""MIME types of originals and results, by suffix."""


def new_id() -> str:
    """Return 128 random bits, fit for addresses and file names."""
    return secrets.token_urlsafe(16)


def shown(given: str) -> str:
    """Return the last part of what a client calls a file, without what could trick a reader, and not long."""
    last = re.split(r"[/\\]", given)[-1]
    plain = "".join(
        c for c in last if not unicodedata.category(c).startswith("C")
    )  # controls, text direction
    plain = " ".join(plain.split())
    if not plain.strip("."):
        return _UNNAMED
    stem, tail = PurePath(plain).stem, PurePath(plain).suffix[:20]
    return plain if len(plain) <= _MOST_CHARACTERS else stem[: _MOST_CHARACTERS - len(tail)] + tail


def original(name: str) -> str:
    """Return what the original is called on the disk; a harmless suffix helps to tell formats apart."""
    suffix = PurePath(name).suffix.lower()
    return f"original{suffix if _SUFFIX.fullmatch(suffix) else '.bin'}"


def result(suffix: str) -> str:
    """Return what a result is called on the disk."""
    return f"result{suffix}"


def redacted(name: str, suffix: str) -> str:
    """Return what the result of a file is called when it is handed out."""
    return f"{PurePath(name).stem}.redacted{suffix}"
