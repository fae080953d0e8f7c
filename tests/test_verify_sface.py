"""SFace knows a person again, by landmarks and by box, turned or dimmed, and no longer under a mask."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import stream_guard
from stream_guard.detect import models
from stream_guard.detect.canary import FACE, SAMPLE
from stream_guard.detect.models import bundled_folder
from stream_guard.errors import ModelError
from stream_guard.verify.sface import MODEL, SAME_PERSON, SFace, aligned, aligned_by_box, likeness, similarity

POINTS = np.array([[134, 103.5], [180, 103.5], [156.5, 126], [136, 144], [176, 143.5]])
"""Eyes, nose and mouth of the bundled portrait."""


@pytest.fixture(scope="module")
def sface() -> SFace:
    return SFace()


@pytest.fixture(scope="module")
def portrait() -> NDArray[np.uint8]:
    return np.asarray(cv2.imread(str(bundled_folder("samples") / SAMPLE)), np.uint8)


def test_an_embedding_has_length_one_and_likes_itself(sface: SFace, portrait: NDArray[np.uint8]) -> None:
    embedding = sface.embed(aligned(portrait, POINTS))
    assert embedding.shape == (128,)
    assert similarity(embedding, embedding) == pytest.approx(1, abs=1e-5)


def test_eyes_and_mouth_come_to_where_the_network_expects_them(portrait: NDArray[np.uint8]) -> None:
    dotted = np.zeros_like(portrait)
    for x, y in POINTS:
        cv2.circle(dotted, (round(x), round(y)), 3, (255, 255, 255), -1)
    face = aligned(dotted, POINTS)
    for x, y in ((38, 52), (73, 51), (56, 72), (41, 92), (71, 92)):
        assert face[y - 3 : y + 4, x - 3 : x + 4].max() > 128


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turned_face_is_cut_out_upright(sface: SFace, portrait: NDArray[np.uint8], turns: int) -> None:
    height, width = portrait.shape[:2]
    points = POINTS.copy()
    for _ in range(turns):
        points = np.stack([points[:, 1], width - 1 - points[:, 0]], axis=1)
        height, width = width, height
    turned = aligned(np.ascontiguousarray(np.rot90(portrait, turns)), points)
    assert similarity(sface.embed(turned), sface.embed(aligned(portrait, POINTS))) > 0.99


def test_a_box_serves_where_there_are_no_landmarks(sface: SFace, portrait: NDArray[np.uint8]) -> None:
    by_box = sface.embed(aligned_by_box(portrait, FACE))
    assert similarity(by_box, sface.embed(aligned(portrait, POINTS))) > 0.7


def test_a_dim_noisy_small_picture_is_still_the_same_person(
    sface: SFace, portrait: NDArray[np.uint8]
) -> None:
    small = cv2.resize(portrait, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA)
    noise = np.random.default_rng(1).normal(0, 6, small.shape)
    poor = np.clip(small * 0.5 + noise, 0, 255).astype(np.uint8)
    clear = sface.embed(aligned(portrait, POINTS))
    assert similarity(clear, sface.embed(aligned(poor, POINTS * 0.4))) > SAME_PERSON


def test_the_colours_are_fed_in_their_order(sface: SFace, portrait: NDArray[np.uint8]) -> None:
    """Known value: OpenCV's own FaceRecognizerSF gives the same embedding for the same aligned face."""
    face = aligned(portrait, POINTS)
    known = cv2.FaceRecognizerSF.create(str(bundled_folder("models") / MODEL), "").feature(face)[0]
    assert similarity(sface.embed(face), known / np.linalg.norm(known)) > 0.999


@pytest.mark.parametrize("style", ["frost", "solid", "icon"])
def test_nobody_is_known_again_under_a_mask(sface: SFace, portrait: NDArray[np.uint8], style: str) -> None:
    covered = stream_guard.anonymize_image(portrait[..., ::-1], style=style)[..., ::-1]
    clear = sface.embed(aligned(portrait, POINTS))
    assert similarity(clear, sface.embed(aligned(np.ascontiguousarray(covered), POINTS))) < SAME_PERSON


def test_a_face_that_resembles_nothing_is_not_known_again_in_a_mask(
    sface: SFace, portrait: NDArray[np.uint8]
) -> None:
    """What a network makes of a face that it can hardly see is what it makes of any plain ground."""
    mask = np.full((112, 112, 3), (150, 160, 170), np.uint8)
    hardly = np.asarray(cv2.addWeighted(aligned(portrait, POINTS), 0.05, mask, 0.95, 0), np.uint8)
    assert similarity(sface.embed(hardly), sface.embed(mask)) > SAME_PERSON
    assert likeness(sface, hardly, mask) == 0
    face = aligned(portrait, POINTS)
    blurred = np.asarray(cv2.GaussianBlur(face, (15, 15), 0), np.uint8)
    assert likeness(sface, face, blurred) > SAME_PERSON


def test_an_altered_recogniser_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "_data" / "models"
    folder.mkdir(parents=True)
    source = bundled_folder("models")
    (folder / "manifest.json").write_bytes((source / "manifest.json").read_bytes())
    content = bytearray((source / MODEL).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / MODEL).write_bytes(content)
    monkeypatch.setattr(models, "_PACKAGE", tmp_path)
    with pytest.raises(ModelError, match="the model was altered"):
        SFace()
