"""`stream-guard settings`: what is in force and why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from pydantic import SecretStr

from stream_guard.cli.options import effective, setting_options
from stream_guard.model.address import SafeUrl
from stream_guard.settings import Settings
from stream_guard.settings.live import Camera


@click.command(short_help="Show the effective settings and where each one came from.")
@setting_options(*Settings.model_fields)
def settings(config: Path | None, **given: Any) -> None:
    """Show the effective settings and where each one came from.

    What it prints is a settings file: save it, change it, and give it to --config or put it at
    ~/.config/stream-guard/settings.toml. Variables such as STREAM_GUARD_REDACT_STYLE outrank the file,
    options outrank both.
    """
    found = effective(config, given)
    cameras = {f"sources.{name}": _shown(camera) for name, camera in found.cameras.items()}
    for section, values in (found.settings.model_dump() | cameras).items():
        click.echo(f"[{section}]")
        for name, value in values.items():
            shown = _line(name, value)
            click.echo(f"{shown:<40} # {found.origins[f'{section}.{name}']}")
        click.echo()


def _shown(camera: Camera) -> dict[str, Any]:
    """Return the settings of a camera, its address as a secret where it may hold one."""
    values = camera.model_dump()
    return values | ({"url": SecretStr(camera.url)} if _may_hold_secrets(camera.url) else {})


def _may_hold_secrets(url: str) -> bool:
    if "://" not in url:
        return False
    try:
        return str(SafeUrl.parsed(url)) != url
    except ValueError:
        return True


def _line(name: str, value: object) -> str:
    """Return a line of a settings file; what is not set, or secret, is a comment in it."""
    if value is None or value == SecretStr(""):
        return f"# {name} ="
    return f"# {name} = (secret)" if isinstance(value, SecretStr) else f"{name} = {_toml(value)}"


def _toml(value: object) -> str:
    # numbers, strings, booleans and lists of strings look the same in JSON and TOML
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)
