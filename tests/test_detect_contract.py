"""What every registered detector must fulfil, and what is done with one that does not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from stream_guard.detect import models
from stream_guard.detect.canary import FACE, SAMPLE, canary_score, require_canary
from stream_guard.detect.models import bundled_folder, load_verified, read_manifest
from stream_guard.detect.mtcnn import MTCNN
from stream_guard.detect.passes import FLOOR
from stream_guard.detect.presets import Detectors
from stream_guard.detect.registry import DETECTORS, GROUPS, INDEPENDENT, members
from stream_guard.detect.yunet import MODEL
from stream_guard.errors import ModelError, SettingsError
from stream_guard.model.frame import View
from stream_guard.model.geometry import Box
from stream_guard.model.ports import Detector
from stream_guard.model.verdict import Detection

Rgb = NDArray[np.uint8]
ALL = {**DETECTORS, **INDEPENDENT}


def portrait() -> Rgb:
    bgr = cv2.imread(str(bundled_folder("samples") / SAMPLE))
    assert bgr is not None
    return np.ascontiguousarray(bgr[..., ::-1])


def as_view(rgb: Rgb) -> View:
    return View(np.ascontiguousarray(rgb[..., ::-1]), 1.0, 1.0)


@pytest.fixture(scope="module", params=list(ALL))
def detector(request: pytest.FixtureRequest) -> Iterator[Detector]:
    made = ALL[request.param](FLOOR)
    yield made
    made.close()


def test_it_carries_the_name_it_is_registered_under(detector: Detector) -> None:
    assert detector.name in ALL
    assert {face.detector for face in detector.detect(as_view(portrait()))} == {detector.name}


def test_it_finds_the_canary(detector: Detector) -> None:
    require_canary(detector)
    assert canary_score(detector) > 0.5


def test_its_box_is_the_face_from_forehead_to_chin_and_ear_to_ear(detector: Detector) -> None:
    best = max(detector.detect(as_view(portrait())), key=lambda face: face.score)
    assert best.box.iou(FACE) > 0.6
    assert FACE.inflated(0.25).contains(best.box)


@pytest.mark.parametrize(("width", "height"), [(320, 320), (321, 319), (500, 333), (333, 777), (64, 64)])
def test_its_boxes_follow_the_picture_at_any_size(detector: Detector, width: int, height: int) -> None:
    canvas = np.full((height, width, 3), 90, np.uint8)
    side = min(width, height, 320)
    picture = cv2.resize(portrait(), (side, side), interpolation=cv2.INTER_AREA)
    canvas[height - side :, width - side :] = picture
    truth = FACE.scaled(side / 320, side / 320).moved(width - side, height - side)
    found = detector.detect(as_view(canvas))
    for face in found:
        assert face.box.is_finite
        assert face.box.w > 1
        assert face.box.h > 1
        assert 0 <= face.score <= 1
        assert Box(0, 0, width, height).inflated(0.25).contains(face.box)
    if side > 64:  # BlazeFace sees a face of 20 px only in part
        assert max(face.box.iou(truth) for face in found) > 0.5


def test_it_sees_no_face_in_noise(detector: Detector) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (360, 480, 3), np.uint8)
    soft = np.asarray(cv2.GaussianBlur(noise, (0, 0), 4), np.uint8)
    for picture in (noise, soft, np.zeros_like(noise), np.full_like(noise, 255)):
        assert all(face.score <= 0.5 for face in detector.detect(as_view(picture)))


def test_it_says_the_same_of_the_same_picture_and_leaves_it_as_it_was(detector: Detector) -> None:
    picture = portrait()
    first = detector.detect(as_view(picture))
    detector.detect(as_view(np.zeros((100, 180, 3), np.uint8)))
    assert list(detector.detect(as_view(picture))) == list(first)
    assert (picture == portrait()).all()


@pytest.mark.parametrize("name", ALL)
def test_it_does_not_answer_once_it_is_closed(name: str) -> None:
    closed = ALL[name](FLOOR)
    closed.close()
    with pytest.raises(Exception):  # noqa: B017, PT011 - any kind: the observer covers the frame whole
        closed.detect(as_view(portrait()))


@pytest.mark.parametrize("name", ALL)
def test_its_floor_is_where_its_answers_begin(name: str) -> None:
    strict = ALL[name](0.6)
    try:
        found = strict.detect(as_view(portrait()))
        assert found
        assert all(face.score >= 0.6 - 1e-4 for face in found)
    finally:
        strict.close()


@pytest.mark.parametrize("wide", [True, False])
def test_centerface_sees_each_face_once_wherever_its_strips_meet(wide: bool) -> None:
    """A picture of 960 is shown in two strips of 512, which meet from 448 to 512."""
    small = cv2.resize(portrait(), (140, 140), interpolation=cv2.INTER_AREA)
    face = FACE.scaled(140 / 320, 140 / 320)
    inside = slice(round(face.y0) - 12, round(face.y1) + 12), slice(round(face.x0) - 12, round(face.x1) + 12)
    tile = small[inside]
    detector = ALL["centerface"](FLOOR)
    for place in range(380, 541, 10):
        canvas = np.full((540, 960, 3), 90, np.uint8) if wide else np.full((960, 540, 3), 90, np.uint8)
        x, y = (place, 200) if wide else (200, place)
        canvas[y : y + tile.shape[0], x : x + tile.shape[1]] = tile
        truth = face.moved(x - inside[1].start, y - inside[0].start)
        found = [one for one in detector.detect(as_view(canvas)) if one.score > 0.4]
        assert len(found) == 1, place
        assert found[0].box.iou(truth) > 0.6, place
    detector.close()


@pytest.mark.parametrize(("name", "red_plane"), [("yunet", 2), ("centerface", 0)])
def test_networks_get_their_order_of_colours_and_a_border_of_black(name: str, red_plane: int) -> None:
    """The canary cannot tell: a portrait with red and blue swapped is found nearly as well."""
    red = np.zeros((30, 40, 3), np.uint8)
    red[..., 0] = 255
    detector: Any = ALL[name](0.5)
    try:
        detector.detect(as_view(np.full((32, 64, 3), 90, np.uint8)))  # leaves its picture in the memory
        blob = detector._blobs.of(as_view(red).bgr)
    finally:
        detector.close()
    assert blob.shape == (1, 3, 32, 64)
    assert [blob[0, c, :30, :40].mean() for c in range(3)] == [255 * (c == red_plane) for c in range(3)]
    assert not blob[0, :, 30:].any()
    assert not blob[0, :, :, 40:].any()


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 1000), (19, 19)])
def test_mtcnn_sees_nothing_where_no_face_fits(height: int, width: int) -> None:
    assert list(MTCNN(FLOOR).detect(as_view(np.full((height, width, 3), 90, np.uint8)))) == []


def test_mtcnn_asks_for_no_more_than_its_share_in_a_crowd() -> None:
    """400 faces of 27 px: their number is bounded, and with it the time; a crowd is seen all the same."""
    one = cv2.resize(portrait(), (75, 75), interpolation=cv2.INTER_AREA)
    found = MTCNN(FLOOR).detect(as_view(np.tile(one, (20, 20, 1))))
    assert 100 <= len(found) <= 128


# -- detectors that are not to be trusted ---------------------------------------------------------


class _Prepared:
    """A true detector that gets another picture than it was asked about."""

    def __init__(self, inner: Detector, picture: Rgb | None) -> None:
        self.name = inner.name
        self._inner = inner
        self._picture = picture

    def detect(self, view: View) -> Sequence[Detection]:
        if self._picture is None:
            return ()
        return self._inner.detect(as_view(self._picture))

    def close(self) -> None: ...


def _planes_swapped(rgb: Rgb) -> Rgb:
    """Return what comes of reading planar samples as packed ones."""
    return np.ascontiguousarray(np.moveaxis(rgb, 2, 0)).reshape(rgb.shape)


@pytest.mark.parametrize("what", ["nothing", "planes for pixels", "turned around", "another place"])
def test_a_detector_that_does_not_find_the_face_is_not_trusted(detector: Detector, what: str) -> None:
    picture = {
        "nothing": None,
        "planes for pixels": _planes_swapped(portrait()),
        "turned around": np.ascontiguousarray(portrait()[::-1]),
        "another place": np.ascontiguousarray(np.roll(portrait(), (90, 90), (0, 1))),
    }[what]
    with pytest.raises(ModelError, match=f"{detector.name} does not find the face in the sample"):
        require_canary(_Prepared(detector, picture))


def test_a_score_that_is_not_a_number_is_not_trusted() -> None:
    class Lying(_Prepared):
        def detect(self, view: View) -> Sequence[Detection]:
            return [Detection(FACE, float("nan"), self.name)]

    inner = DETECTORS["yunet"](FLOOR)
    with pytest.raises(ModelError):
        require_canary(Lying(inner, None))


def test_loading_proves_each_detector_and_closes_all_when_one_fails() -> None:
    closed: list[str] = []

    class Noting(_Prepared):
        def close(self) -> None:
            closed.append(self.name)

    def sound(floor: float) -> Detector:
        return Noting(DETECTORS["yunet"](floor), portrait())

    def blind(floor: float) -> Detector:
        return Noting(DETECTORS["mediapipe-full"](floor), None)

    with pytest.raises(ModelError, match="mediapipe-full does not find"):
        Detectors(("yunet", "mediapipe-full"), {"yunet": sound, "mediapipe-full": blind})
    assert sorted(closed) == ["mediapipe-full", "yunet"]


# -- model files ----------------------------------------------------------------------------------


def test_every_shipped_model_is_what_the_manifest_says() -> None:
    listed = read_manifest()
    assert {m.path.name for m in listed} >= {MODEL}
    for model in listed:
        assert load_verified(model.path.name)
        assert model.licence
        assert model.origin


@pytest.fixture
def altered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The installation with one byte of every model flipped."""
    folder = tmp_path / "_data" / "models"
    shutil.copytree(bundled_folder("models"), folder)
    for model in read_manifest(folder):
        content = bytearray(model.path.read_bytes())
        content[len(content) // 2] ^= 1
        model.path.write_bytes(content)
    monkeypatch.setattr(models, "_PACKAGE", tmp_path)
    return folder


@pytest.mark.parametrize("name", ALL)
def test_an_altered_model_is_refused(altered: Path, name: str) -> None:
    with pytest.raises(ModelError, match="the model was altered"):
        ALL[name](FLOOR)


@pytest.mark.parametrize("name", ALL)
def test_a_missing_model_is_refused(altered: Path, name: str) -> None:
    for model in read_manifest(altered):
        model.path.unlink()
    with pytest.raises(ModelError, match="cannot read the model"):
        ALL[name](FLOOR)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"files": [{"name": "x"}]}', '{"files": 3}'])
def test_a_broken_manifest_is_refused(altered: Path, content: str) -> None:
    (altered / "manifest.json").write_text(content)
    with pytest.raises(ModelError, match="cannot read the list of models"):
        read_manifest()


def test_a_model_that_is_not_listed_is_refused(altered: Path) -> None:
    manifest = json.loads((altered / "manifest.json").read_text())
    manifest["files"] = [entry for entry in manifest["files"] if entry["name"] != MODEL]
    (altered / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match="is not in the manifest"):
        DETECTORS["yunet"](FLOOR)


# -- names ----------------------------------------------------------------------------------------


def test_groups_stand_for_known_detectors() -> None:
    for group in GROUPS:
        assert set(members((group,))) <= set(DETECTORS)
    assert members(("mediapipe", "yunet", "mediapipe-full")) == ("mediapipe-full", "mediapipe-short", "yunet")


def test_an_unknown_detector_is_named() -> None:
    with pytest.raises(SettingsError, match="there is no detector 'yunett'; choose from yunet"):
        members(("yunett",))
