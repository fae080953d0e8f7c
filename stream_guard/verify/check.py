"""Looks at original and output side by side, frame by frame, for faces that still show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import cv2
import numpy as np

from stream_guard.detect.zones import Ignored
from stream_guard.model.finding import Finding, Kind
from stream_guard.model.frame import FULL_SIDE, Frame, View
from stream_guard.model.geometry import Box
from stream_guard.model.ports import Detector, Observer
from stream_guard.model.verdict import Detection, Seen, Unseen
from stream_guard.verify.detail import Exposure, Grey, exposure
from stream_guard.verify.pairs import Pair
from stream_guard.verify.planned import Planned
from stream_guard.verify.runs import Run, Runs, finding_of
from stream_guard.verify.sface import SAME_PERSON, SFace, aligned_by_box, likeness
from stream_guard.verify.trails import SURE, How, Sighting, Step, Trail, Trails
from stream_guard.verify.witness import confirms, face_score, patch_of

_CANDIDATE: Final = 0.15
"""Score from which a place of the input is checked; under `trails.SURE` another detector must agree."""
_CONFIRMED: Final = 0.35
_CONFIRMED_INDEPENDENT: Final = 0.9
"""Scores from which it does, on an enlarged cut; the latter is MTCNN's, which gives plants up to 0.8. Of
122 places without a face of which YuNet is in doubt, in ten clips, no other detector confirms one."""
_SEEN_IN_OUTPUT: Final = 0.2
"""MTCNN's: on 75 redacted frames it then sees one thing, as with 0.35, and of bare faces of 16 to 20 px 82 %
instead of 78."""
_OUTPUT_LOOK_S: Final = 0.4
_OUTPUT_SIDE: Final = 960
"""How often, and how large, the output is looked at: 70 to 100 ms each, 200 where a crowd of 130 shows."""
_RECOGNISE_S: Final = 1.0
_RECOGNISE_PX: Final = 32
"""How often a face is compared by face recognition, and from which height on."""


@dataclass(frozen=True, slots=True)
class Judges:
    """Who looks."""

    observer: Observer
    """At the input, thoroughly."""
    witnesses: Sequence[Detector]
    """Of those that redact: confirm that the input has a face where another detector thinks so."""
    independent: Detector
    """At the output; never redacts. Confirms too."""
    recogniser: SFace


class _Moment(Step):
    """A pair that waits for the next look, with the copies that are made of it at need."""

    def __init__(self, pair: Pair, grey: Grey | None) -> None:
        picture = pair.before.picture
        super().__init__(grey, picture.width, picture.height)
        self.pair = pair

    @cached_property
    def greys(self) -> tuple[Grey, Grey]:
        """Both pictures at the input's size."""
        before, after = _grey(self.pair.before), _grey(self.pair.after)
        if before.shape != after.shape:
            size = before.shape[1], before.shape[0]
            after = np.asarray(cv2.resize(after, size, interpolation=cv2.INTER_AREA), np.uint8)
        return before, after

    @cached_property
    def before(self) -> View:
        return _view(self.pair.before)

    @cached_property
    def after(self) -> View:
        return fitted(_view(self.pair.after), self.pair)

    def exposure(self, box: Box) -> Exposure:
        before, after = self.greys
        kx, ky = before.shape[1] / self.width, before.shape[0] / self.height
        return exposure(before, after, box.scaled(kx, ky))


class Check:
    """Takes pairs in order; `findings` after `finish`."""

    def __init__(self, judges: Judges, planned: Planned, ignored: Ignored) -> None:
        """`planned` are further faces that must be covered."""
        self._ignored = ignored
        self._judges = judges
        self._planned = planned
        self._trails = Trails()
        self._runs = Runs()
        self._waiting: list[_Moment] = []
        self._looked_s: float | None = None
        self._recognised_s: dict[int, float] = {}
        self.findings: list[Finding] = []

    @property
    def faces(self) -> int:
        return self._trails.count

    def take(self, pairs: Iterable[Pair]) -> Iterator[Pair]:
        """Check every pair and pass it on."""
        shape: tuple[int, int] | None = None
        for pair in mark_last(pairs):
            now = pair.before.picture.width, pair.before.picture.height
            if shape not in (None, now):
                self._trails.restart()
            shape = now
            self._take(pair)
            yield pair
        self._judge()
        self._close(self._runs.ended())

    def _take(self, pair: Pair) -> None:
        seen = self._judges.observer.observe(pair.before)
        moment = _Moment(pair, seen.grey)
        self._waiting.append(moment)
        if isinstance(seen.sight, Unseen):
            self._note_unjudged(pair, seen.sight.reason)
        elif isinstance(seen.sight, Seen):
            likely = [face for face in seen.sight.faces if face.score >= _CANDIDATE]
            faces = [*likely, *self._only_in_output(moment, likely)]
            self._trails.look(self._waiting, faces, seen.scene_start)
            self._judge()
            self._close(self._runs.ended(pair.index))

    def _note_unjudged(self, pair: Pair, reason: str) -> None:
        index, time_s = pair.index, pair.time_s
        self.findings.append(Finding(Kind.UNJUDGED, reason, index, index, time_s, time_s))

    # -- what another detector sees in the output -------------------------------------------------

    def _only_in_output(self, moment: _Moment, known: Sequence[Detection]) -> list[Detection]:
        """Return faces that are found in the output, show the input's detail, and are faces there too."""
        now_s = moment.pair.time_s
        if self._looked_s is not None and 0 <= now_s - self._looked_s < _OUTPUT_LOOK_S:
            return []
        self._looked_s = now_s
        frame = moment.pair.after
        if frame.eye is None:
            return []
        view = fitted(frame.eye.view(_OUTPUT_SIDE, 1.0), moment.pair)
        found = [
            replace(face, box=view.to_frame(face.box), score=SURE)
            for face in self._judges.independent.detect(view)
            if face.score >= _SEEN_IN_OUTPUT
        ]
        return [
            face
            for face in found
            if not any(face.box.iou(other.box) > 0.3 for other in known)
            and moment.exposure(face.box).shows
            and self._agrees(moment, face.box, face.detector)
        ]

    def _agrees(self, moment: _Moment, box: Box, found_by: str) -> bool:
        """Ask a detector that did not find a face whether the input has one there."""
        asked = [(one, _CONFIRMED) for one in self._judges.witnesses]
        asked.append((self._judges.independent, _CONFIRMED_INDEPENDENT))
        return confirms(asked, patch_of(moment.before, box), found_by)

    # -- what shows -------------------------------------------------------------------------------

    def _judge(self) -> None:
        """Judge all frames up to the look, and let them go."""
        for moment in self._waiting:
            for sighting in moment.sightings:
                self._judge_one(moment, sighting)
            for region in self._planned.faces(moment.pair):
                shown = moment.exposure(region.box)
                if shown.shows:
                    self._add(-region.track, moment, region.box, shown)
        self._waiting.clear()

    def _judge_one(self, moment: _Moment, sighting: Sighting) -> None:
        trail = sighting.trail
        if self._ignored.holds(sighting.box, moment.width, moment.height):
            return
        shown = moment.exposure(sighting.box)
        if shown.shows:
            if self._is_face(moment, sighting):
                self._add(trail.number, moment, sighting.box, shown)
        elif sighting.how is How.SEEN and self._is_due(trail, moment, sighting.box):
            self._recognise(moment, sighting)

    def _is_face(self, moment: _Moment, sighting: Sighting) -> bool:
        trail = sighting.trail
        if trail.sure and sighting.how is not How.FOLLOWED:
            return True
        agreed = self._agrees(moment, sighting.box, trail.found_by)
        if sighting.how is not How.FOLLOWED:
            trail.sure = agreed
        return agreed

    def _add(self, track: int, moment: _Moment, box: Box, shown: Exposure) -> None:
        worst = self._runs.add(track, moment.pair, box, shown)
        if worst is not None:
            worst.patch = patch_of(moment.after, box)

    def _close(self, runs: Iterable[Run]) -> None:
        for run in runs:
            seen = face_score(self._judges.independent, run.patch) if run.patch is not None else 0.0
            self.findings.append(finding_of(run, seen))

    # -- who is recognised ------------------------------------------------------------------------

    def _is_due(self, trail: Trail, moment: _Moment, box: Box) -> bool:
        """Tell whether a hidden face is to be compared by face recognition, now and then for each track."""
        if not trail.sure or box.h < _RECOGNISE_PX:
            return False
        now_s = moment.pair.time_s
        last_s = self._recognised_s.get(trail.number)
        if last_s is not None and 0 <= now_s - last_s < _RECOGNISE_S:
            return False
        self._recognised_s[trail.number] = now_s
        return True

    def _recognise(self, moment: _Moment, sighting: Sighting) -> None:
        pair, box = moment.pair, sighting.box
        views = moment.before, moment.after
        before, after = (aligned_by_box(view.bgr, view.from_frame(box)) for view in views)
        alike = likeness(self._judges.recogniser, before, after)
        if alike >= SAME_PERSON:
            what = "face recognition still knows a face of the input"
            self.findings.append(
                Finding(
                    Kind.FACE, what, pair.index, pair.index, pair.time_s, pair.time_s, box, pair.index,
                    {"likeness": alike},
                )
            )  # fmt: skip


def mark_last(pairs: Iterable[Pair]) -> Iterator[Pair]:
    """Yield all pairs, the last before the end, or before a change of the picture's size, marked."""
    held: Pair | None = None
    for pair in pairs:
        if held is not None:
            ends = held.before.stamp.epoch != pair.before.stamp.epoch
            yield replace(held, before=replace(held.before, last=ends))
        held = pair
    if held is not None:
        yield replace(held, before=replace(held.before, last=True))


def fitted(view: View, pair: Pair) -> View:
    """Return a view of the output whose boxes come out in pixels of the input."""
    kx = pair.before.picture.width / pair.after.picture.width
    ky = pair.before.picture.height / pair.after.picture.height
    return View(view.bgr, view.scale_x * kx, view.scale_y * ky)


def _grey(frame: Frame) -> Grey:
    return frame.eye.grey(FULL_SIDE) if frame.eye is not None else np.zeros((1, 1), np.uint8)


def _view(frame: Frame) -> View:
    if frame.eye is None:
        return View(np.zeros((1, 1, 3), np.uint8), 1, 1)
    return frame.eye.view(FULL_SIDE, 1.0)
