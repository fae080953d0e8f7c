"""What a verification of a finished file found, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from stream_guard.model.geometry import Box

VERSION: Final = 1


class Kind(Enum):
    """What is wrong."""

    FACE = "face"
    """A face of the input shows in the output."""
    FRAMES = "frames"
    """Frames are missing, too many, late, early, or show another moment."""
    SIZE = "size"
    """The picture has another size."""
    LEFTOVER = "leftover"
    """The file carries something besides picture and sound."""
    RECORD = "record"
    """The report, its signature or a file that it speaks of is not what it was."""
    UNJUDGED = "unjudged"
    """Something could not be judged, so nothing is proven about it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, at one place."""

    kind: Kind
    what: str
    """One phrase."""
    first_frame: int | None = None
    """Of the output, counted from 0; None where it concerns the whole file."""
    last_frame: int | None = None
    first_s: float | None = None
    last_s: float | None = None
    box: Box | None = None
    """Where it is worst, in upright pixels of the input."""
    worst_frame: int | None = None
    figures: Mapping[str, float] = field(default_factory=dict)
    """Measured values by name, 0 to 1."""

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        box = self.box and [round(v, 1) for v in (self.box.x0, self.box.y0, self.box.x1, self.box.y1)]
        return {
            "kind": self.kind.value,
            "what": self.what,
            "first_frame": self.first_frame,
            "last_frame": self.last_frame,
            "first_s": _rounded(self.first_s),
            "last_s": _rounded(self.last_s),
            "worst_frame": self.worst_frame,
            "box": box,
            "figures": {name: _rounded(value) for name, value in self.figures.items()},
        }


@dataclass(frozen=True, slots=True)
class Verification:
    """Everything that a verification found out."""

    output: str
    source: str | None
    """None where nothing but the record was checked."""
    frames_in: int
    frames_out: int
    faces: int
    """Tracks of the input that were looked for in the output."""
    findings: tuple[Finding, ...]
    elapsed_s: float

    @property
    def passed(self) -> bool:
        return not self.findings

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON: no picture, no embedding."""
        return {
            "stream_guard_verification": VERSION,
            "output": self.output,
            "source": self.source,
            "passed": self.passed,
            "frames": {"in": self.frames_in, "out": self.frames_out},
            "faces": self.faces,
            "findings": [finding.as_dict() for finding in self.findings],
            "elapsed_s": round(self.elapsed_s, 3),
        }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
