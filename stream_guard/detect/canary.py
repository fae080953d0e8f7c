"""The start-up canary: a detector that does not find a known face is not trusted with any frame."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from stream_guard.detect.models import bundled_folder
from stream_guard.errors import ModelError
from stream_guard.model.frame import View
from stream_guard.model.geometry import Box
from stream_guard.model.ports import Detector

SAMPLE: Final = "portrait.jpg"
FACE: Final = Box(110, 66, 210, 180)
"""Where the face is in the sample, in pixels (see samples/portrait.boxes.csv)."""
_MIN_SCORE: Final = 0.5
_MIN_IOU: Final = 0.4


def canary_score(detector: Detector) -> float:
    """Return the score with which a detector finds the bundled face; 0 where it does not.

    Raises:
        ModelError: the sample picture cannot be read.
    """
    path = bundled_folder("samples") / SAMPLE
    try:
        packed = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as exc:
        raise ModelError(
            f"{path}: cannot read the sample face ({exc.strerror}); install stream-guard again"
        ) from exc
    picture = cv2.imdecode(packed, cv2.IMREAD_COLOR)
    if picture is None:
        raise ModelError(f"{path}: the sample face is damaged; install stream-guard again")
    found = detector.detect(View(np.asarray(picture, np.uint8), 1.0, 1.0))
    return max((face.score for face in found if face.box.iou(FACE) >= _MIN_IOU), default=0.0)


def require_canary(detector: Detector) -> None:
    """Let a detector pass only if it finds the bundled face.

    Raises:
        ModelError: it does not (wrong model, scrambled planes, closed, or a broken library).
    """
    score = canary_score(detector)
    if not score >= _MIN_SCORE:
        raise ModelError(
            f"{detector.name} does not find the face in the sample {SAMPLE} (score {score:.2f}, needed "
            f"{_MIN_SCORE}), so it is not trusted with any frame; install stream-guard again"
        )
