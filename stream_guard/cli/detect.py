"""`stream-guard detect`: find faces and write them down for a person to check."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stream_guard.cli.display import MODES, display
from stream_guard.cli.failure import say
from stream_guard.cli.options import PATH, effective, setting_options
from stream_guard.errors import ExitCode


@click.command(short_help="Find every face and write a plan to check and edit.")
@click.argument("source", metavar="INPUT", type=PATH)
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="PLAN",
    type=PATH,
    help="The JSON file to write.",
)
@click.option("--overwrite", is_flag=True, default=None, help="Replace a plan that exists.")
@click.option("--progress", type=click.Choice(MODES), default="auto", help="How to show progress.  [auto]")
@setting_options("detect", "track", "zones", "limits")
def detect(source: Path, output: Path, progress: str, config: Path | None, **given: Any) -> ExitCode:
    """Find every face and write a plan: one line of JSON a frame, to be checked, edited and replayed.

    \b
    stream-guard detect in.mp4 -o plan.json
    stream-guard redact in.mp4 -o out.mp4 --plan plan.json
    """
    settings = effective(config, given).settings
    from stream_guard import Guard

    with Guard(settings) as guard, display(progress, str(source)) as listener:
        plan = guard.detect(source, output, progress=listener)
    if plan.zones.ignore:
        say(f"{source}: faces in ignore zones are not in the plan; look there as well", "warning")
    if progress != "json":
        faces = len({face.track for frame in plan.frames for face in frame.faces})
        click.echo(f"{output}: {len(plan.frames)} frame(s), {faces} face track(s)")
    return ExitCode.COVERED_WHOLE if plan.whole() else ExitCode.DONE
