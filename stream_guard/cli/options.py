"""Options that are made from the settings, so that the two cannot differ."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar, get_args

import click

from stream_guard import settings as st


class _FilePath(click.Path):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if re.match(r"[a-z]+://", str(value)):  # not repeated, for it may hold a password
            self.fail(
                "an address is no file; for cameras and streams there is `stream-guard live`", param, ctx
            )
        return super().convert(value, param, ctx)


PATH: Final = _FilePath(path_type=Path, readable=False)
"""A file or folder; who opens it says what is wrong with it, and whether that stops the others."""
_Function = TypeVar("_Function", bound=Callable[..., Any])


def setting_options(*sections: str, without: Sequence[str] = ()) -> Callable[[_Function], _Function]:
    """Add --config and one option for each setting of the sections, but for some paths, to a command."""
    known = [s for s in st.catalogue().values() if not s.is_secret and s.path not in without]
    wanted = [s for s in known if s.path.partition(".")[0] in sections]

    def add(function: _Function) -> _Function:
        for setting in reversed(wanted):
            function = _option(setting)(function)
        return file_option("--config", help="Read settings from this TOML file.")(function)

    return add


def file_option(*names: str, help: str) -> Callable[[_Function], _Function]:
    """Add an option that names a file."""
    return click.option(*names, metavar="FILE", type=PATH, help=help)


def effective(config: Path | None, given: dict[str, Any]) -> st.Effective:
    """Return the settings of a run from all their sources; options that were not given are None or ()."""
    chosen = {name: value for name, value in given.items() if value not in (None, ())}
    return st.effective(config, options=chosen)


def plain(value: object) -> str:
    """Return a setting's value as a person would type it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "none"
    return (",".join(map(str, value)) if isinstance(value, tuple) else str(value)) or "none"


def _option(setting: st.Setting) -> Callable[[_Function], _Function]:
    text = f"{setting.info.description}  [{plain(setting.info.default)}]"
    if setting.info.annotation is bool:
        return click.option(
            f"{setting.option}/--no-{setting.option[2:]}", setting.name, default=None, help=text
        )
    # checked with all other sources by settings.py, which names the nearest valid value
    return click.option(
        setting.option,
        setting.name,
        default=None,
        multiple=setting.takes_zones,
        metavar=_metavar(setting),
        help=text,
    )


def _metavar(setting: st.Setting) -> str:
    kind = setting.info.annotation
    if kind in (int, float) or float in get_args(kind):
        return "NUMBER"
    if setting.takes_zones:
        return "'X,Y X,Y X,Y...'"
    choices = get_args(kind)
    if choices and all(isinstance(c, str) for c in choices) and len(choices) <= 4:
        return "|".join(choices)
    return "NAME,..." if choices and Ellipsis in choices else "TEXT"
