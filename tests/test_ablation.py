"""The tracker's parts do what they are there for: without them faces show."""

from __future__ import annotations

from functools import cache

import pytest

from scripts.ablation import (
    FILE_LAG,
    FULL,
    LIVE_LAG,
    NO_BACKFILL,
    NO_HOLD,
    NO_TRACKER,
    VARIANTS,
    Trial,
    Variant,
    measured,
)
from scripts.synthetic import CLIPS, DARK, SHAKING, Score, at_random, in_bursts
from tests.test_readme import table

TRIALS = (Trial((CLIPS[0], CLIPS[2]), (at_random(0.3), in_bursts(15, spare_s=0.5))),)
HARD = (Trial((DARK, SHAKING), (at_random(0.1), at_random(0.3)), look_every=2),)


@cache
def result(variant: Variant, lag: int, tried: tuple[Trial, ...] = TRIALS) -> Score:
    return measured(variant, lag, tried)


def test_without_a_tracker_masks_flicker_ten_times_as_much() -> None:
    assert result(NO_TRACKER, FILE_LAG).flicker >= 10 * max(1, result(FULL, FILE_LAG).flicker)


def test_without_back_fill_faces_show_as_they_enter() -> None:
    assert result(FULL, FILE_LAG).at_entrance == 0
    assert result(NO_BACKFILL, FILE_LAG).at_entrance >= 10


def test_without_hold_leaks_are_longer() -> None:
    assert result(NO_HOLD, LIVE_LAG).longest_leak >= 5 + result(FULL, LIVE_LAG).longest_leak


@pytest.mark.parametrize("variant", VARIANTS[1:], ids=lambda variant: variant.name)
def test_leaving_a_part_out_exposes_more_where_it_is_hard(variant: Variant) -> None:
    assert result(variant, LIVE_LAG, HARD).exposed > result(FULL, LIVE_LAG, HARD).exposed


def test_the_readme_lists_every_part() -> None:
    assert [row[1] for row in table("lag | tracker")] == [variant.name for variant in VARIANTS] * 2
