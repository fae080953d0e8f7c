"""A worker: one process that redacts one file after the other, told what by JSON lines.

`python -m stream_guard.jobs.worker` is started by the queue. The first line holds its limits, every
further one is a command ("do"). It answers on its standard output with "say": ready, progress, done or
failed.
"""

from __future__ import annotations

import errno
import json
import os
import queue
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from stream_guard.errors import ExitCode, InputError, StreamGuardError
from stream_guard.jobs import limits, names
from stream_guard.jobs.folder import REPORT, is_out_of_room
from stream_guard.jobs.process import NO_MEMORY, is_about_memory
from stream_guard.settings import Settings

if TYPE_CHECKING:
    from stream_guard.build import Guard
    from stream_guard.flow.progress import Progress
    from stream_guard.flow.report import Report

Command = Mapping[str, Any]
Say = Callable[[Mapping[str, Any]], None]

_NO_ROOM: Final = (
    "There is no room left for the result; delete jobs that are no longer needed, or raise quota_gb."
)
_ISO_CODECS: Final = ("h264", "hevc", "av1", "mpeg4", "vp9", "auto-hw")
"""What .mp4 holds."""
_ISO: Final = (".mp4", ".m4v", ".mov")


def main() -> None:
    """Serve until standard input ends."""
    limits.die_with_parent()
    say = _teller()
    commands = _commands(sys.stdin)
    first = next(commands)
    limits.confine(first["memory_mb"], first["nice"])
    try:
        guard = _guard()
    except Exception as exc:  # noqa: BLE001 - told to the queue, which makes it its own trouble
        say(_failure(exc, lambda text: text))
        return
    say({"say": "ready"})
    for command in commands:
        say(_answer(guard, command, say))


def _teller() -> Say:
    """Return what writes a line to the queue; whatever else writes to standard output goes to the log."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(told: Mapping[str, Any]) -> None:
        print(json.dumps(told), file=out, flush=True)

    return say


def _commands(lines: IO[str]) -> Iterator[Command]:
    """Yield the commands; the process ends with the last one, even in the midst of work.

    A thread waits for that, for the parent may have died before `die_with_parent` was called.
    """
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()

    def read() -> None:
        for line in lines:
            waiting.put(line)
        os._exit(0)

    threading.Thread(target=read, name="commands", daemon=True).start()
    while True:
        yield json.loads(waiting.get())


def _guard() -> Guard:
    from stream_guard import Guard

    guard = Guard()
    guard.load()
    return guard


def _answer(guard: Guard, command: Command, say: Say) -> Mapping[str, Any]:
    limits.limit_files(command["most_bytes"])
    try:
        return {"say": "done", **_DO[command["do"]](guard, command, say)}
    except Exception as exc:  # noqa: BLE001 - told to whoever asked; the queue replaces this process
        return _failure(exc, lambda text: _without_paths(text, command))


def _redact(guard: Guard, command: Command, say: Say) -> Mapping[str, Any]:
    """Redact the original of a job's folder; result and report go beside it."""
    os.chdir(command["folder"])  # so that report and messages hold no path of this machine
    source = Path(command["original"])
    guard.adopt(Settings.model_validate(command["settings"]))
    result = Path(names.result(_suffix(source, guard.settings.output.codec)))
    told = guard.redact(
        source,
        result,
        progress=lambda reading: say({"say": "progress", **_reading(reading)}),
        report=REPORT,
        verify=command["verify"],
        called=(command["name"], names.redacted(command["name"], result.suffix)),
    )
    return {"exit_code": told.exit_code, "outcome": _outcome(told, result, command["name"])}


def _inspect(guard: Guard, command: Command, _say: Say) -> Mapping[str, Any]:
    """Check settings and, if one is named, what kind of file the original is and how long."""
    guard.adopt(Settings.model_validate(command["settings"]))
    if command["original"] is None:
        return {}
    os.chdir(command["folder"])
    kind, duration_s = _kind(Path(command["original"]), command["most_hours"])
    return {"kind": kind, "duration_s": duration_s}


def _preview(guard: Guard, command: Command, _say: Say) -> Mapping[str, Any]:
    os.chdir(command["folder"])
    guard.adopt(Settings.model_validate(command["settings"]))
    guard.preview(command["original"], command["time_s"], command["output"])
    return {}


def _example(guard: Guard, command: Command, _say: Say) -> Mapping[str, Any]:
    from stream_guard.detect.canary import SAMPLE
    from stream_guard.detect.models import bundled_folder

    guard.adopt(Settings.model_validate(command["settings"]))
    guard.preview(bundled_folder("samples") / SAMPLE, 0.0, command["output"])
    return {}


_DO: Final = {"redact": _redact, "inspect": _inspect, "preview": _preview, "example": _example}


def _kind(path: Path, most_hours: float) -> tuple[str, float | None]:
    """Return "picture" or "video", and how many seconds the latter lasts if it says so.

    Raises:
        InputError: it is neither, or lasts too long.
    """
    from stream_guard.sources.kind import sniff
    from stream_guard.sources.pyav import open_container

    if sniff(path) == "still":
        return "picture", None
    with open_container(path) as container:
        duration_s = (container.duration or 0) / 1e6
    hours = duration_s / 3600
    if hours > most_hours:
        raise InputError(
            f"{path} lasts {hours:.1f} hours, but at most {most_hours:g} are taken; cut it into parts.",
            "too_long",
        )
    return "video", duration_s or None


def _suffix(source: Path, codec: str) -> str:
    """Return the suffix of a result: a picture keeps its format, a video becomes what browsers play."""
    from stream_guard.build import output_name
    from stream_guard.sources.kind import sniff

    if sniff(source) == "still":
        return Path(output_name(source)).suffix.lower()
    if codec.split("_")[0] not in _ISO_CODECS:
        return ".mkv"
    return source.suffix if source.suffix in _ISO and codec != "vp9" else ".mp4"


def _reading(progress: Progress) -> Mapping[str, Any]:
    return {
        "share": progress.share,
        "frames": progress.frames,
        "total": progress.total,
        "fps": progress.fps,
        "times_real_time": progress.times_real_time,
        "left_s": progress.left_s,
        "faces": progress.faces,
    }


def _outcome(told: Report, result: Path, name: str) -> Mapping[str, Any]:
    proof = told.verification
    return {
        "faces": told.faces,
        "frames": told.account.frames,
        "frames_whole": told.account.frames_whole,
        "places": len(told.review),
        "verified": None if proof is None else proof.passed,
        "findings": 0 if proof is None else len(proof.findings),
        "result_name": names.redacted(name, result.suffix),
        "result_type": names.TYPES[result.suffix],
        "bytes_out": told.output.bytes,
        "warnings": told.warnings,
    }


def _failure(error: Exception, plain: Callable[[str], str]) -> Mapping[str, Any]:
    code, message, exit_code = "internal", "", ExitCode.INTERNAL
    if is_out_of_room(error):
        code, message, exit_code = "no_room", _NO_ROOM, ExitCode.OUTPUT
    elif _is_out_of_memory(error):
        code, message = NO_MEMORY
    elif isinstance(error, StreamGuardError):
        code, message, exit_code = error.code, str(error), error.exit_code
    else:
        text = " ".join(str(error).split())
        message = f"Internal error ({type(error).__name__}: {text}); please report it."
    return {"say": "failed", "code": code, "message": plain(message), "exit_code": exit_code}


def _is_out_of_memory(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
            return True
        if getattr(error, "code", "") == "out_of_memory" or is_about_memory(str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False


def _without_paths(text: str, command: Command) -> str:
    """Return a message that names the file as its owner does, and no folder of this machine."""
    folder, original = command.get("folder"), command.get("original")
    text = text.replace(f"{folder}/", "") if folder else text
    return text.replace(original, command["name"]) if original else text


if __name__ == "__main__":
    main()
