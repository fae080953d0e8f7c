"""`stream-guard keygen`: a key to sign reports with."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import click

from stream_guard.cli.options import PATH
from stream_guard.errors import ExitCode, InputError


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
    if sys.stdin.isatty():
        answer: str = click.prompt(text, hide_input=True, err=True, confirmation_prompt=confirm)
    else:
        answer = sys.stdin.readline().rstrip("\r\n")
    if not answer:
        raise InputError("no passphrase was given: type it, or send it to standard input")
    return answer
