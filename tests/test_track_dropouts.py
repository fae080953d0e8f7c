"""Detectors fail now and then; no frame of a face may show for it. On clips whose truth is exact."""

from __future__ import annotations

import pytest

from scripts.synthetic import (
    CLIPS,
    CROSSING,
    DARK,
    FPS,
    JERKING,
    SHAKING,
    Clip,
    DropOuts,
    Score,
    at_random,
    covers_of,
    drill,
    in_bursts,
    score,
)
from stream_guard.settings import Settings
from stream_guard.track.smoother import FixedLagSmoother, Tracking

FILE_LAG = round(Settings().track.lag_s * FPS)
LIVE_LAG = 6
LIVE_SPARE_S = 0.5
"""Live, the first burst comes half a second after a face: what nobody found yet cannot be covered."""


def measured(
    drop_outs: DropOuts, lag: int, clips: tuple[Clip, ...] = CLIPS, look_every: int = 1, rounds: int = 1
) -> Score:
    total = Score()
    for seed in range(1, rounds + 1):
        for clip in clips:
            made = drill(clip, drop_outs, seed, look_every)
            total += score(made, covers_of(made, FixedLagSmoother(lag)), lag)
    return total


@pytest.mark.parametrize(
    "drop_outs",
    [
        pytest.param(at_random(0.1), id="10% at random"),
        pytest.param(at_random(0.3), id="30% at random"),
        pytest.param(at_random(0.5), id="50% at random"),
        pytest.param(in_bursts(5), id="bursts of 5"),
        pytest.param(in_bursts(15), id="bursts of 15"),
    ],
)
def test_a_file_shows_no_face_for_a_single_frame(drop_outs: DropOuts) -> None:
    found = measured(drop_outs, FILE_LAG)
    assert found.recall_of_all >= 0.9995, found
    assert found.longest_leak == 0, found


@pytest.mark.parametrize(
    ("drop_outs", "rounds"),
    [
        pytest.param(at_random(0.1), 1, id="10% at random"),
        pytest.param(at_random(0.3), 1, id="30% at random"),
        pytest.param(at_random(0.5), 6, id="50% at random"),  # few leaks, so many frames to count them in
        pytest.param(in_bursts(5, LIVE_SPARE_S), 1, id="bursts of 5"),
        pytest.param(in_bursts(15, LIVE_SPARE_S), 1, id="bursts of 15"),
    ],
)
def test_a_lag_of_six_frames_shows_two_at_most(drop_outs: DropOuts, rounds: int) -> None:
    found = measured(drop_outs, LIVE_LAG, rounds=rounds)
    assert found.recall_of_all >= 0.998, found
    assert found.longest_leak <= 2, found


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_drop_outs_between_looks_leak_nothing(share: float) -> None:
    found = measured(at_random(share), FILE_LAG, (*CLIPS, SHAKING, DARK), look_every=2)
    assert found.longest_leak == 0, found


@pytest.mark.parametrize("drop_outs", [at_random(0.5), in_bursts(15)], ids=["50% at random", "bursts of 15"])
def test_two_who_pass_each_other_are_both_covered(drop_outs: DropOuts) -> None:
    found = measured(drop_outs, FILE_LAG, (CROSSING,), rounds=3)
    assert found.longest_leak == 0, found


@pytest.mark.xfail(
    reason="the flow of the face behind hops onto the one before it; only a longer lag mends that"
)
def test_two_who_pass_each_other_in_a_long_burst_are_both_covered_live() -> None:
    found = measured(in_bursts(15, LIVE_SPARE_S), LIVE_LAG, (CROSSING,), rounds=6)
    assert found.longest_leak <= 2, found


def test_a_camera_that_jerks_shows_nobody() -> None:
    found = measured(in_bursts(15), FILE_LAG, (JERKING,))
    assert found.longest_leak == 0, found


def test_the_drill_can_fail() -> None:
    """With neither hold nor back-fill, bursts show; so do faces that nobody ever finds."""
    weak = drill(CLIPS[0], in_bursts(15), 1)
    rules = Tracking(hold_s=0.0, backfill_s=0.0)
    assert score(weak, covers_of(weak, FixedLagSmoother(0, rules)), 0).longest_leak >= 15
    blind = drill(CLIPS[0], at_random(1.0), 1)
    found = score(blind, covers_of(blind, FixedLagSmoother(FILE_LAG)), FILE_LAG)
    assert (found.recall, found.visits_exposed) == (0.0, found.visits)
