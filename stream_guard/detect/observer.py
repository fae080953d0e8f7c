"""The observer: a cheap look at every frame, a full look on a cadence, and other detectors in turn."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stream_guard.detect.agreement import distinct, with_chins, with_hidden
from stream_guard.detect.passes import FLOOR, Pass, has_low_contrast
from stream_guard.detect.rota import Rota, is_due
from stream_guard.detect.scene import Change, SceneChanges
from stream_guard.detect.second_look import SecondLook
from stream_guard.model.frame import Eye, Frame, View
from stream_guard.model.verdict import Between, Detection, Observation, Seen, Sight, Unseen

_LEAST_STEP_S: Final = 1 / 240
"""From one frame to the next, where their clock stands still."""
_LEAP_S: Final = 1.0
"""Longer than any cadence: after a jump of the clock it looks at once."""


@dataclass(frozen=True, slots=True)
class ViewSize:
    """How large a picture the detectors get."""

    side: int
    """Long side of the view in pixels."""
    max_upscale: float = 1.0
    """How far smaller sources are enlarged towards that."""


@dataclass(frozen=True, slots=True)
class Cadence:
    """How often the main passes look, and how closely motion is followed between their looks."""

    look_s: float
    """They look when so much media time has gone since the last look; 0 for every frame."""
    grey_side: int
    """Long side of the grey copies that motion is estimated on."""


class CadenceObserver:
    """Fulfils `ports.Observer` for one stream; the detectors belong to whoever made them."""

    def __init__(
        self,
        main: Sequence[Pass],
        rotas: Sequence[Rota],
        low_contrast: Sequence[Pass],
        cadence: Cadence,
        size: ViewSize,
        second_looks: Mapping[Pass, SecondLook] | None = None,
        ends_by: str | None = None,
        most_unlooked: int | None = None,
    ) -> None:
        """Main passes look every time, `low_contrast` beside them where needed, each rota's in turn.

        What a pass is in doubt about gets its second look; `ends_by` names the detector that knows chins.
        After `most_unlooked` frames without a look there is one, whatever the cadence and the frames' times.
        """
        self._main = main
        self._rotas = rotas
        self._low_contrast = low_contrast
        self._cadence = cadence
        self._stretch = 1.0
        self._size = self._full_size = size
        self._second_looks = second_looks or {}
        self._ends_by = ends_by
        self._most_unlooked = math.inf if most_unlooked is None else most_unlooked
        self._unlooked = 0
        """Frames since the last look."""
        self._scenes = SceneChanges()
        self._time_s = 0.0
        self._now_s = 0.0
        self._looked_s: float | None = None

    def observe(self, frame: Frame) -> Observation:
        size = frame.picture.width, frame.picture.height
        if frame.eye is None:
            return Observation(frame.stamp, *size, Unseen("the frame came without a picture to look at"))
        grey = frame.eye.grey(self._cadence.grey_side)
        change = self._scenes.to(grey)
        scene_start = change is Change.CUT
        now = self._clock(frame.stamp.time_s)
        everything = scene_start or self._looked_s is None
        due = everything or frame.last or frame.damaged or self._is_due(now)
        sudden = change is Change.SUDDEN
        sight: Sight = Between()
        if due or (sudden and self._stretch <= 1):  # what has come may be gone before the next look is due
            passes = self._upright(grey) + (self._in_turn(now, everything) if due else [])
            sight = self._sight(frame.eye, frame.eye.view(self._size.side, self._size.max_upscale), passes)
        self._unlooked += 1
        if due and isinstance(sight, Seen):  # else the next frame is looked at, whatever the cadence
            self._looked_s, self._unlooked = now, 0
        return Observation(frame.stamp, *size, sight, grey, scene_start, sudden)

    def shed(self, view_share: float, look_share: float) -> None:
        """Spend less from now on: a share of the usual view, and so much more time between all looks.

        Who wants a larger picture than that view does not look.
        """
        self._size = replace(self._full_size, side=round(self._full_size.side * view_share))
        for rota in self._rotas:
            rota.limit(self._size.side)
        self._stretch = look_share

    def close(self) -> None:
        """Nothing is held but the last small grey copy."""

    def _clock(self, time_s: float) -> float:
        """Return a time that goes on where the stream's clock stands still, and leaps where it goes back."""
        step_s = time_s - self._time_s
        self._time_s = time_s
        self._now_s += max(step_s, _LEAST_STEP_S) if step_s >= 0 else _LEAP_S
        return self._now_s

    def _upright(self, grey: NDArray[np.uint8]) -> list[Pass]:
        return [*self._main, *(self._low_contrast if has_low_contrast(grey) else ())]

    def _in_turn(self, now: float, everything: bool) -> list[Pass]:
        by_rota = [rota.everyone(now) if everything else rota.due(now, self._stretch) for rota in self._rotas]
        return [one for chosen in by_rota for one in chosen]

    def _is_due(self, now: float) -> bool:
        look_s = self._cadence.look_s * self._stretch
        return self._unlooked >= self._most_unlooked or is_due(self._looked_s, now, look_s)

    def _sight(self, eye: Eye, view: View, passes: Sequence[Pass]) -> Sight:
        faces: list[Detection] = []
        seen: list[Detection] = []
        for one in passes:
            try:
                found = [replace(face, box=view.to_frame(face.box)) for face in self._look(one, eye, view)]
            except Exception as exc:  # noqa: BLE001 - whatever a detector raises, the frame is covered whole
                return Unseen(f"{one.detector.name} failed: {exc}")
            if not all(face.box.is_finite and 0 <= face.score <= 1 for face in found):
                return Unseen(f"{one.detector.name} gave a face that is not a number")
            for rota in self._rotas:
                rota.note(one, found, faces, self._now_s)
            faces = distinct([*faces, *found])
            seen += found
        return Seen(with_hidden(with_chins(faces, seen, self._ends_by)))

    def _look(self, one: Pass, eye: Eye, view: View) -> Sequence[Detection]:
        """Return what a pass finds; what the exponent or the second look left under the floor is noise."""
        found = one.look(view)
        again = self._second_looks.get(one)
        judged = again.judge(eye, view, found, self._now_s) if again else found
        return [face for face in judged if not 0 <= face.score < FLOOR]  # one that is no score stays
