"""Compares a clip with its redacted copy, frame by frame, with one frame of each in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from stream_guard.evaluate.faces import FaceCount
from stream_guard.evaluate.outside import OutsideCount
from stream_guard.evaluate.score import Score
from stream_guard.evaluate.sound import Sound
from stream_guard.evaluate.truth import Truth
from stream_guard.model.frame import View

_OUTSIDE_EVERY: Final = 5
"""What is beyond the faces is compared in every fifth frame: it changes slowly and costs most."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One frame as it is seen."""

    time_s: float
    view: View
    """In full size."""


@dataclass
class Recording:
    """A clip being read; `sound` grows with its frames."""

    shown: Iterable[Shown]
    sound: Sound
    frames: int = 0
    size: tuple[int, int] = (0, 0)
    first_s: float = 0.0
    last_s: float = 0.0

    def count(self, shown: Shown) -> None:
        if not self.frames:
            height, width = shown.view.bgr.shape[:2]
            self.size = (round(width * shown.view.scale_x), round(height * shown.view.scale_y))
            self.first_s = shown.time_s
        self.last_s = shown.time_s
        self.frames += 1

    @property
    def now_s(self) -> float:
        """Time of the present frame since the first."""
        return self.last_s - self.first_s


def compare(
    original: Recording, result: Recording, truth: Truth, tick: Callable[[int, int, bool], None]
) -> Score:
    """Read both to their ends; `tick` is told frames and tracks so far and, in the end, that these were all.

    Raises:
        InputError: the truth speaks of frames that the original does not have.
    """
    faces, outside, shift_s = FaceCount(), OutsideCount(), 0.0
    results = iter(result.shown)
    for index, shown in enumerate(original.shown):
        original.count(shown)
        tick(original.frames, faces.tracks, False)
        other = next(results, None)
        if other is None:
            faces.add_lost(truth.faces.get(index, ()))
            continue
        result.count(other)
        shift_s = max(shift_s, abs(original.now_s - result.now_s))
        pixels, true_faces = _sized_like(shown.view, other.view), truth.faces.get(index, ())
        faces.add(true_faces, shown.view, pixels, index, shown.time_s)
        if index % _OUTSIDE_EVERY == 0:
            outside.add(true_faces, shown.view, pixels)
    for other in results:
        result.count(other)
    tick(original.frames, faces.tracks, True)
    truth.require_within(original.frames)
    faces.finish()
    return _score(original, result, faces, outside, shift_s)


def _score(
    original: Recording, result: Recording, faces: FaceCount, outside: OutsideCount, shift_s: float
) -> Score:
    judged = sum(tally.total for tally in faces.by_size.values())
    frame_s = original.now_s / (original.frames - 1) if original.frames > 1 else 0.0
    return Score(
        by_size=faces.by_size,
        not_judged=faces.not_judged,
        without_frame=faces.without_frame,
        tracks=faces.tracks,
        exposed_tracks=faces.exposed_tracks,
        leaks=tuple(faces.leaks),
        flicker=faces.flicker,
        track_minutes=judged * frame_s / 60,
        looked_at_px=outside.looked_at_px,
        altered_px=outside.altered_px,
        kept_samples=outside.kept_samples,
        squared_error=outside.squared_error,
        frames=(original.frames, result.frames),
        size=original.size,
        result_size=result.size,
        time_shift_s=shift_s,
        sound=original.sound.compared_with(result.sound),
    )


def _sized_like(view: View, other: View) -> NDArray[np.uint8]:
    height, width = view.bgr.shape[:2]
    if other.bgr.shape == view.bgr.shape:
        return other.bgr
    return np.asarray(cv2.resize(other.bgr, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
