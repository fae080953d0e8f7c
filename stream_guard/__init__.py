"""Anonymizes people in video and pictures, on your own machine, with no network.

    import stream_guard

    stream_guard.redact("in.mp4", "out.mp4")
    covered = stream_guard.anonymize_image(pixels)

Importing the package is cheap; the media libraries are loaded by the first call.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from stream_guard.native import libraries_required
from stream_guard.version import VERSION

if TYPE_CHECKING:
    from stream_guard.build import Guard, anonymize_image, detect, output_name, redact, verify
    from stream_guard.errors import StreamGuardError
    from stream_guard.evaluate.score import Score
    from stream_guard.flow.progress import Progress
    from stream_guard.flow.report import Report
    from stream_guard.measure import evaluate
    from stream_guard.model.finding import Verification
    from stream_guard.record.keys import Signer
    from stream_guard.settings import Settings

__all__ = [
    "Guard",
    "Progress",
    "Report",
    "Score",
    "Settings",
    "Signer",
    "StreamGuardError",
    "Verification",
    "anonymize_image",
    "detect",
    "evaluate",
    "output_name",
    "redact",
    "verify",
]

__version__ = VERSION

_HOMES = {
    "Guard": "build",
    "Progress": "flow.progress",
    "Report": "flow.report",
    "Score": "evaluate.score",
    "Settings": "settings",
    "Signer": "record.keys",
    "StreamGuardError": "errors",
    "Verification": "model.finding",
    "anonymize_image": "build",
    "detect": "build",
    "evaluate": "measure",
    "output_name": "build",
    "redact": "build",
    "verify": "build",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with libraries_required():
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


class _Package(ModuleType):
    """Keeps `redact`, `detect`, `evaluate` and `verify` functions: subpackages so named would rebind them."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
