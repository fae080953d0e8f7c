"""All settings: what each means, and which of file, environment and options had the last word."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from stream_guard.errors import SettingsError
from stream_guard.model.polygon import checked_zone
from stream_guard.settings_web import Web

PREFIX: Final = "STREAM_GUARD_"
CONFIG_VARIABLE: Final = "STREAM_GUARD_CONFIG"
_NOT_SETTINGS: Final = {CONFIG_VARIABLE, "STREAM_GUARD_TEST_DATA"}


def _split(value: object) -> object:
    """Let an option or variable name several values as "a,b"."""
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


def _split_zones(value: object) -> object:
    """Let an option or variable name several zones as "x,y x,y x,y; x,y x,y x,y"."""
    return [zone for zone in value.split(";") if zone.strip()] if isinstance(value, str) else value


def _corners(zone: object) -> list[tuple[float, float]]:
    """Return the corners of a zone given as "x,y x,y x,y" or as a list of [x, y]."""
    pairs = [corner.split(",") for corner in zone.split()] if isinstance(zone, str) else zone
    try:
        return [(float(x), float(y)) for x, y in pairs]  # type: ignore[attr-defined]
    except (TypeError, ValueError) as exc:
        raise ValueError(
            'a zone should look like "0,0 0.5,0 0.5,0.4", and a list of zones in a file like '
            "[[[0, 0], [0.5, 0], [0.5, 0.4]]]"
        ) from exc


Zone = Annotated[tuple[tuple[float, float], ...], BeforeValidator(_corners), AfterValidator(checked_zone)]
Zones = Annotated[tuple[Zone, ...], BeforeValidator(_split_zones), Field(max_length=64)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Detect(_Section):
    """How faces are found."""

    preset: Literal["fast", "balanced", "thorough"] = Field(
        default="balanced",
        description="How hard to look for faces (the video encoder has its own --encoder-preset).",
    )
    confidence: float = Field(
        default=0.2,
        ge=0.05,
        le=0.95,
        description="Score from which a detection is covered; lower covers more.",
    )
    detectors: Annotated[tuple[str, ...], BeforeValidator(_split)] = Field(
        default=("yunet", "mediapipe"),
        min_length=1,
        description="Who looks: yunet, mediapipe, or both (what either finds is covered).",
    )


class Track(_Section):
    """How faces are followed from frame to frame."""

    hold_s: float = Field(
        default=1.0, ge=0, le=30, description="Seconds that a face stays covered after it was last detected."
    )
    lag_s: float = Field(
        default=2.0,
        ge=0,
        le=10,
        description="Seconds of video held back, so that a face is covered before it is first found.",
    )


class Areas(_Section):
    """Where to cover always, and where to leave faces alone."""

    cover_zone: Zones = Field(
        default=(),
        description="Always cover this polygon: its corners in shares of width and height, 0 to 1.",
    )
    ignore_zone: Zones = Field(
        default=(),
        description="Never cover faces whose centre is in this polygon. Whoever passes there is exposed.",
    )


class Redact(_Section):
    """What a face is replaced with."""

    style: str = Field(
        default="frost", description="What is painted: frost, solid, icon, mosaic, blur or classic."
    )
    allow_weak: bool = Field(
        default=False, description="Permit styles that do not stop face recognition (classic)."
    )
    colour: str = Field(
        default="#000000",
        pattern=r"^#[0-9a-fA-F]{6}$",
        examples=["#1a2b3c"],
        description="Colour of the style solid.",
    )
    margin_side: float = Field(
        default=0.25, ge=0, le=2, description="Mask margin at each side, as a share of the face's width."
    )
    margin_above: float = Field(
        default=0.45, ge=0, le=2, description="Mask margin above the face, as a share of its height."
    )
    margin_below: float = Field(
        default=0.25, ge=0, le=2, description="Mask margin below the face, as a share of its height."
    )
    draw_boxes: bool = Field(default=False, description="Draw a green frame around every mask.")

    @property
    def rgb(self) -> tuple[int, int, int]:
        red, green, blue = bytes.fromhex(self.colour[1:])
        return red, green, blue


class Output(_Section):
    """How the result is written."""

    codec: str = Field(
        default="h264",
        description="Video codec: h264, hevc, vp9, av1, mpeg4, ffv1, a hardware encoder, or auto-hw.",
    )
    quality: int = Field(
        default=18,
        ge=0,
        le=51,
        description="Quality of the video: 0 is best and largest, 51 worst (as x264's CRF).",
    )
    encoder_preset: Literal[
        "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"
    ] = Field(default="veryfast", description="Speed of the video encoder; slower ones make smaller files.")
    audio: Literal["keep", "drop"] = Field(default="keep", description="Whether the sound goes along.")
    overwrite: bool = Field(default=False, description="Replace an output file that exists.")


class Limits(_Section):
    """What a run may use."""

    lag_memory_mb: int = Field(
        default=192,
        ge=16,
        le=65536,
        description="Megabytes for the frames that are held back; shortens lag_s for large pictures.",
    )
    unseen_frames: int = Field(
        default=250,
        ge=1,
        le=1_000_000_000,
        description="Frames in a row that no detector can judge before the run is ended as failed.",
    )


class Outputs(_Section):
    """How live pictures go out."""

    bitrate_kbps: int = Field(
        default=2500,
        ge=50,
        le=200_000,
        description="Kilobits per second of live video at 1280x720; other sizes in proportion.",
    )
    key_interval_s: float = Field(
        default=2.0, ge=0.2, le=60, description="Seconds between key frames; one more for every newcomer."
    )
    jpeg_fps: float = Field(
        default=12.5, ge=0.1, le=60, description="Most pictures per second for Motion JPEG."
    )
    rtsp_user: str = Field(default="", description="User of the built-in RTSP server.")
    rtsp_password: SecretStr | None = Field(
        default=None,
        description="Password of the built-in RTSP server; needed if other machines can reach it.",
    )
    rtsp_viewers: int = Field(default=50, ge=1, le=1000, description="Most viewers of the RTSP server.")
    push_user: str = Field(default="", description="User at the server that a live stream is pushed to.")
    push_password: SecretStr | None = Field(
        default=None, description="Password, or for WHIP the bearer token, at that server."
    )
    hls_segment_s: float = Field(default=2.0, ge=0.5, le=60, description="Seconds in an HLS segment.")
    hls_segments: int = Field(default=6, ge=2, le=10_000, description="Segments in the HLS playlist.")
    record_minutes: float = Field(default=10.0, ge=0.1, le=1440, description="Minutes in a recorded file.")
    record_days: float | None = Field(
        default=None, gt=0, description="Recordings older than so many days are deleted."
    )
    record_gb: float | None = Field(
        default=None,
        gt=0,
        description="The oldest recordings of a camera go beyond so many gigabytes.",
    )


class Settings(_Section):
    """Every setting of a run."""

    detect: Detect = Detect()
    track: Track = Track()
    zones: Areas = Areas()
    redact: Redact = Redact()
    output: Output = Output()
    limits: Limits = Limits()
    outputs: Outputs = Outputs()
    web: Web = Web()


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
    given = from_file(path) if (path := config or _standing_config(environ)) else {}
    return merge(given | from_environment(environ) | from_options(options or {}))


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


def from_file(path: Path) -> dict[str, Given]:
    """Return what a TOML file says, by path.

    Raises:
        SettingsError: the file cannot be read or is no TOML.
    """
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise SettingsError(f"{path}: cannot read the settings file ({exc.strerror})") from exc
    except ValueError as exc:
        raise SettingsError(f"{path}: the settings file is not valid TOML ({exc})") from exc
    return {key: Given(value, f"file {path}") for key, value in _flat(tree)}


def from_environment(environ: Mapping[str, str]) -> dict[str, Given]:
    """Return what STREAM_GUARD_SECTION_NAME variables say, by path.

    Raises:
        SettingsError: a variable with the prefix names no setting.
    """
    paths = {setting.variable: path for path, setting in catalogue().items()}
    given = {}
    for variable, value in environ.items():
        if not variable.startswith(PREFIX) or variable in _NOT_SETTINGS:
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
    if named := environ.get(CONFIG_VARIABLE):
        return Path(named)
    base = environ.get("XDG_CONFIG_HOME") or (f"{home}/.config" if (home := environ.get("HOME")) else "")
    path = Path(base, "stream-guard", "settings.toml")
    return path if base and path.is_file() else None


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
    if first["type"] == "literal_error":
        choices = first["ctx"]["expected"].replace("'", "")
        near = did_you_mean(str(wrong.value), choices.replace(" or ", ", ").split(", "))
        reason = f"should be {choices}" + (f"; did you mean {near}?" if near else "")
    shown = "not valid" if catalogue()[path].is_secret else repr(wrong.value)
    return f"{path} is {shown} in {wrong.origin}, but {reason}"
