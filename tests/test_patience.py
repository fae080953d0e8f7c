"""A run whose detectors have broken is ended; a run whose detectors stumble goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from stream_guard import Guard, Settings
from stream_guard.errors import PipelineError
from stream_guard.flow.patience import Patience
from stream_guard.model.frame import Frame, Stamp
from stream_guard.model.picture import Picture
from stream_guard.model.verdict import Between, Observation, Seen, Sight, Unseen

SAMPLES = Path(__file__).parents[1] / "samples"
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


def test_nothing_is_left_of_a_run_whose_detectors_broke(tmp_path: Path) -> None:
    settings = Settings.model_validate({"limits": {"unseen_frames": 10}, "detect": {"detectors": ["yunet"]}})
    with Guard(settings) as guard:
        for detector in guard._loaded()._loaded.values():
            detector.close()
        with pytest.raises(PipelineError, match=r"10 frames in a row .* up to frame 9 \(yunet failed"):
            guard.redact(SAMPLES / "walk.mp4", tmp_path / "out.mp4", report=True)
    assert list(tmp_path.iterdir()) == []


def test_a_run_within_patience_is_covered_whole(tmp_path: Path) -> None:
    with Guard(Settings.model_validate({"detect": {"detectors": ["yunet"]}})) as guard:
        for detector in guard._loaded()._loaded.values():
            detector.close()
        report = guard.redact(SAMPLES / "walk.mp4", tmp_path / "out.mp4")
    assert report.account.frames_whole == report.account.frames == 125
