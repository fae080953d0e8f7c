"""Grey pictures whose motion is known."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]


def texture(width: int, height: int, seed: int) -> Grey:
    """Return a soft random pattern with detail of about 6 pixels."""
    noise = np.random.default_rng(seed).normal(size=(height, width)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 2.5)
    return np.asarray(np.clip(128 + 45 * soft / soft.std(), 0, 255), np.uint8)


def seen_from(world: Grey, width: int, height: int, x: float, y: float, scale: float = 1.0) -> Grey:
    """Return what a camera sees whose upper left corner looks at (x, y) of the world, enlarged by scale."""
    warp = np.array([[scale, 0, -scale * x], [0, scale, -scale * y]])
    return np.asarray(cv2.warpAffine(world, warp, (width, height), flags=cv2.INTER_LINEAR), np.uint8)


def with_patch(picture: Grey, patch: Grey, x: float, y: float) -> Grey:
    """Return the picture with a patch over it, its upper left corner at (x, y), between pixels too."""
    height, width = picture.shape
    warp = np.array([[1, 0, x], [0, 1, y]], np.float64)
    laid = cv2.warpAffine(patch, warp, (width, height))
    share = cv2.warpAffine(np.ones(patch.shape, np.float32), warp, (width, height))
    return np.asarray(np.rint(share * laid + (1 - share) * picture), np.uint8)
