"""Does the detail of a face survive? What every blur keeps, the coarse light and dark, does not count."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

LEAST_PX: Final = 6
"""A face of which less is inside the picture has no detail to compare."""
SIDE: Final = 48
"""Faces of all sizes are brought to so many pixels, so that detail means the same in all."""
_COARSE: Final = SIDE / 16
"""Sigma of the blur whose result is taken off."""
TEXTURE: Final = 2.0
"""Mean square of a cell's detail, under which there is nothing to hide: noise of 1.4 grey levels."""
_ALIKE: Final = 0.5
"""Correlation from which a cell of the result shows the original's."""
_ENERGY: Final = 0.25
"""Share of the original's energy that must be left for that; less is what a codec leaves of anything."""
TOLERATED: Final = 0.1
"""Share of the textured cells that may show by chance."""


def exposed_share(original: NDArray[np.uint8], result: NDArray[np.uint8]) -> float | None:
    """Return the share of a face's textured cells whose detail is still there; None if none has texture.

    Both are the face's box, (h, w, 3) BGR of one size. Cells lie in the ellipse that a face fills: 4 x 4,
    2 x 2 below 40 px of height, one below 20 px, so that a cell has enough true pixels.
    """
    grid = 1 if original.shape[0] < 20 else 2 if original.shape[0] < 40 else 4
    before, after = (
        cells(detail(np.asarray(cv2.cvtColor(face, cv2.COLOR_BGR2GRAY), np.uint8)), grid)
        for face in (original, result)
    )
    energy = (before**2).mean(1)
    textured = energy >= TEXTURE
    if not textured.any():
        return None
    shown = (correlation(before, after) >= _ALIKE) & ((after**2).mean(1) >= _ENERGY * energy)
    return float(shown[textured].mean())


def detail(face: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the detail of a grey face, (h, w), brought to (SIDE, SIDE)."""
    kind = cv2.INTER_AREA if face.shape[0] > SIDE else cv2.INTER_LINEAR
    sized = cv2.resize(face.astype(np.float32), (SIDE, SIDE), interpolation=kind)
    return np.asarray(sized - cv2.GaussianBlur(sized, (0, 0), _COARSE), np.float32)


def cells(detail: NDArray[np.float32], grid: int) -> NDArray[np.float32]:
    """Return the cells whose middle lies in the ellipse, (cells, pixels)."""
    k = SIDE // grid
    found = detail.reshape(grid, k, grid, k).swapaxes(1, 2).reshape(grid * grid, k * k)
    from_middle = np.arange(grid) + 0.5 - grid / 2
    inside = np.add.outer(from_middle**2, from_middle**2) <= (grid / 2) ** 2
    return np.asarray(found[inside.ravel()], np.float32)


def correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how alike the cells of two faces are, (cells,)."""
    a, b = a - a.mean(1, keepdims=True), b - b.mean(1, keepdims=True)
    return np.asarray((a * b).sum(1) / (np.sqrt((a**2).sum(1) * (b**2).sum(1)) + 1e-6), np.float32)
