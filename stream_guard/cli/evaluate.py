"""`stream-guard evaluate`: how well a redaction protects, where the true faces are known."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stream_guard.cli.display import display
from stream_guard.cli.options import PATH, effective, file_option, setting_options
from stream_guard.errors import ExitCode

if TYPE_CHECKING:
    from stream_guard import Score

_LISTED_LEAKS = 10


@click.command(short_help="Measure how well a clip's faces are covered, given where they are.")
@click.argument("clip", metavar="CLIP", type=PATH)
@click.option(
    "--truth", required=True, metavar="BOXES", type=PATH,
    help="CSV file of the true faces: frame,track,x,y,w,h and, if wanted, ignore.",
)  # fmt: skip
@file_option(
    "--redacted",
    help="Judge this copy of the clip, whichever program made it; else CLIP is redacted first, and the copy "
    "is not kept.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.option(
    "--progress", type=click.Choice(("auto", "bar", "lines", "none")), default="auto",
    help="How to show progress.  [auto]",
)  # fmt: skip
@setting_options("detect", "track", "redact", "output", "limits", without=("output.overwrite",))
def evaluate(
    clip: Path,
    truth: Path,
    redacted: Path | None,
    as_json: bool,
    progress: str,
    config: Path | None,
    **given: Any,
) -> ExitCode:
    """Measure, from the pixels of CLIP and its redacted copy, how well its faces are covered.

    \b
    stream-guard evaluate in.mp4 --truth in.boxes.csv --preset fast
    stream-guard evaluate in.mp4 --truth in.boxes.csv --redacted out.mp4 --json
    """
    settings = effective(config, given).settings
    if redacted is not None and any(value not in (None, ()) for value in given.values()):
        raise click.UsageError("--redacted is judged as it is; settings have no effect on it: leave them out")
    from stream_guard import evaluate as measured

    with display(progress, str(clip)) as listener:
        score = measured(clip, truth, redacted, settings, progress=listener)
    if as_json:
        click.echo(json.dumps(score.as_dict(), indent=1, ensure_ascii=False))
    else:
        for label, value in _lines(score):
            click.echo(f"{label:<30}{value}")
    return ExitCode.DONE


def _lines(score: Score) -> Iterator[tuple[str, str]]:
    """Yield the table, a label and a value a line."""
    lost = f"; {score.without_frame} more have no frame in the result" if score.without_frame else ""
    yield "face-frames covered", _recall(score.face_frames.covered, score.face_frames.total) + lost
    for name, tally in score.by_size.items():
        if tally.total:
            yield f"  {name} px high", _recall(tally.covered, tally.total)
    yield "face-frames not judged", f"{score.not_judged}"
    yield "tracks with an exposed frame", _share(score.exposed_tracks, score.tracks)
    yield "longest leak", f"{score.longest_leak} frame(s)"
    rate = score.flicker_per_track_minute
    yield "flicker", f"{score.flicker}" + ("" if rate is None else f", {rate:.2f} per track-minute")
    yield "covered beyond the faces", _or(score.collateral, "{:.2%} of the picture", "nothing to look at")
    yield "PSNR outside", _or(score.psnr_outside_db, "{:.1f} dB", "nothing differs")
    yield "frames, original and result", f"{score.frames[0]}, {score.frames[1]}"
    yield "largest time shift", f"{score.time_shift_s:.4f} s"
    yield "size, original and result", ", ".join(f"{w}x{h}" for w, h in (score.size, score.result_size))
    yield "sound", score.sound
    for leak in score.leaks[:_LISTED_LEAKS]:
        yield (
            f"  shows: track {leak.track}",
            f"{leak.first_s:.2f} to {leak.last_s:.2f} s, {leak.frames} frame(s)",
        )
    if (more := len(score.leaks) - _LISTED_LEAKS) > 0:
        yield "", f"and {more} more; --json has all"


def _recall(covered: int, total: int) -> str:
    return _share(covered, total) if total else "none to judge"


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole}" + (f" ({part / whole:.2%})" if whole else "")


def _or(value: float | None, form: str, otherwise: str) -> str:
    return otherwise if value is None else form.format(value)
