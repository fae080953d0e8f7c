"""Boxes: what is reckoned for many at once is what is reckoned for two."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_guard.model.geometry import Box, ious, overlaps

_sides = st.floats(-50, 50, allow_nan=False, width=32)
_boxes = st.lists(st.builds(Box, _sides, _sides, _sides, _sides), max_size=6)


@given(_boxes, _boxes)
def test_many_boxes_are_compared_as_two_are(these: list[Box], those: list[Box]) -> None:
    shared, likeness = overlaps(these, those), ious(these, those)
    assert shared.shape == likeness.shape == (len(these), len(those))
    for i, a in enumerate(these):
        for j, b in enumerate(those):
            assert math.isclose(shared[i, j], a.overlap(b), abs_tol=1e-9)
            assert math.isclose(likeness[i, j], a.iou(b), abs_tol=1e-12)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("lost", [Box(math.nan, 0, 4, 4), Box(0, 0, math.inf, 4)])
def test_a_box_that_is_not_finite_is_like_no_other(lost: Box) -> None:
    assert (ious([lost, Box(0, 0, 4, 4)], [lost]) == 0.0).all()
