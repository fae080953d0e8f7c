"""What is done with a video that was damaged on its way: nobody shows in what the decoder made of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import stream_guard
from stream_guard.errors import ExitCode
from tests.media import Clip, frames, make, spoil

FAST: dict[str, Any] = {"detectors": ("yunet",), "preset": "fast"}


@pytest.fixture
def spoilt(tmp_path: Path) -> Path:
    path = make(tmp_path / "in.mkv", Clip(frames=60, codec="mjpeg", pix_fmt="yuvj420p"))
    spoil(path, 20)
    return path


def _pictures(path: Path) -> list[NDArray[np.uint8]]:
    return [frame.to_ndarray(format="gray") for frame in frames(path)]


def test_damaged_frames_are_covered_whole(spoilt: Path, tmp_path: Path) -> None:
    report = stream_guard.redact(spoilt, tmp_path / "out.mkv", **FAST)
    (run,) = report.account.whole
    assert (run.first_frame, run.last_frame, run.reason) == (20, 35, "the stream is damaged")
    assert report.exit_code is ExitCode.COVERED_WHOLE
    flat = [i for i, picture in enumerate(_pictures(tmp_path / "out.mkv")) if picture.std() < 3]
    assert flat == list(range(20, 36))


def test_they_can_be_trusted(spoilt: Path, tmp_path: Path) -> None:
    report = stream_guard.redact(spoilt, tmp_path / "out.mkv", **FAST, trust_damaged=True)
    assert report.account.whole == []
    assert report.exit_code is ExitCode.DONE
    assert min(picture.std() for picture in _pictures(tmp_path / "out.mkv")) > 10
