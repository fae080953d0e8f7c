"""The styles, one file each: a module here with a `STYLE` is a style by the module's name."""

from __future__ import annotations

import importlib
import pkgutil

from stream_guard.errors import SettingsError
from stream_guard.redact.style import Style


def style_names() -> tuple[str, ...]:
    """Return the names of all styles, sorted."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def style_named(name: str) -> Style:
    """Return the style of that name.

    Raises:
        SettingsError: there is none.
    """
    if name not in style_names():
        raise SettingsError(f"there is no style {name!r}; choose one of {', '.join(style_names())}")
    style: Style = importlib.import_module(f"{__name__}.{name}").STYLE
    return style
