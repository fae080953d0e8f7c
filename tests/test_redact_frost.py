"""What frost shows: grey, as light as what is around the mask, nothing of what is under it, no detail."""

from __future__ import annotations

import numpy as np
import pytest

from stream_guard.evaluate.detail import cells, detail
from stream_guard.model.geometry import Box
from stream_guard.model.picture import Component
from tests.test_redact_mask import LAYOUTS, picture, redactor, rendered, samples_of


def test_frost_keeps_neutral_grey_neutral_and_stays_in_range() -> None:
    seen = picture(LAYOUTS["yuv420p"], 120, 120)
    for channel in seen.channels:
        channel.samples[...] = 16 if channel.component is Component.LUMA else 128
    luma, cb, cr = samples_of(rendered(redactor("frost"), seen, {1: Box(40, 40, 80, 80)}))
    assert luma.min() >= 16
    assert luma.max() <= 235
    assert abs(cb - 128).max() <= 2
    assert abs(cr - 128).max() <= 2


def test_the_texture_of_frost_does_not_pass_for_the_detail_of_a_face() -> None:
    """Of a face, 2 and more a cell, a quarter of the energy passes for it where chance makes it alike."""
    seen = picture(LAYOUTS["gray"], 400, 120)
    rendered(redactor("frost"), seen, {i: Box(130 * i + 30, 40, 130 * i + 78, 88) for i in range(3)})
    for i in range(3):
        face = seen.channels[0].samples[40:88, 130 * i + 30 : 130 * i + 78]
        assert (cells(detail(face), 4) ** 2).mean(1).max() < 0.5
        assert np.ptp(face) > 4


@pytest.mark.parametrize("layout", LAYOUTS)
def test_frost_knows_nothing_of_what_is_under_it(layout: str) -> None:
    """Pictures that are black or white under the mask, alike elsewhere, give the same, to the last sample."""
    box, before = {1: Box(30, 30, 60, 60)}, samples_of(picture(LAYOUTS[layout], 96, 96))
    covered = samples_of(rendered(redactor("solid"), picture(LAYOUTS[layout], 96, 96), box))
    shown = []
    for white in (0, 1):
        seen = picture(LAYOUTS[layout], 96, 96)
        for channel, one, other in zip(seen.channels, before, covered, strict=True):
            channel.samples[one != other] = white * channel.peak << channel.shift
        shown.append(samples_of(rendered(redactor("frost"), seen, box)))
    assert all(np.array_equal(black, white) for black, white in zip(*shown, strict=True))


@pytest.mark.parametrize("layout", ["yuv420p", "rgba"])
def test_frost_keeps_no_more_than_16_levels_of_the_light_around_it(layout: str) -> None:
    """Pictures whose flat colours differ by less than a level give the same mask, to the last sample."""
    shown = set()
    for level in range(98, 102):
        seen = picture(LAYOUTS[layout], 90, 90)
        for channel in seen.channels[:3]:
            channel.samples[...] = level
        rendered(redactor("frost"), seen, {1: Box(20, 20, 60, 60)})
        shown.add(seen.channels[0].samples[20:60, 20:60].tobytes())
    assert len(shown) == 1
