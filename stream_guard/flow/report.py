"""The account of a run: what was covered, for how long and why, without a single pixel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from stream_guard.errors import ExitCode
from stream_guard.model.finding import Verification
from stream_guard.model.place import Place
from stream_guard.model.verdict import Cover, Origin

VERSION: Final = 2


@dataclass
class TrackAccount:
    """One face over time."""

    track: int
    first_frame: int
    first_s: float
    last_frame: int = 0
    last_s: float = 0.0
    detected: int = 0
    """Frames in which a detector saw the face."""
    tracked: int = 0
    held: int = 0
    planned: int = 0
    best_score: float = 0.0


@dataclass
class WholeRange:
    """Neighbouring frames that were covered whole for the same reason."""

    reason: str
    first_frame: int
    first_s: float
    last_frame: int
    last_s: float


@dataclass
class Account:
    """Counts what passes, frame by frame; grows with the faces and the stretches covered whole."""

    frames_in: int = 0
    """Frames that the source gave."""
    frames: int = 0
    """Frames that came out, each under its final cover."""
    first_s: float | None = None
    last_s: float | None = None
    tracks: dict[int, TrackAccount] = field(default_factory=dict)
    whole: list[WholeRange] = field(default_factory=list)

    def add(self, cover: Cover) -> None:
        stamp = cover.stamp
        self.frames += 1
        self.first_s = stamp.time_s if self.first_s is None else self.first_s
        self.last_s = stamp.time_s
        if cover.whole is not None:
            self._add_whole(cover, cover.whole)
        for region in cover.regions:
            track = self.tracks.setdefault(
                region.track, TrackAccount(region.track, stamp.index, stamp.time_s)
            )
            track.last_frame, track.last_s = stamp.index, stamp.time_s
            track.best_score = max(track.best_score, region.score)
            _count(track, region.origin)

    def _add_whole(self, cover: Cover, reason: str) -> None:
        stamp = cover.stamp
        last = self.whole[-1] if self.whole else None
        if last is not None and last.reason == reason and last.last_frame == stamp.index - 1:
            last.last_frame, last.last_s = stamp.index, stamp.time_s
        else:
            self.whole.append(WholeRange(reason, stamp.index, stamp.time_s, stamp.index, stamp.time_s))

    @property
    def frames_whole(self) -> int:
        return sum(r.last_frame - r.first_frame + 1 for r in self.whole)


def _count(track: TrackAccount, origin: Origin) -> None:
    match origin:
        case Origin.DETECTED:
            track.detected += 1
        case Origin.TRACKED:
            track.tracked += 1
        case Origin.HELD:
            track.held += 1
        case Origin.PLANNED:
            track.planned += 1


@dataclass(frozen=True, slots=True)
class FileFacts:
    """A file that took part."""

    path: str
    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that is known about a finished run."""

    input: FileFacts
    output: FileFacts
    plan: FileFacts | None
    changes: tuple[Mapping[str, Any], ...]
    """What a person changed in the plan, against what was detected."""
    contact_sheet: FileFacts | None
    media: Mapping[str, Any]
    """Container, size, frame rate and duration of the input."""
    finished: str
    """Date and time in UTC, by this machine's clock."""
    elapsed_s: float
    account: Account
    review: tuple[Place, ...]
    """What a person should look at, the riskiest first."""
    dropped: tuple[str, ...]
    """What the input holds and the output does not."""
    notes: tuple[str, ...]
    """What was done differently from what the input or the settings suggest."""
    warnings: tuple[str, ...]
    zones: Mapping[str, Any]
    """The polygons that were covered in every frame, and those in which faces were ignored."""
    settings: Mapping[str, Any]
    versions: Mapping[str, str]
    models: tuple[Mapping[str, str], ...]
    """Those that looked."""
    verification: Verification | None = None
    """What proving the finished file found, if that was asked for."""

    @property
    def faces(self) -> int:
        """Number of tracks: one face that leaves and returns may count twice."""
        return len(self.account.tracks)

    @property
    def covered_whole(self) -> bool:
        return bool(self.account.whole)

    @property
    def exit_code(self) -> ExitCode:
        """What the command line returns for such a run."""
        if self.verification is not None and not self.verification.passed:
            return ExitCode.LEAK
        return ExitCode.COVERED_WHOLE if self.covered_whole else ExitCode.DONE

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON: no picture, no embedding."""
        return {
            "stream_guard_report": VERSION,
            "finished": self.finished,
            "elapsed_s": round(self.elapsed_s, 3),
            "input": {**asdict(self.input), **self.media},
            "models": [dict(m) for m in self.models],
            "versions": dict(self.versions),
            "settings": dict(self.settings),
            "zones": dict(self.zones),
            "plan": self.plan and asdict(self.plan),
            "manual_changes": [dict(change) for change in self.changes],
            "frames": {
                "in": self.account.frames_in,
                "out": self.account.frames,
                "covered_whole": self.account.frames_whole,
                "first_s": self.account.first_s,
                "last_s": self.account.last_s,
            },
            "tracks": [_rounded(asdict(t)) for t in self.account.tracks.values()],
            "covered_whole": [_rounded(asdict(r)) for r in self.account.whole],
            "review": [_place(place) for place in self.review],
            "dropped": list(self.dropped),
            "notes": list(self.notes),
            "warnings": list(self.warnings),
            "output": asdict(self.output),
            "contact_sheet": self.contact_sheet and asdict(self.contact_sheet),
            "verification": self.verification and self.verification.as_dict(),
        }


def _place(place: Place) -> dict[str, Any]:
    box = place.box
    return {
        "reason": place.reason.value,
        "risk": round(place.risk, 3),
        "says": place.says,
        "track": place.track,
        "first_frame": place.first_frame,
        "first_s": round(place.first_s, 4),
        "last_frame": place.last_frame,
        "last_s": round(place.last_s, 4),
        "frame": place.frame,
        "time_s": round(place.time_s, 4),
        "box": box and [round(v, 2) for v in (box.x0, box.y0, box.x1, box.y1)],
    }


def _rounded(values: dict[str, Any]) -> dict[str, Any]:
    return {key: round(value, 4) if isinstance(value, float) else value for key, value in values.items()}
