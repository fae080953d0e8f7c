"""One frame ahead of the whole run: the right one, covered as the run would cover it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from stream_guard import Guard
from stream_guard.errors import InputError
from stream_guard.settings import Settings
from tests.media import Clip, frames, make
from tests.queues import PORTRAIT, WALK

_GREEN = Settings.model_validate({"redact": {"style": "solid", "colour": "#00ff00"}})


@pytest.fixture(scope="module")
def guard() -> Iterator[Guard]:
    with Guard(_GREEN) as loaded:
        yield loaded


def _is_masked(rgb: NDArray[Any]) -> NDArray[np.bool_]:
    wide = rgb.astype(int)
    return (wide[..., 1] > 200) & (wide[..., 0] < 90) & (wide[..., 2] < 90)


def _shown(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as picture:
        assert picture.format == "JPEG"
        return np.asarray(picture.convert("RGB"))


def _stripes(width: int, height: int, index: int) -> NDArray[np.uint8]:
    """A grey that tells the frame's number."""
    return np.full((height, width, 3), 20 + 4 * index, np.uint8)


def test_what_the_whole_run_covers_is_covered(guard: Guard, tmp_path: Path) -> None:
    guard.redact(WALK, tmp_path / "whole.mp4")
    whole = frames(tmp_path / "whole.mp4")
    covered = missed = 0
    for index in (10, 60, 110):
        guard.preview(WALK, float(whole[index].time), tmp_path / "shown.jpg")
        wanted = _is_masked(whole[index].to_ndarray(format="rgb24"))
        covered += wanted.sum()
        missed += (wanted & ~_is_masked(_shown(tmp_path / "shown.jpg"))).sum()
    assert covered > 20_000
    assert missed < 0.3 * covered


@pytest.mark.parametrize(("suffix", "container"), [(".mp4", {}), (".mkv", {}), (".ts", {}), (".h264", {})])
def test_the_frame_is_the_one_at_that_time(
    guard: Guard, tmp_path: Path, suffix: str, container: dict[str, str]
) -> None:
    clip = Clip(96, 64, frames=50, rate=10, paint=_stripes, options={"crf": "8", "g": "20"})
    path = make(tmp_path / f"grey{suffix}", clip, **container)
    rate = 25 if suffix == ".h264" else 10  # a bare stream tells no rate
    for index in (0, 7, 33, 49):
        guard.preview(path, (index + 0.5) / rate, tmp_path / "shown.jpg")
        off = abs(float(_shown(tmp_path / "shown.jpg").mean()) - (20 + 4 * index)) / 4
        assert off < (1.1 if suffix == ".h264" else 0.6), index  # its times are made up


def test_a_time_beyond_the_end_shows_the_end(guard: Guard, tmp_path: Path) -> None:
    path = make(tmp_path / "grey.mp4", Clip(96, 64, frames=20, rate=10, paint=_stripes))
    guard.preview(path, 1e9, tmp_path / "shown.jpg")
    assert abs(float(_shown(tmp_path / "shown.jpg").mean()) - (20 + 4 * 19)) < 4.1


def test_a_frame_that_is_shown_for_long_is_found(guard: Guard, tmp_path: Path) -> None:
    clip = Clip(96, 64, frames=3, paint=_stripes, stamps=(0, 10_000, 20_000))
    guard.preview(make(tmp_path / "slides.mkv", clip), 17.0, tmp_path / "shown.jpg")
    assert abs(float(_shown(tmp_path / "shown.jpg").mean()) - 24) < 2.1


def test_a_picture_is_shown_in_a_size_for_looking_at(guard: Guard, tmp_path: Path) -> None:
    with Image.open(PORTRAIT) as portrait:
        portrait.resize((3000, 3000)).save(tmp_path / "large.png")
    guard.preview(tmp_path / "large.png", 0.0, tmp_path / "shown.jpg")
    shown = _shown(tmp_path / "shown.jpg")
    assert shown.shape == (1920, 1920, 3)
    assert _is_masked(shown).mean() > 0.1


def test_settings_change_between_inputs_and_wrong_ones_change_nothing(tmp_path: Path) -> None:
    with Guard(Settings.model_validate({"detect": {"detectors": ("yunet",)}})) as guard:
        guard.adopt(_GREEN)
        guard.preview(PORTRAIT, 0.0, tmp_path / "shown.jpg")
        assert _is_masked(_shown(tmp_path / "shown.jpg")).mean() > 0.1
        with pytest.raises(Exception, match="there is no style"):
            guard.adopt(Settings.model_validate({"redact": {"style": "none"}}))
        assert guard.settings is _GREEN


def test_what_is_no_media_has_no_preview(guard: Guard, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("words")
    with pytest.raises(InputError) as caught:
        guard.preview(tmp_path / "a.mp4", 0.0, tmp_path / "shown.jpg")
    assert caught.value.code == "not_media"
    assert not (tmp_path / "shown.jpg").exists()
