"""From an exception to one sentence and an exit code."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterable
from typing import Final

import click

from stream_guard.errors import ExitCode, StreamGuardError
from stream_guard.settings import did_you_mean

_SEVERITY: Final = (
    ExitCode.DONE,
    ExitCode.COVERED_WHOLE,
    ExitCode.INPUT,
    ExitCode.OUTPUT,
    ExitCode.LEAK,
    ExitCode.USAGE,
    ExitCode.INTERNAL,
    ExitCode.STOPPED,
)


def worst(codes: Iterable[ExitCode]) -> ExitCode:
    """Return the code that tells most about what went wrong."""
    return max(codes, key=_SEVERITY.index, default=ExitCode.DONE)


def explain(error: BaseException) -> tuple[str, ExitCode]:
    """Return what to say on stderr and what to give back to the shell."""
    match error:
        case StreamGuardError():
            return str(error), error.exit_code
        case click.Abort():
            return "stopped; nothing was written for the file in work", ExitCode.STOPPED
        case click.NoSuchOption():
            return f"no such option {error.option_name}{_hint(error.possibilities or ())}", ExitCode.USAGE
        case click.ClickException():
            help_ = (
                f"; see {error.ctx.command_path} --help"
                if isinstance(error, click.UsageError) and error.ctx
                else ""
            )
            return error.format_message().rstrip(".") + help_, ExitCode.USAGE
        case ModuleNotFoundError():
            return f"the Python package {error.name} is missing; install stream-guard again with pip", (
                ExitCode.INTERNAL
            )
        case MemoryError():
            return "there is not enough memory; lower --lag-s or --lag-memory-mb, or use a smaller picture", (
                ExitCode.INTERNAL
            )
        case _:
            kind, text = type(error).__name__, " ".join(str(error).split())
            return f"internal error ({kind}: {text}); run again with --debug and report it", ExitCode.INTERNAL


def report_failure(error: BaseException) -> ExitCode:
    """Print one line on stderr, with --debug the traceback before it, and return the exit code."""
    if debugging():
        traceback.print_exception(error)
    sentence, code = explain(error)
    say(sentence)
    return code


def debugging() -> bool:
    """Tell whether --debug was given; asked before and after click knows the options."""
    return "--debug" in sys.argv


def unknown(kind: str, word: str, known: Iterable[str]) -> click.UsageError:
    """Return the error for a word that is none of the known ones."""
    known = sorted(known)
    near = did_you_mean(word, known)
    return click.UsageError(
        f"no such {kind} {word}; {f'did you mean {near}?' if near else 'try ' + ', '.join(known)}"
    )


def _hint(near: Iterable[str]) -> str:
    found = list(near)
    return f"; did you mean {found[0]}?" if found else "; --help lists the options"


def say(sentence: str, kind: str = "error") -> None:
    """Print one line on stderr."""
    click.echo(f"{kind}: {' '.join(sentence.split())}", err=True)
