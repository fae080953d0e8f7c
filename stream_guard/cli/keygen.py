"""`stream-guard keygen`: a key to sign reports with."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import click

from stream_guard.cli.options import PATH
from stream_guard.errors import ExitCode, InputError

_LONGEST: Final = 1023  # bytes; OpenSSL protects keys with no longer one


@click.command(short_help="Make a key to sign reports with.")
@click.argument("path", metavar="KEY", type=PATH)
@click.option("--no-passphrase", is_flag=True, help="Whoever has the file can sign then.")
def keygen(path: Path, no_passphrase: bool) -> ExitCode:
    """Write a new Ed25519 key: KEY, which you keep to yourself, and KEY.pub, which you give away.

    \b
    stream-guard keygen office.key
    stream-guard redact in.mp4 -o out.mp4 --report --sign-key office.key
    """
    from stream_guard.record.keys import require_free, write_pair

    public = Path(f"{path}.pub")
    require_free(path, public)
    passphrase = None if no_passphrase else _ask(f"New passphrase for {path}", confirm=True)
    write_pair(path, public, passphrase)
    click.echo(f"{path}: the private key; keep it to yourself, and make a backup")
    click.echo(f"{public}: the public key, for everybody who is to check your reports")
    return ExitCode.DONE


def ask_passphrase(path: Path) -> Callable[[], str]:
    """Return a question for the passphrase of a key; as an argument others on the machine would see it."""
    return lambda: _ask(f"Passphrase of {path}", confirm=False)


def _ask(text: str, *, confirm: bool) -> str:
    """Ask on the terminal; where standard input is none, its first line is the passphrase."""
    try:
        answer = _typed(text, confirm) if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
        size = len(answer.encode("utf-8"))
    except UnicodeError as exc:
        raise click.UsageError("the passphrase is not valid UTF-8; take another one") from exc
    if not size:
        raise InputError("no passphrase was given: type it, or send it to standard input")
    if size > _LONGEST:
        raise click.UsageError(f"the passphrase has {size} bytes; take one of {_LONGEST} at most")
    return answer


def _typed(text: str, confirm: bool) -> str:
    answer: str = click.prompt(text, hide_input=True, err=True, confirmation_prompt=confirm)
    return answer
