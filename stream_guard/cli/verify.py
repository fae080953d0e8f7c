"""`stream-guard verify`: prove a finished file against its original."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from stream_guard.cli.display import MODES, display
from stream_guard.cli.failure import say
from stream_guard.cli.options import PATH, effective, file_option, setting_options
from stream_guard.errors import ExitCode

if TYPE_CHECKING:
    from stream_guard.model.finding import Finding, Verification

_MOST_ROWS: Final = 40


@click.command(short_help="Prove that a finished file shows no face of its original.")
@click.argument("output", metavar="OUT", type=PATH)
@click.option(
    "--against", metavar="IN", type=PATH,
    help="The original file; without it nothing but the record is checked.",
)  # fmt: skip
@file_option("--plan", help="Check also that every face of this plan is covered.")
@file_option(
    "--report", help="Check also that this report of the redaction and the files it names are unchanged."
)
@file_option(
    "--public-key", help="Check also that the report was signed with the key that belongs to this one."
)
@click.option(
    "--json", "json_to", metavar="FILE", type=PATH,
    help="Write all findings to this file, - for the standard output.",
)  # fmt: skip
@setting_options("zones")
@click.option("--progress", type=click.Choice(MODES), default="auto", help="How to show progress.  [auto]")
def verify(
    output: Path,
    against: Path | None,
    plan: Path | None,
    report: Path | None,
    public_key: Path | None,
    json_to: Path | None,
    progress: str,
    config: Path | None,
    **given: Any,
) -> ExitCode:
    """Prove that OUT shows no face of IN, frame by frame, and carries nothing else; exit code 6 if it does.

    \b
    stream-guard verify out.mp4 --against in.mp4
    stream-guard verify out.mp4 --against in.mp4 --json -
    stream-guard verify out.mp4 --report out.mp4.report.json --public-key office.key.pub
    """
    _require_sense(against, report, public_key, json_to, progress)
    settings = effective(config, given).settings
    import stream_guard

    with display(progress, str(output)) as listener:
        result = stream_guard.verify(
            output, against, settings, progress=listener, plan=plan, report=report, public_key=public_key
        )
    if report:
        _tell_record(report, {"output": output, "input": against, "plan": plan}, result)
    if json_to is not None:
        _write(json_to, result)
    if json_to != Path("-"):
        tell(result, progress)
    return exit_code(result)


def _require_sense(
    against: Path | None, report: Path | None, public_key: Path | None, json_to: Path | None, progress: str
) -> None:
    if not against and not report:
        raise click.UsageError("there is nothing to check OUT by; give --against IN, --report FILE, or both")
    if public_key and not report:
        raise click.UsageError("--public-key is for the signature of a report; add --report")
    if progress == "json" and json_to == Path("-"):
        raise click.UsageError("--progress json and --json - both go to the standard output; name a file")


def _tell_record(report: Path, files: Mapping[str, Path | None], result: Verification) -> None:
    """Say on stderr, of a report in order, its seal, which a person may compare, and what was not checked."""
    from stream_guard.model.finding import Kind
    from stream_guard.record.check import seal_of, unchecked

    if any(finding.kind is Kind.RECORD for finding in result.findings):
        return
    others = unchecked(report, [part for part, path in files.items() if path])
    more = f"; not given, so not checked: {', '.join(others)}" if others else ""
    say(f"{report} is as it was written, its seal is {seal_of(report)}{more}", "note")


def exit_code(result: Verification) -> ExitCode:
    return ExitCode.DONE if result.passed else ExitCode.LEAK


def tell(result: Verification, progress: str) -> None:
    """Print the findings as a table and the sum in one line; one JSON object for machines."""
    if progress == "json":
        click.echo(json.dumps({"event": "verified", **result.as_dict()}))
    elif result.findings:
        _table(result)
        say(f"{result.output}: {len(result.findings)} finding(s); do not release it before each is explained")
    elif result.source is None:
        click.echo(f"{result.output}: it is the file of the report; its pixels were not looked at")
    else:
        click.echo(
            f"{result.output}: verified, nothing found: {result.frames_out} frame(s), "
            f"{result.faces} face(s) of the input looked for"
        )


def _table(result: Verification) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("time", "frames", "what", "where", "figures", box=None, padding=(0, 2, 0, 0))
    for finding in result.findings[:_MOST_ROWS]:
        table.add_row(*map(escape, _row(finding)))
    Console().print(table)
    if (more := len(result.findings) - _MOST_ROWS) > 0:
        click.echo(f"... and {more} more; --json lists all")


def _row(finding: Finding) -> tuple[str, str, str, str, str]:
    box = finding.box
    where = f"{box.x0:.0f},{box.y0:.0f} {box.w:.0f}x{box.h:.0f}" if box else ""
    figures = ", ".join(f"{name} {value:.2f}" for name, value in finding.figures.items())
    return _span(finding.first_s, finding.last_s, ".2f", " s"), _frames(finding), finding.what, where, figures


def _frames(finding: Finding) -> str:
    return _span(finding.first_frame, finding.last_frame, "d")


def _span(first: float | None, last: float | None, form: str, unit: str = "") -> str:
    if first is None or last is None:
        return ""
    return f"{first:{form}}{unit}" if first == last else f"{first:{form}}-{last:{form}}{unit}"


def _write(path: Path, result: Verification) -> None:
    text = json.dumps(result.as_dict(), indent=1, ensure_ascii=False)
    if path == Path("-"):
        click.echo(text)
        return
    from stream_guard.sinks.publish import Draft

    draft = Draft(path, Path(result.source or result.output), overwrite=True)
    draft.publish_as(f"{text}\n".encode())
