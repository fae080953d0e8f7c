"""All settings: what each means, and which of file, environment and options had the last word."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from stream_guard.errors import SettingsError
from stream_guard.settings.jobs import Jobs
from stream_guard.settings.live import NAME, Camera, Live, password_variable, with_passwords
from stream_guard.settings.sections import (
    Areas,
    Detect,
    Limits,
    Output,
    Outputs,
    Redact,
    Section,
    Track,
    Zone,
)
from stream_guard.settings.web import Web

PREFIX: Final = "STREAM_GUARD_"
CONFIG_VARIABLE: Final = "STREAM_GUARD_CONFIG"
_NOT_SETTINGS: Final = {CONFIG_VARIABLE, "STREAM_GUARD_TEST_DATA"}


class Settings(Section):
    """Every setting of a run."""

    detect: Detect = Detect()
    track: Track = Track()
    zones: Areas = Areas()
    redact: Redact = Redact()
    output: Output = Output()
    limits: Limits = Limits()
    outputs: Outputs = Outputs()
    live: Live = Live()
    web: Web = Web()
    jobs: Jobs = Jobs()


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as documented."""

    path: str
    """Section and name, e.g. "detect.confidence"."""
    info: FieldInfo

    @property
    def name(self) -> str:
        return self.path.partition(".")[2]

    @property
    def option(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def takes_zones(self) -> bool:
        """Its option is given once for each zone."""
        return Zone in get_args(self.info.annotation)

    @property
    def is_secret(self) -> bool:
        """It is given by file or variable only, and never shown."""
        return SecretStr in get_args(self.info.annotation)

    @property
    def variable(self) -> str:
        return PREFIX + self.path.replace(".", "_").upper()


def catalogue() -> dict[str, Setting]:
    """Return all settings by path, in the order of the sections."""
    sections: dict[str, type[BaseModel]] = {
        name: type(info.default) for name, info in Settings.model_fields.items()
    }
    return {
        f"{section}.{name}": Setting(f"{section}.{name}", info)
        for section, model in sections.items()
        for name, info in model.model_fields.items()
    }


@dataclass(frozen=True, slots=True)
class Given:
    """A value as somebody gave it."""

    value: Any
    origin: str
    """Where it came from, for messages: "default", "file x.toml", "variable X", "option --x"."""


@dataclass(frozen=True, slots=True)
class Effective:
    """The settings of a run and where each one came from."""

    settings: Settings
    origins: Mapping[str, str]
    cameras: Mapping[str, Camera] = field(default_factory=dict)
    """By name, from the settings file."""


def effective(
    config: Path | None = None,
    environ: Mapping[str, str] | None = None,
    options: Mapping[str, Any] | None = None,
) -> Effective:
    """Merge defaults < file < environment < options.

    `options` maps setting names ("style") to values. Without `config` the file named by STREAM_GUARD_CONFIG
    is read, else `stream-guard/settings.toml` in the user's configuration folder if there is one. A file in
    the working folder is never read by itself: footage from others could bring its own and weaken the mask.

    Raises:
        SettingsError: a setting is unknown or out of range, or the file cannot be read.
    """
    environ = os.environ if environ is None else environ
    path = config or _standing_config(environ)
    tree = _read(path) if path else {}
    tables = tree.pop("sources", {})
    if not isinstance(tables, Mapping):
        raise SettingsError(f"sources in {path} should hold one table for each camera: [sources.NAME]")
    given = {key: Given(value, f"file {path}") for key, value in _flat(tree)}
    found = merge(given | from_environment(environ, tables) | from_options(options or {}))
    named = with_passwords(tables, environ)
    cameras = {name: _camera(name, named[name], f"file {path}") for name in named}
    origins = {**found.origins, **_camera_origins(tables, environ, f"file {path}")}
    return replace(found, cameras=cameras, origins=origins)


def merge(given: Mapping[str, Given]) -> Effective:
    """Check values by path and lay them over the defaults."""
    known = catalogue()
    for path, value in given.items():
        if path not in known:
            raise SettingsError(f"unknown setting {path} in {value.origin}{_nearest(path, known)}")
    tree: dict[str, dict[str, Any]] = {}
    for path, value in given.items():
        section, _, name = path.partition(".")
        tree.setdefault(section, {})[name] = value.value
    try:
        settings = Settings.model_validate(tree)
    except ValidationError as exc:
        raise SettingsError(_sentence(exc, given)) from exc
    return Effective(settings, {path: given[path].origin if path in given else "default" for path in known})


def _read(path: Path) -> dict[str, Any]:
    """Return what a TOML file says.

    Raises:
        SettingsError: the file cannot be read or is no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as exc:
        raise SettingsError(f"{path}: cannot read the settings file ({exc.strerror})") from exc
    except ValueError as exc:
        raise SettingsError(f"{path}: the settings file is not valid TOML ({exc})") from exc


def _camera(name: str, table: Any, origin: str) -> Camera:
    if not NAME.fullmatch(name):
        raise SettingsError(
            f"the source {name!r} in {origin} has a name that cannot be used; take a-z, 0-9, - and _"
        )
    if not isinstance(table, Mapping):
        raise SettingsError(f"sources.{name} in {origin} should be a table: [sources.{name}]")
    for key in table:
        if key not in Camera.model_fields:
            raise SettingsError(
                f"unknown setting sources.{name}.{key} in {origin}{_nearest(key, Camera.model_fields)}"
            )
    try:
        return Camera.model_validate(table)
    except ValidationError as exc:
        first = exc.errors(include_input=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise SettingsError(f"sources.{name}.{key} in {origin}: {first['msg']}") from None


def _camera_origins(tables: Mapping[str, Any], environ: Mapping[str, str], origin: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, table in tables.items():
        given = dict.fromkeys(table, origin)
        if (variable := password_variable(name)) in environ:
            given["password"] = f"variable {variable}"
        found |= {f"sources.{name}.{key}": given.get(key, "default") for key in Camera.model_fields}
    return found


def from_environment(environ: Mapping[str, str], cameras: Iterable[str] = ()) -> dict[str, Given]:
    """Return what STREAM_GUARD_SECTION_NAME variables say, by path; those of cameras are left out.

    Raises:
        SettingsError: a variable with the prefix names no setting.
    """
    paths = {setting.variable: path for path, setting in catalogue().items()}
    others = _NOT_SETTINGS | {password_variable(name) for name in cameras}
    given = {}
    for variable, value in environ.items():
        if not variable.startswith(PREFIX) or variable in others:
            continue
        if variable not in paths:
            raise SettingsError(f"unknown setting {variable} in the environment{_nearest(variable, paths)}")
        given[paths[variable]] = Given(value, f"variable {variable}")
    return given


def from_options(options: Mapping[str, Any]) -> dict[str, Given]:
    """Return options, which carry a setting's name without its section, by path.

    Raises:
        SettingsError: there is no setting of that name.
    """
    by_name = {setting.name: setting for setting in catalogue().values()}
    given = {}
    for name, value in options.items():
        if name not in by_name:
            raise SettingsError(f"unknown setting {name}{_nearest(name, by_name)}")
        if by_name[name].is_secret:
            raise SettingsError(
                f"{name} is no option, for all can read a command line; "
                f"put it into the settings file or into {by_name[name].variable}"
            )
        given[by_name[name].path] = Given(value, f"option {by_name[name].option}")
    return given


def from_values(settings: Settings) -> dict[str, Given]:
    """Return settings that were made in code, by path."""
    return {path: Given(value, "code") for path, value in _flat(settings.model_dump())}


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the known word nearest to a wrong one, empty if none is near."""
    return next(iter(difflib.get_close_matches(word, list(known), 1, cutoff=0.55)), "")


def _nearest(word: str, known: Iterable[str]) -> str:
    found = did_you_mean(word, known)
    return f"; did you mean {found}?" if found else "; `stream-guard settings` lists them all"


def _standing_config(environ: Mapping[str, str]) -> Path | None:
    """Return the file that holds where no other is given, if there is one; it may ask for more protection."""
    if named := environ.get(CONFIG_VARIABLE):
        return Path(named)
    base = environ.get("XDG_CONFIG_HOME") or (f"{home}/.config" if (home := environ.get("HOME")) else "")
    path = Path(base, "stream-guard", "settings.toml")
    try:
        return path if base and path.is_file() else None
    except OSError as exc:
        raise SettingsError(f"{path}: cannot look for the settings file ({exc.strerror})") from exc


def _flat(tree: Mapping[str, Any], above: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _sentence(error: ValidationError, given: Mapping[str, Given]) -> str:
    first = error.errors()[0]
    path = ".".join(str(part) for part in first["loc"][:2])
    wrong = given[path]
    reason = first["msg"].removeprefix("Input ").removeprefix("Value error, ").rstrip(".")
    if first["type"] == "string_pattern_mismatch":
        reason = f"should look like {(catalogue()[path].info.examples or [''])[0]}"
    if first["type"] == "too_short":
        reason = "should name one at least"
    if first["type"] == "literal_error":
        choices = first["ctx"]["expected"].replace("'", "")
        near = did_you_mean(str(wrong.value), choices.replace(" or ", ", ").split(", "))
        reason = f"should be {choices}" + (f"; did you mean {near}?" if near else "")
    return f"{path} is {_shown(catalogue()[path], wrong.value)} in {wrong.origin}, but {reason}"


def _shown(setting: Setting, value: object) -> str:
    """Return a wrong value as it was given."""
    if setting.is_secret:
        return "not valid"
    if setting.takes_zones and isinstance(value, tuple):  # its option, given once or more
        value = "; ".join(map(str, value))
    return repr(value)
