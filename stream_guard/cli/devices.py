"""`stream-guard devices`: the cameras at this machine."""

from __future__ import annotations

import click

from stream_guard.errors import ExitCode


@click.command(short_help="List the cameras at this machine.")
def devices() -> ExitCode:
    """List the cameras at this machine, as `stream-guard live webcam:N` takes them."""
    from stream_guard.sources.webcam import devices as found

    cameras = found()
    for number, device in enumerate(cameras):
        click.echo(f"webcam:{number}  {device.name}  {device.description}")
    if not cameras:
        click.echo("no camera was found; `stream-guard live test:` shows a test picture")
    return ExitCode.DONE
