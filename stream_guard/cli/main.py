"""The commands, and errors in one sentence."""

from __future__ import annotations

import os
import sys

import click

import stream_guard
from stream_guard.cli.detect import detect
from stream_guard.cli.devices import devices
from stream_guard.cli.doctor import doctor
from stream_guard.cli.evaluate import evaluate
from stream_guard.cli.failure import debugging, report_failure, unknown
from stream_guard.cli.keygen import keygen
from stream_guard.cli.live import live
from stream_guard.cli.models import models
from stream_guard.cli.redact import redact
from stream_guard.cli.serve import serve
from stream_guard.cli.settings import settings
from stream_guard.cli.signals import stop_behind
from stream_guard.cli.verify import verify
from stream_guard.errors import ExitCode
from stream_guard.native import libraries_required


class _Commands(click.Group):
    """A group that names the nearest command when it does not know one."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            raise unknown("command", args[0], self.commands)
        return super().resolve_command(ctx, args)


@click.group(
    cls=_Commands,
    no_args_is_help=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(stream_guard.__version__, prog_name="stream-guard")
def commands() -> None:
    """Anonymize people in video and pictures, on this machine, with no network.

    \b
    Exit codes: 0 done, 1 internal error, 2 usage, 3 input, 4 output,
    5 done but frames had to be covered whole, 6 the output shows or holds what it must not, 130 stopped.
    """


for _command in (redact, detect, verify, evaluate, live, serve, devices, models, settings, keygen, doctor):
    _command.params.append(
        click.Option(["--debug"], is_flag=True, expose_value=False, help="Show tracebacks.")
    )
    commands.add_command(_command)


def main(arguments: list[str] | None = None) -> None:
    """Run a command and leave with its exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if not debugging():
        _keep_stderr_for_us()
    try:
        with libraries_required():
            code = commands.main(arguments, prog_name="stream-guard", standalone_mode=False)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone; there is nobody left to tell
        code = ExitCode.OUTPUT
    except Exception as exc:  # noqa: BLE001  (the last stop: a sentence, not a traceback)
        if stop := stop_behind(exc):
            raise stop from None
        code = report_failure(exc)
    sys.exit(int(code or 0))


def _keep_stderr_for_us() -> None:
    """Send what native libraries write to descriptor 2 to nowhere.

    MediaPipe and SVT-AV1 write notes there that no option turns off; a user must not take them for errors.
    """
    sys.stderr.flush()
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1, encoding="utf-8", errors="backslashreplace")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
