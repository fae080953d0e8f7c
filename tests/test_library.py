"""The library: as short to call as the command line."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import stream_guard
from stream_guard.errors import ExitCode, InputError, MissingLibraryError, OutputError, SettingsError
from stream_guard.flow.progress import Progress
from stream_guard.native import libraries_required

SAMPLES = Path(__file__).parents[1] / "samples"
STREET = SAMPLES / "street.png"
FAST: dict[str, Any] = {"preset": "fast", "detectors": "yunet"}


def _covered(pixels: np.ndarray[Any, Any]) -> bool:
    """Tell whether the largest face of the street is black."""
    return bool((pixels[80:150, 70:130, :3] == 0).all())


def test_redact_returns_its_report(tmp_path: Path) -> None:
    told: list[Progress] = []
    report = stream_guard.redact(
        STREET, str(tmp_path / "out.png"), progress=told.append, style="solid", **FAST
    )
    assert (report.account.frames_in, report.account.frames, report.faces) == (1, 1, 3)
    assert not report.covered_whole
    assert told[-1].done
    assert _covered(np.asarray(Image.open(tmp_path / "out.png")))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_an_array_comes_back_in_its_own_shape(mode: str) -> None:
    pixels = np.atleast_3d(np.asarray(Image.open(STREET).convert(mode)))
    before = pixels.copy()
    after = stream_guard.anonymize_image(pixels, style="solid", **FAST)
    assert after.shape == pixels.shape
    assert (pixels == before).all()
    assert _covered(after)
    assert not _covered(pixels)


@pytest.mark.parametrize("given", [{}, {"public_key": "k.pub"}, {"source": STREET, "public_key": "k.pub"}])
def test_to_verify_by_nothing_is_no_proof(given: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=r"nothing to check|give the report too"):
        stream_guard.verify(STREET, given.get("source"), public_key=given.get("public_key"))


def test_one_guard_serves_many_pictures() -> None:
    pixels = np.asarray(Image.open(STREET).convert("RGB"))
    settings = stream_guard.Settings.model_validate({"redact": {"style": "solid"}})
    with stream_guard.Guard(settings) as guard:
        first, nothing, again = (guard.anonymize_image(p) for p in (pixels, np.zeros_like(pixels), pixels))
    assert (first == again).all()
    assert not nothing.any()


@pytest.mark.parametrize("shape", [(10, 10), (0, 5, 3), (4, 4, 5)])
def test_other_arrays_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="it must be a numpy array of uint8"):
        stream_guard.anonymize_image(np.zeros(shape, np.uint8))
    with pytest.raises(InputError, match="float64"):
        stream_guard.anonymize_image(np.zeros((4, 4, 3)))  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [Image.new("RGB", (8, 8)), [[[0, 0, 0]]], None])
def test_what_is_no_array_is_refused(value: Any) -> None:
    with pytest.raises(InputError, match=f"is of type {type(value).__name__}; it must be a numpy array"):
        stream_guard.anonymize_image(value)


def test_an_unknown_override_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="unknown setting stlye; did you mean style"):
        stream_guard.redact(STREET, tmp_path / "out.png", stlye="solid")


def test_the_report_cannot_be_the_output(tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    with pytest.raises(OutputError, match="is another output of this run"):
        stream_guard.redact(STREET, out, report=out, **FAST)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", [ImportError, OSError])
def test_a_missing_system_library_names_the_debian_packages(kind: type[Exception]) -> None:
    with pytest.raises(MissingLibraryError, match=r"libGL\.so\.1 is missing.* libgl1 libglib2\.0-0 "):  # noqa: SIM117
        with libraries_required():
            raise kind("libGL.so.1: cannot open shared object file: No such file or directory")


@pytest.mark.parametrize("asked", [["devices"], ["live", "test:"], ["serve", "--port", "0"]])
def test_every_command_names_them(asked: list[str]) -> None:
    lacking = (
        "import sys\n"
        "class Lacking:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name in ('av', 'cv2'):\n"
        "            raise ImportError('libxcb.so.1: cannot open shared object file: No such file')\n"
        "sys.meta_path.insert(0, Lacking())\n"
        "from stream_guard.cli.main import main\n"
        f"main({asked!r})\n"
    )
    done = subprocess.run([sys.executable, "-c", lacking], capture_output=True, text=True, timeout=60)
    assert done.returncode == ExitCode.INTERNAL
    assert "the system library libxcb.so.1 is missing; on Debian and Ubuntu install" in done.stderr


def test_another_import_error_is_left_alone() -> None:
    with pytest.raises(ImportError, match="no module"), libraries_required():
        raise ImportError("no module named x")


def test_the_functions_outlive_an_import_of_the_subpackages() -> None:
    code = (
        "import stream_guard.redact.styles, stream_guard.detect.models, stream_guard\n"
        "assert callable(stream_guard.redact) and callable(stream_guard.detect)\n"
        "from stream_guard.redact import mask\n"
        "assert mask.Margins and callable(stream_guard.redact)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_version_is_the_packages() -> None:
    project = tomllib.loads((SAMPLES.parent / "pyproject.toml").read_text())["project"]
    assert stream_guard.__version__ == project["version"]


def test_names_that_do_not_exist_are_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        _ = stream_guard.nonsense


def test_large_pictures_are_held_back_for_a_shorter_time(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    report = stream_guard.redact(
        SAMPLES / "walk.mp4", out, lag_memory_mb=16, encoder_preset="ultrafast", **FAST
    )
    assert report.notes == ("18 frames were held back instead of 50: limits.lag_memory_mb allows no more",)
