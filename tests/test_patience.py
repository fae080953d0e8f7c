"""A run whose detectors have broken is ended; a run whose detectors stumble goes on."""

from __future__ import annotations

import pytest

from stream_guard.errors import PipelineError
from stream_guard.flow.patience import Patience
from stream_guard.model.frame import Frame, Stamp
from stream_guard.model.picture import Picture
from stream_guard.model.verdict import Between, Observation, Seen, Sight, Unseen

OK, SKIPPED, BROKEN = Seen(()), Between(), Unseen("yunet failed: out of order")


class _Saying:
    def __init__(self, sights: list[Sight]) -> None:
        self._sights = iter(sights)

    def observe(self, frame: Frame) -> Observation:
        return Observation(frame.stamp, 8, 8, next(self._sights))

    def close(self) -> None:
        """Nothing is open."""


def _frames(count: int) -> list[Frame]:
    return [Frame(Stamp(0, n, n / 25), Picture(8, 8, tuple, full_range=True)) for n in range(count)]


def _seen(most: int, *sights: Sight) -> int:
    patient = Patience(_Saying(list(sights)), most)
    return len([patient.observe(frame) for frame in _frames(len(sights))])


def test_too_many_unseen_frames_in_a_row_end_the_run() -> None:
    with pytest.raises(
        PipelineError, match=r"3 frames in a row .* up to frame 3 \(yunet failed: out of order\)"
    ):
        _seen(3, OK, BROKEN, BROKEN, BROKEN, OK)


def test_frames_between_looks_prove_nothing() -> None:
    with pytest.raises(PipelineError, match="3 frames in a row"):
        _seen(3, BROKEN, SKIPPED, BROKEN, SKIPPED, BROKEN)


def test_one_look_that_works_is_a_new_start() -> None:
    assert _seen(3, BROKEN, BROKEN, OK, BROKEN, BROKEN, OK, BROKEN) == 7
