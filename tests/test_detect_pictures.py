"""How pictures are made smaller, and into what networks take."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from stream_guard.detect.blobs import Blobs
from stream_guard.detect.shrink import shrunk
from tests.test_detect_contract import portrait

Bgr = NDArray[np.uint8]


@pytest.mark.parametrize("rgb", [False, True])
def test_a_blob_holds_the_picture_and_nothing_of_the_last_one(rgb: bool) -> None:
    blobs, random = Blobs(rgb=rgb), np.random.default_rng(1)
    for rows, columns in [(64, 64), (33, 40), (60, 50), (33, 40), (1, 1), (64, 64)]:
        around: Bgr = random.integers(1, 256, (rows + 9, columns + 5, 3), np.uint8)
        for bgr in (np.ascontiguousarray(around[:rows, :columns]), around[3 : 3 + rows, 2 : 2 + columns]):
            blob = blobs.of(bgr)
            assert blob.shape == (1, 3, rows + -rows % 32, columns + -columns % 32)
            expected = np.zeros(blob.shape, np.float32)
            expected[0, :, :rows, :columns] = (bgr[..., ::-1] if rgb else bgr).transpose(2, 0, 1)
            assert np.array_equal(blob, expected)


@pytest.mark.parametrize(
    "size", [(1136, 639), (1000, 562), (640, 360), (500, 281), (320, 180), (16, 9), (1, 1)]
)
def test_a_smaller_picture_shows_the_mean_of_what_it_stands_for(size: tuple[int, int]) -> None:
    bgr = np.asarray(cv2.resize(portrait(), (1280, 720), interpolation=cv2.INTER_AREA), np.uint8)
    truth = cv2.resize(bgr, size, interpolation=cv2.INTER_AREA).astype(np.float64)
    assert np.sqrt(np.mean((shrunk(bgr, *size) - truth) ** 2)) < 1.5
