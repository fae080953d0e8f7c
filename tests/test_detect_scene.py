"""What counts as a scene cut or as a sudden change, and what does not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stream_guard.detect.scene import Change, SceneChanges
from tests.pictures import Grey, seen_from, texture

WORLD = texture(640, 360, seed=8)


def _changes(pictures: Sequence[Grey], kind: Change) -> list[int]:
    changes = SceneChanges()
    return [i for i, picture in enumerate(pictures) if changes.to(picture) is kind]


def _starts(pictures: Sequence[Grey]) -> list[int]:
    return _changes(pictures, Change.CUT)


def _looking_at(x: float) -> Grey:
    return seen_from(WORLD, 160, 90, x, 20)


def _bright(picture: Grey) -> Grey:
    return np.asarray(200 + picture // 6, np.uint8)


def test_a_cut_is_noticed() -> None:
    before, after = _looking_at(0), _bright(seen_from(texture(640, 360, seed=9), 160, 90, 0, 0))
    assert _starts([before, before, after, after]) == [2]


def test_the_first_picture_is_no_cut() -> None:
    assert _starts([_looking_at(0)]) == []


def test_a_pan_is_no_cut() -> None:
    assert _starts([_looking_at(12 * i) for i in range(30)]) == []


def test_a_flash_starts_a_scene_and_so_does_its_end() -> None:
    still = _looking_at(0)
    assert _starts([still, still, _bright(still), still, still]) == [2, 3]


def test_a_slow_fade_is_no_cut() -> None:
    still = _looking_at(0).astype(np.float32)
    assert _starts([np.asarray(still * (1 - i / 20), np.uint8) for i in range(21)]) == []


def marked(picture: Grey, x: int, side: int = 12) -> Grey:
    """Return the picture with something square in it."""
    patched = picture.copy()
    patched[30 : 30 + side, x : x + side] ^= 128
    return patched


def test_what_comes_and_goes_in_a_still_picture_is_sudden() -> None:
    still = _looking_at(0)
    shown = [marked(still, 40) if i in (20, 21, 30) else still for i in range(40)]
    assert _changes(shown, Change.SUDDEN) == [20, 22, 30, 31]


def test_what_moves_all_the_time_is_not_sudden() -> None:
    assert _changes([_looking_at(12 * i) for i in range(30)], Change.SUDDEN) == []
    still = _looking_at(0)
    assert _changes([marked(still, 4 * i, 24) for i in range(30)], Change.SUDDEN) == []
