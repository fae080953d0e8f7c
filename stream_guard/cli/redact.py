"""`stream-guard redact`: the main job."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from stream_guard.cli.display import MODES, display
from stream_guard.cli.failure import report_failure, say, worst
from stream_guard.cli.keygen import ask_passphrase
from stream_guard.cli.options import PATH, effective, file_option, setting_options
from stream_guard.cli.verify import tell
from stream_guard.errors import ExitCode, InputError, OutputError, PipelineError, Stopped
from stream_guard.model.clock import timecode

if TYPE_CHECKING:
    from stream_guard import Guard
    from stream_guard.flow.report import Report
    from stream_guard.model.place import Place

_PLACES_SHOWN: Final = 3

Job = tuple[Path, Path]


@click.command(short_help="Cover every face in videos and pictures.")
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...", type=PATH)
@click.option(
    "-o", "--output", required=True, metavar="OUT", type=click.Path(readable=False),
    help="The file to write; a folder for several inputs, or with a slash at its end.",
)  # fmt: skip
@file_option(
    "--plan",
    help="Cover what this plan from `stream-guard detect` says; frames it does not know are covered whole.",
)
@click.option("--report", is_flag=True, help="Write OUT.report.json beside the output.")
@file_option("--report-to", help="Write the report to this file instead.")
@file_option(
    "--sign-key",
    help="Sign the report with this key from `stream-guard keygen`; its passphrase is asked for.",
)
@file_option("--contact-sheet", help="Draw the riskiest places to look at into this picture (.png, .jpg).")
@click.option("--verify", is_flag=True, help="Prove the finished file, as `stream-guard verify` does.")
@click.option("--progress", type=click.Choice(MODES), default="auto", help="How to show progress.  [auto]")
@setting_options("detect", "track", "zones", "redact", "output", "limits")
def redact(
    inputs: tuple[Path, ...],
    output: str,
    plan: Path | None,
    report: bool,
    report_to: Path | None,
    sign_key: Path | None,
    contact_sheet: Path | None,
    verify: bool,
    progress: str,
    config: Path | None,
    **given: Any,
) -> ExitCode:
    """Cover every face in videos and pictures and write the result; the input is never changed.

    \b
    stream-guard redact in.mp4 -o out.mp4
    stream-guard redact *.mp4 photo.jpg -o covered/
    """
    settings = effective(config, given).settings
    if len(inputs) > 1 and (plan or report_to or contact_sheet):
        raise click.UsageError(
            "--plan, --report-to and --contact-sheet are for one input; give the inputs one by one"
        )
    if sign_key and not (report or report_to):
        raise click.UsageError("--sign-key signs the report; add --report")
    from stream_guard import Guard, Signer

    signer = Signer.from_file(sign_key, ask_passphrase(sign_key)) if sign_key else None
    wanted: dict[str, Any] = {
        "plan": plan, "report": report_to or report, "contact_sheet": contact_sheet, "signer": signer,
        "verify": verify,
    }  # fmt: skip
    jobs, folder = _jobs(inputs, output)
    with _made(folder), Guard(settings) as guard:
        return worst([_one(guard, job, wanted, progress) for job in jobs])  # each says how it went


def _jobs(inputs: Sequence[Path], given: str) -> tuple[list[Job], Path | None]:
    """Return which input goes to which file, and the folder of these where the output is to be one.

    Raises:
        UsageError: several inputs would go to one file.
        OutputError: the folder cannot be entered.
    """
    from stream_guard import output_name
    from stream_guard.sinks.publish import translated

    output = Path(given)
    with translated(output):
        is_there, is_folder = output.exists(), given.endswith("/") or output.is_dir()
    if len(inputs) == 1 and not is_folder:
        return [(inputs[0], output)], None
    if not is_folder and (is_there or output.suffix):
        raise click.UsageError(
            f"{len(inputs)} inputs need a folder as output, but {output} is none; create it first"
        )
    taken: dict[str, Path] = {}
    for path in inputs:
        other = taken.setdefault(output_name(path), path)
        if other is not path:
            raise click.UsageError(f"{other} and {path} would both become {output / output_name(path)}")
    return [(path, output / name) for name, path in taken.items()], output


@contextmanager
def _made(folder: Path | None) -> Iterator[None]:
    """Make the folder and those above it, and take away again what stays empty.

    Raises:
        OutputError: it cannot be made.
    """
    from stream_guard.sinks.publish import translated

    if folder is None:
        yield
        return
    with translated(folder):
        new = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        with suppress(OSError):  # the first that is not empty ends it
            for path in new:
                path.rmdir()


def _one(guard: Guard, job: Job, wanted: dict[str, Any], progress: str) -> ExitCode:
    """Redact one input; its own failure does not stop the others."""
    source, target = job
    before = _identity(target)
    try:
        with display(progress, str(source)) as listener:
            report = guard.redact(source, target, progress=listener, **wanted)
    except (InputError, OutputError, PipelineError) as exc:
        return report_failure(exc)
    except Stopped as stop:
        if _identity(target) == before:
            raise
        raise Stopped(stop.by, f"{target} is there, but not proven") from stop
    return _summary(report, progress)


def _identity(path: Path) -> int | None:
    """Return what differs once a file has been replaced; None where there is none."""
    try:
        return path.lstat().st_ino
    except OSError:
        return None


def _summary(report: Report, progress: str) -> ExitCode:
    for warning in report.warnings:
        say(f"{report.input.path}: {warning}", "warning")
    for note in report.notes:
        say(f"{report.output.path}: {note}", "note")
    if report.covered_whole:
        first = report.account.whole[0]
        say(
            f"{report.output.path}: {report.account.frames_whole} of {report.account.frames} frames had "
            f"to be covered whole, the first at {first.first_s:.2f} s ({first.reason})",
            "warning",
        )
    if progress != "json":
        click.echo(
            f"{report.output.path}: {report.account.frames} frame(s), {report.faces} face track(s) covered"
        )
        _places(report)
    if report.verification is not None:
        tell(report.verification, progress)
    return report.exit_code


def _places(report: Report) -> None:
    """Say how many places there are to look at, and the riskiest of them."""
    count = len(report.review)
    if count:
        click.echo(f"{count} place{'s' * (count > 1)} to look at, the riskiest first:")
    for place in report.review[:_PLACES_SHOWN]:
        click.echo(f"  {timecode(place.time_s)}  frame {place.frame}{_where(place)}: {place.says}")
    if count > _PLACES_SHOWN:
        click.echo(f"  and {count - _PLACES_SHOWN} more: --report lists them, --contact-sheet shows them")


def _where(place: Place) -> str:
    box = place.box
    return f", {box.w:.0f}x{box.h:.0f} px at {box.x0:.0f},{box.y0:.0f}" if box else ""
