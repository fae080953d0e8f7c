"""MediaPipe's BlazeFace, short and full range: the detectors for close and for turned faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

import cv2

from stream_guard.detect.models import load_verified
from stream_guard.model.frame import View
from stream_guard.model.geometry import Box
from stream_guard.model.verdict import Detection
from stream_guard.native import imported_later

SHORT_RANGE: Final = "face_detection_short_range.tflite"
FULL_RANGE: Final = "face_detection_full_range_sparse.tflite"

_SIDE: Final = 0.04
"""BlazeFace's box is wider than the face on either side, by this share of its width."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """What differs between the two models, found on 88 portraits beside YuNet and on faceless footage."""

    name: str
    file: str
    top: float
    """Share of the box's height to add above: the box starts at the brow."""
    noise: float
    """The score of fabric, foliage and printed skulls; (s - noise) / (1 - noise) is what counts."""


_SHORT: Final = _Kind("mediapipe-short", SHORT_RANGE, top=0.2, noise=0.6)
_FULL: Final = _Kind("mediapipe-full", FULL_RANGE, top=0.12, noise=0.375)


def import_mediapipe() -> tuple[Any, Any]:
    """Return MediaPipe's tasks and those for vision, imported when they are first needed.

    It imports what it draws and records with: 0.55 s and 36 MB, for nothing that is used here.
    """
    with imported_later("matplotlib", "matplotlib.pyplot", "sounddevice"):
        return import_module("mediapipe.tasks.python"), import_module("mediapipe.tasks.python.vision")


class BlazeFace:
    """Finds faces of a tenth of the view's height and more, also turned by up to 90 degrees."""

    def __init__(self, kind: _Kind, floor: float) -> None:
        """Load a model; detections scoring under `floor` are not reported."""
        tasks, vision = import_mediapipe()
        self.name = kind.name
        self._kind = kind
        self._detector: Any = vision.FaceDetector.create_from_options(
            vision.FaceDetectorOptions(
                base_options=tasks.BaseOptions(model_asset_buffer=load_verified(kind.file)),
                min_detection_confidence=kind.noise + floor * (1 - kind.noise),
            )
        )

    @classmethod
    def short_range(cls, floor: float) -> BlazeFace:
        return cls(_SHORT, floor)

    @classmethod
    def full_range(cls, floor: float) -> BlazeFace:
        return cls(_FULL, floor)

    def detect(self, view: View) -> Sequence[Detection]:
        import mediapipe

        if self._detector is None:
            # MediaPipe itself would answer "no faces" after close
            raise RuntimeError(f"{self.name} was used after it was closed")
        rgb = cv2.cvtColor(view.bgr, cv2.COLOR_BGR2RGB)
        answer = self._detector.detect(mediapipe.Image(mediapipe.ImageFormat.SRGB, rgb))
        return [self._detection(d) for d in answer.detections]

    def _detection(self, found: Any) -> Detection:
        b = found.bounding_box
        raw = Box(b.origin_x, b.origin_y, b.origin_x + b.width, b.origin_y + b.height)
        box = raw.grown(-_SIDE * raw.w, self._kind.top * raw.h, -_SIDE * raw.w, 0)
        noise = self._kind.noise
        return Detection(box, (found.categories[0].score - noise) / (1 - noise), self.name)

    def close(self) -> None:
        if self._detector is not None:
            self._detector.close()
            self._detector = None
