"""`stream-guard models`: the networks that come along."""

from __future__ import annotations

import click

from stream_guard.cli.failure import say
from stream_guard.errors import ExitCode, ModelError


@click.command(short_help="List the model files with origin, licence and checksum.")
def models() -> ExitCode:
    """List the model files that come with stream-guard and check that none was altered."""
    from stream_guard.detect.models import load_verified, read_manifest

    code = ExitCode.DONE
    for model in read_manifest():
        try:
            load_verified(model.path.name)
            state = "verified"
        except ModelError as exc:
            state, code = "NOT USABLE", ExitCode.INTERNAL
            say(str(exc))
        click.echo(f"{model.path.name}: {state}")
        click.echo(f"  what     {model.purpose}")
        click.echo(f"  licence  {model.licence}")
        click.echo(f"  origin   {model.origin}")
        click.echo(f"  sha256   {model.sha256}")
    return code
