"""SFace in onnxruntime: tells whether two pictures show the same person."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from stream_guard.detect.models import load_verified
from stream_guard.model.geometry import Box
from stream_guard.native import onnx_session

MODEL: Final = "face_recognition_sface_2021dec_int8bq.onnx"
SIDE: Final = 112
SAME_PERSON: Final = 0.363
"""Similarity from which two clear pictures show one person, as OpenCV has it. Of the pairs of 100 pictures of
10 people, 0.1 % of those of strangers reach it and all of one person (aligned by box: 0.3 % and 95 %)."""
_CLEARLY: Final = 0.1
"""A fully covered profile was like its mask by 0.37 to 0.45, and like one plain colour by 0.37."""

_TEMPLATE: Final = (
    38.2946 + 51.6963j, 73.5318 + 51.5014j, 56.0252 + 71.7366j, 41.5493 + 92.3655j, 70.7299 + 92.2041j
)  # fmt: skip
"""x + iy of the right eye, the left eye, the tip of the nose and the corners of the mouth in an aligned
face, as in ArcFace (https://arxiv.org/abs/1801.07698), which SFace was trained on."""
_IN_BOX: Final = (
    (0.26, 0.38), (0.72, 0.38), (0.48, 0.575), (0.30, 0.725), (0.70, 0.725)
)  # fmt: skip
"""Where these points lie on average in YuNet's boxes (100 pictures), in shares of width and height."""

Embedding = NDArray[np.float32]
"""(128,), of length 1."""


class SFace:
    """Turns aligned faces into embeddings, 9 ms each."""

    def __init__(self) -> None:
        """Load the network.

        Raises:
            ModelError: its file is missing or altered.
        """
        self._session = onnx_session(load_verified(MODEL))

    def embed(self, face: NDArray[np.uint8]) -> Embedding:
        """Return the embedding of an aligned face, (112, 112, 3), blue first."""
        blob = np.ascontiguousarray(face[..., ::-1].transpose(2, 0, 1)[None], np.float32)
        (answer,) = self._session.run(None, {"data": blob})
        embedding = np.asarray(answer[0], np.float32)
        return embedding / np.linalg.norm(embedding)


def similarity(a: Embedding, b: Embedding) -> float:
    """Return the cosine between two embeddings: 1 for the same picture, about 0 for strangers."""
    return float(a @ b)


def likeness(sface: SFace, face: NDArray[np.uint8], picture: NDArray[np.uint8]) -> float:
    """Return how alike a face and a picture are, both aligned, (112, 112, 3): 1 for the same picture.

    Where they pass for one person, yet a picture of nothing is hardly less like the face, it is 0: a profile,
    or a face in the dark, resembles whatever shows nobody.
    """
    known = sface.embed(face)
    alike = similarity(known, sface.embed(picture))
    if alike < SAME_PERSON:
        return alike
    empty = np.full_like(picture, picture.mean(axis=(0, 1)).astype(np.uint8))
    return alike if alike > similarity(known, sface.embed(empty)) + _CLEARLY else 0.0


def aligned(bgr: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Return the face cut out upright, (112, 112, 3), from five landmarks, (5, 2) of x, y in pixels.

    Their order is YuNet's: the eye, and the corner of the mouth, that lie left in the picture come first.
    What lies outside the picture is black.
    """
    points = landmarks[:, 0] + 1j * landmarks[:, 1]
    template = np.array(_TEMPLATE)
    # least squares in the complex plane: multiplication is turning and scaling at once
    spread, wanted = points - points.mean(), template - template.mean()
    turn = np.vdot(spread, wanted) / np.vdot(spread, spread).real
    shift = template.mean() - turn * points.mean()
    warp = np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])
    return np.asarray(cv2.warpAffine(bgr, warp, (SIDE, SIDE)), np.uint8)


def aligned_by_box(bgr: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    """Return the face of a detection, taken to be upright and to look at the camera."""
    return aligned(bgr, np.array([box.x0, box.y0]) + np.array(_IN_BOX) * (box.w, box.h))
