"""The detectors by name. A new one is one file and a line or two here; the contract tests find it by that."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from stream_guard.detect import blazeface, centerface, yunet
from stream_guard.detect.blazeface import BlazeFace
from stream_guard.detect.centerface import CenterFace
from stream_guard.detect.mtcnn import MTCNN
from stream_guard.detect.yunet import YuNet
from stream_guard.errors import SettingsError
from stream_guard.model.ports import Detector

DETECTORS: Final[Mapping[str, Callable[[float], Detector]]] = {
    "yunet": YuNet,
    "mediapipe-full": BlazeFace.full_range,
    "mediapipe-short": BlazeFace.short_range,
    "centerface": CenterFace,
}
"""Each makes a detector that reports everything from a score on."""

MODELS: Final[Mapping[str, str]] = {
    "yunet": yunet.MODEL,
    "mediapipe-full": blazeface.FULL_RANGE,
    "mediapipe-short": blazeface.SHORT_RANGE,
    "centerface": centerface.MODEL,
}
"""The model file of each."""

INDEPENDENT: Final[Mapping[str, Callable[[float], Detector]]] = {"mtcnn": MTCNN}
"""What `verify` looks at results with. Not to be chosen for redacting: who covers must not be the judge."""

GROUPS: Final[Mapping[str, Sequence[str]]] = {"mediapipe": ("mediapipe-full", "mediapipe-short")}


def members(names: Sequence[str]) -> tuple[str, ...]:
    """Return the detectors that names and group names stand for, each once, in order.

    Raises:
        SettingsError: a name is unknown.
    """
    known = ", ".join((*DETECTORS, *GROUPS))
    found: dict[str, None] = {}
    for name in names:
        if name not in DETECTORS and name not in GROUPS:
            raise SettingsError(f"there is no detector {name!r}; choose from {known}")
        found.update(dict.fromkeys(GROUPS.get(name, (name,))))
    return tuple(found)


def models_of(names: Sequence[str]) -> tuple[str, ...]:
    """Return the model files that the detectors and groups of these names use.

    Raises:
        SettingsError: a name is unknown.
    """
    return tuple(MODELS[name] for name in members(names))
