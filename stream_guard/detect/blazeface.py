"""MediaPipe's BlazeFace, short and full range: the detectors for close and for turned faces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from stream_guard.detect.models import load_verified
from stream_guard.model.frame import View
from stream_guard.model.geometry import Box
from stream_guard.model.verdict import Detection

SHORT_RANGE: Final = "face_detection_short_range.tflite"
FULL_RANGE: Final = "face_detection_full_range_sparse.tflite"

_NOISE: Final = 0.375
"""BlazeFace scores fabric and foliage up to about 0.5; (s - 0.375) / 0.625 brings that to YuNet's 0.2."""
_SIDE: Final = 0.04


class BlazeFace:
    """Finds faces of a tenth of the view's height and more, also turned by up to 90 degrees."""

    def __init__(self, name: str, file: str, floor: float, top: float) -> None:
        """Load a model.

        `top` is the share of the box's height to add above: BlazeFace's box starts at the brow and is wider
        than the face. Against YuNet on 88 portraits its sides lie 0.06 w outside, its top 0.12 to 0.2 h low.
        """
        from mediapipe.tasks.python import BaseOptions, vision  # 0.6 s, so not before it is needed

        self.name = name
        self._top = top
        self._detector: Any = vision.FaceDetector.create_from_options(
            vision.FaceDetectorOptions(
                base_options=BaseOptions(model_asset_buffer=load_verified(file)),
                min_detection_confidence=_NOISE + floor * (1 - _NOISE),
            )
        )

    @classmethod
    def short_range(cls, floor: float) -> BlazeFace:
        return cls("mediapipe-short", SHORT_RANGE, floor, top=0.2)

    @classmethod
    def full_range(cls, floor: float) -> BlazeFace:
        return cls("mediapipe-full", FULL_RANGE, floor, top=0.12)

    def detect(self, view: View) -> Sequence[Detection]:
        import mediapipe

        if self._detector is None:
            # MediaPipe itself would answer "no faces" after close
            raise RuntimeError(f"{self.name} was used after it was closed")
        answer = self._detector.detect(mediapipe.Image(mediapipe.ImageFormat.SRGB, view.rgb))
        return [self._detection(d) for d in answer.detections]

    def _detection(self, found: Any) -> Detection:
        b = found.bounding_box
        raw = Box(b.origin_x, b.origin_y, b.origin_x + b.width, b.origin_y + b.height)
        box = raw.grown(-_SIDE * raw.w, self._top * raw.h, -_SIDE * raw.w, 0)
        score = (found.categories[0].score - _NOISE) / (1 - _NOISE)
        return Detection(box, score, self.name)

    def close(self) -> None:
        if self._detector is not None:
            self._detector.close()
            self._detector = None
