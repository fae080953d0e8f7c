"""The facts that a report records: files by digest, the media, versions and models."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from stream_guard.detect.models import read_manifest
from stream_guard.errors import InputError
from stream_guard.flow.report import FileFacts
from stream_guard.model.media import Media

_PACKAGES: Final = (
    "av", "cryptography", "mediapipe", "numpy", "onnxruntime", "opencv-contrib-python", "pillow"
)  # fmt: skip


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as lower-case hexadecimal digits.

    Raises:
        InputError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as exc:
        raise InputError(f"{path} cannot be read: {exc.strerror}.") from exc


def file_facts(path: Path) -> FileFacts:
    """Return path, digest and size; a name that is no valid text is written with escapes.

    Raises:
        InputError: the file cannot be read.
    """
    name = os.fsencode(path).decode("utf-8", "backslashreplace")
    return FileFacts(name, sha256_of(path), path.stat().st_size)


def media_facts(media: Media) -> dict[str, Any]:
    return {
        "container": media.container,
        "width": media.width,
        "height": media.height,
        "fps": round(media.fps, 3),
        "duration_s": media.duration_s,
    }


def versions(own: str) -> dict[str, str]:
    """Return the versions of stream-guard and of the libraries that the result depends on."""
    return {"stream-guard": own, **{package: version(package) for package in _PACKAGES}}


def model_facts(files: Sequence[str]) -> tuple[dict[str, str], ...]:
    """Return file name, digest and licence of the models that were used."""
    return tuple(
        {"file": m.path.name, "sha256": m.sha256, "licence": m.licence}
        for m in read_manifest()
        if m.path.name in files
    )


def now_utc() -> str:
    """Return date and time by this machine's clock, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
