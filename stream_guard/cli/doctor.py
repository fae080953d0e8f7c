"""`stream-guard doctor`: does everything work on this machine, and if not, what to do."""

from __future__ import annotations

import platform
from collections.abc import Callable
from functools import partial
from typing import Final

import click

import stream_guard
from stream_guard.cli.failure import explain
from stream_guard.errors import ExitCode, InputError
from stream_guard.native import libraries_required

_DECODERS: Final = (
    "h264", "hevc", "av1", "vp8", "vp9", "mpeg2video", "mpeg4", "mjpeg", "prores", "wmv3", "vc1",
    "gif", "apng", "webp",
)  # fmt: skip

_SAMPLES: Final = ("walk.mp4", "street.png", "portrait.jpg")


@click.command(short_help="Check that every part works on this machine.")
def doctor() -> ExitCode:
    """Check libraries, models, each detector on a bundled picture, encoders and decoders."""
    click.echo(
        f"stream-guard {stream_guard.__version__}, Python {platform.python_version()}, {platform.machine()}"
    )
    good = [_check("system libraries", _libraries)]
    if good[0]:
        good += [_check("model files", _models), _check("samples to try", _samples)]
        good += [_check(f"detector {name}", partial(_finds_the_face, name)) for name in _detectors()]
        good += [_check("video encoders", _encoders), _check("video decoders", _decoders)]
    click.echo("everything works" if all(good) else "something is missing: see the lines marked FAILED")
    return ExitCode.DONE if all(good) else ExitCode.INTERNAL


def _check(what: str, look: Callable[[], str]) -> bool:
    try:
        found = look()
    except Exception as exc:  # noqa: BLE001  (whatever is wrong is the answer)
        click.echo(f"FAILED  {what}: {explain(exc)[0]}")
        return False
    click.echo(f"ok      {what}: {found}")
    return True


def _libraries() -> str:
    with libraries_required():
        import av
        import cv2
        import onnxruntime

        from stream_guard.detect.blazeface import import_mediapipe

        import_mediapipe()
        import mediapipe
    return (
        f"PyAV {av.__version__}, OpenCV {cv2.__version__}, onnxruntime {onnxruntime.__version__}, "
        f"MediaPipe {mediapipe.__version__}"
    )


def _models() -> str:
    from stream_guard.detect.models import load_verified, read_manifest

    names = [model.path.name for model in read_manifest()]
    for name in names:
        load_verified(name)
    return f"{len(names)} verified by SHA-256"


def _samples() -> str:
    from stream_guard.detect.models import bundled_folder

    folder = bundled_folder("samples")
    missing = [name for name in _SAMPLES if not (folder / name).is_file()]
    if missing:
        raise InputError(f"{folder} lacks {', '.join(missing)}; install stream-guard again")
    return f"{', '.join(_SAMPLES)} in {folder}"


def _detectors() -> tuple[str, ...]:
    from stream_guard.detect.registry import DETECTORS, INDEPENDENT

    return (*DETECTORS, *INDEPENDENT)


def _finds_the_face(name: str) -> str:
    from stream_guard.detect.canary import SAMPLE, canary_score, require_canary
    from stream_guard.detect.passes import FLOOR
    from stream_guard.detect.registry import DETECTORS, INDEPENDENT

    with libraries_required():
        detector = {**DETECTORS, **INDEPENDENT}[name](FLOOR)
    try:
        require_canary(detector)
        return f"finds the face in {SAMPLE} with score {canary_score(detector):.2f}"
    finally:
        detector.close()


def _encoders() -> str:
    from stream_guard.sinks.pyav import available_encoders

    return ", ".join(available_encoders())


def _decoders() -> str:
    import av

    missing = [name for name in _DECODERS if name not in av.codecs_available]
    listed = ", ".join(name for name in _DECODERS if name not in missing)
    return f"{listed} and {len(av.codecs_available)} codecs in all" + (
        f"; not here: {', '.join(missing)}" * bool(missing)
    )
