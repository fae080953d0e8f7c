"""`stream-guard serve`: the page for those who use no terminal."""

from __future__ import annotations

import os
import signal
import webbrowser
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from stream_guard.cli.options import effective, setting_options
from stream_guard.errors import ExitCode, Stopped
from stream_guard.jobs.choice import SECTIONS, WITHHELD
from stream_guard.settings.jobs import folder_for


@click.command(short_help="Open a page to redact files and see cameras redacted.")
@click.option("--open", "opened", is_flag=True, help="Open the page in the browser.")
@setting_options("jobs", "web", *SECTIONS, "limits", "outputs", "live", without=WITHHELD)
def serve(opened: bool, config: Path | None, **given: Any) -> ExitCode:
    """Serve a page on this machine: drag pictures and videos in, see cameras redacted; nothing leaves it.

    The cameras of the settings file ([sources.NAME]) are shown, and the browser's own.

    \b
    stream-guard serve --open
    stream-guard serve --port 9000 --jobs-folder /srv/redacted
    """
    found = effective(config, given)
    from stream_guard.serving import Serving

    folder = folder_for(found.settings.jobs, os.environ)
    with Serving(found.cameras, folder, found.settings) as serving, suppress(Stopped):
        click.echo(f"page: {serving.link}  (ctrl-C ends it)")
        if opened:
            webbrowser.open(serving.link)
        while True:
            signal.pause()
    return ExitCode.DONE
