"""The plan: what to cover in each frame, as a JSON file that a person can read and edit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from stream_guard.errors import InputError
from stream_guard.model.geometry import Box
from stream_guard.model.polygon import checked_zone
from stream_guard.model.verdict import Cover, Origin, Region

VERSION: Final = 1
WHOLE: Final = "whole"
"""The key that stands for a frame covered whole where the others are numbers of tracks."""

_Unit = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Face(_Part):
    """One face in one frame."""

    track: int
    box: tuple[_Unit, _Unit, _Unit, _Unit]
    """x0, y0, x1, y1 in upright pixels: the face itself, without the mask's margins."""
    origin: str = "planned"
    score: float = Field(0.0, ge=0, le=1, allow_inf_nan=False)

    @model_validator(mode="after")
    def _has_an_area(self) -> Face:
        if self.box[0] >= self.box[2] or self.box[1] >= self.box[3]:
            raise ValueError(f"box {list(self.box)} is empty: it must be [left, top, right, bottom]")
        return self


class PlannedFrame(_Part):
    """What to cover in one frame."""

    frame: int = Field(ge=0)
    time_s: float = 0.0
    whole: str | None = None
    """Why the frame is covered whole; null where the faces suffice."""
    faces: tuple[Face, ...] = ()
    detected: Mapping[str, str] = {}
    """What `detect` wrote here: a digest for each track, so that edits can be told. Leave it as it is."""


class Detected(_Part):
    """What `detect` wrote in all, so that lines which were taken out can be told."""

    frames: int = Field(ge=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    """Of the `detected` of all frames."""
    zones: str
    """Digest of the zones."""


class PlannedInput(_Part):
    """The one file that the plan is for."""

    name: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    width: int = Field(gt=0)
    height: int = Field(gt=0)


Zone = Annotated[tuple[tuple[float, float], ...], AfterValidator(checked_zone)]


class PlannedZones(_Part):
    """Polygons by their corners, in shares of the picture's width and height."""

    cover: tuple[Zone, ...] = ()
    """Covered in every frame."""
    ignore: tuple[Zone, ...] = ()
    """Where faces were left out when the plan was made; for the record, the faces say what is covered."""


def _known_version(value: object) -> object:
    if value != VERSION:
        raise ValueError(
            f"version {value} is not known here (only {VERSION}); use the stream-guard that made the plan"
        )
    return value


class Plan(_Part):
    """A checked plan."""

    stream_guard_plan: Annotated[Literal[1], BeforeValidator(_known_version)] = 1
    input: PlannedInput
    zones: PlannedZones = PlannedZones()
    detected: Detected | None = None
    frames: tuple[PlannedFrame, ...]

    @model_validator(mode="after")
    def _names_each_frame_once(self) -> Plan:
        seen: set[int] = set()
        for planned in self.frames:
            if planned.frame in seen:
                raise ValueError(f"frame {planned.frame} is listed twice")
            seen.add(planned.frame)
        return self

    def regions(self) -> dict[int, Sequence[Region]]:
        """Return the regions of every frame that the plan knows."""
        return {f.frame: tuple(_region(face) for face in f.faces) for f in self.frames}

    def by_hand(self) -> dict[int, Sequence[Region]]:
        """Return the regions of every frame that are not as `detect` wrote them."""
        return {f.frame: tuple(_region(x) for x in f.faces if _is_by_hand(x, f)) for f in self.frames}

    def whole(self) -> dict[int, str]:
        """Return the frames to cover whole, with the reason."""
        return {f.frame: f.whole for f in self.frames if f.whole is not None}

    def beyond(self, frames: int) -> str | None:
        """Say what is to be covered in frames that so short an input does not have; None if nothing."""
        numbers = [f.frame for f in self.frames if f.frame >= frames and (f.faces or f.whole is not None)]
        if not numbers:
            return None
        return (
            f"the plan covers something in frame {min(numbers)}, but the input has {frames} frame(s), "
            "counted from 0"
        )


def planned(cover: Cover) -> PlannedFrame:
    """Return a final cover as a line of a plan."""
    faces = tuple(
        Face(
            track=r.track,
            box=(round(r.box.x0, 2), round(r.box.y0, 2), round(r.box.x1, 2), round(r.box.y1, 2)),
            origin=r.origin.value,
            score=round(min(max(r.score, 0.0), 1.0), 4),
        )
        for r in cover.regions
    )
    detected = {str(face.track): digest_of(face) for face in faces}
    if cover.whole is not None:
        detected[WHOLE] = digest_of(cover.whole)
    stamp = cover.stamp
    return PlannedFrame(
        frame=stamp.index, time_s=round(stamp.time_s, 6), whole=cover.whole, faces=faces, detected=detected
    )


def digest_of(part: BaseModel | str) -> str:
    """Return the short digest of a face, the zones, or the reason to cover a frame whole."""
    text = part if isinstance(part, str) else json.dumps(part.model_dump(mode="json"))
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:8]


def sha256_of(frames: Iterable[PlannedFrame]) -> str:
    """Return the digest of what some lines say was detected."""
    lines = (json.dumps([frame.frame, dict(frame.detected)]) for frame in frames)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def dump(plan: Plan) -> str:
    """Return the plan as JSON with one line a frame, so that a diff shows what an editor changed."""
    head = json.dumps(plan.input.model_dump(), indent=1, ensure_ascii=False)
    zones = json.dumps(plan.zones.model_dump())
    sums = json.dumps(plan.detected and plan.detected.model_dump())
    lines = ",\n".join(json.dumps(frame.model_dump(), ensure_ascii=False) for frame in plan.frames)
    return (
        f'{{"stream_guard_plan": {VERSION},\n"input": {head},\n"zones": {zones},\n"detected": {sums},\n'
        f'"frames": [\n{lines}\n]}}\n'
    )


def load(path: Path) -> Plan:
    """Read and check a plan.

    Raises:
        InputError: the file cannot be read or is not a valid plan.
    """
    try:
        return Plan.model_validate_json(path.read_bytes())
    except OSError as exc:
        raise InputError(f"{path}: cannot read the plan ({exc.strerror})") from exc
    except ValidationError as exc:
        raise InputError(f"{path}: not a valid plan: {_first(exc)}") from exc


def require_made_for(plan: Plan, path: Path, sha256: str, name: str) -> None:
    """Refuse a plan that was made for another file: its boxes would cover the wrong places.

    Raises:
        InputError: the SHA-256 differs.
    """
    if plan.input.sha256 != sha256:
        raise InputError(
            f"{path}: the plan was made for {plan.input.name} (SHA-256 {plan.input.sha256[:12]}...), "
            f"not for {name} ({sha256[:12]}...); run `stream-guard detect` on this file"
        )


def require_within(plan: Plan, path: Path, frames: int) -> None:
    """Refuse a plan that covers something in frames which never came: a person would believe it covered.

    Raises:
        InputError: naming the first such frame.
    """
    if beyond := plan.beyond(frames):
        raise InputError(f"{path}: {beyond}; correct the frame's number or take its line out")


def of(
    covers: Iterable[Cover],
    name: str,
    sha256: str,
    width: int,
    height: int,
    zones: PlannedZones = PlannedZones(),  # noqa: B008 - frozen
) -> Plan:
    """Return the plan that replays these covers."""
    about = PlannedInput(name=name, sha256=sha256, width=width, height=height)
    frames = tuple(planned(cover) for cover in covers)
    detected = Detected(frames=len(frames), sha256=sha256_of(frames), zones=digest_of(zones))
    return Plan(input=about, zones=zones, detected=detected, frames=frames)


def _region(face: Face) -> Region:
    return Region(face.track, Box(*face.box), Origin.PLANNED, face.score)


def _is_by_hand(face: Face, line: PlannedFrame) -> bool:
    return line.detected.get(str(face.track)) != digest_of(face)


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    reason = first["msg"].removeprefix("Value error, ")
    return f"{where}: {reason}" if where else reason
