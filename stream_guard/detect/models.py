"""The model files: where they lie and whether they are the ones that were shipped."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stream_guard.errors import ModelError

_PACKAGE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One entry of the manifest, with the file's own path."""

    path: Path
    sha256: str
    licence: str
    origin: str
    purpose: str


def bundled_folder(name: str) -> Path:
    """Return the folder `models` or `samples`: inside an installed wheel, else beside the package."""
    installed = _PACKAGE / "_data" / name
    return installed if installed.is_dir() else _PACKAGE.parent / name


def read_manifest(folder: Path | None = None) -> tuple[ModelFile, ...]:
    """Return what `manifest.json` lists, without looking at the files.

    Raises:
        ModelError: there is no readable manifest.
    """
    folder = folder or bundled_folder("models")
    path = folder / "manifest.json"
    try:
        entries: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["files"]
        return tuple(_entry(folder, entry) for entry in entries)
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise ModelError(
            f"{path}: cannot read the list of models ({exc}); install stream-guard again"
        ) from exc


def _entry(folder: Path, entry: dict[str, Any]) -> ModelFile:
    origin = f"{entry['origin']['package']} {entry['origin']['version']}"
    return ModelFile(
        folder / entry["name"],
        entry["sha256"],
        entry["licence"],
        origin,
        entry["purpose"],
    )


def load_verified(name: str) -> bytes:
    """Return a model's bytes after checking their SHA-256.

    Raises:
        ModelError: the file is missing, not listed, or altered.
    """
    listed = {model.path.name: model for model in read_manifest()}
    if name not in listed:
        raise ModelError(f"model {name} is not in the manifest; known are {', '.join(sorted(listed))}")
    model = listed[name]
    try:
        content = model.path.read_bytes()
    except OSError as exc:
        raise ModelError(
            f"{model.path}: cannot read the model ({exc.strerror}); install stream-guard again"
        ) from exc
    found = hashlib.sha256(content).hexdigest()
    if found != model.sha256:
        raise ModelError(
            f"{model.path}: the model was altered (SHA-256 {found[:12]}..., not {model.sha256[:12]}...); "
            "install stream-guard again"
        )
    return content
