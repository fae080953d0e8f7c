"""True face boxes, as a CSV file that people and programs can write."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stream_guard.errors import InputError
from stream_guard.model.geometry import Box

_NEEDED: Final = ("frame", "track", "x", "y", "w", "h")


@dataclass(frozen=True, slots=True)
class TrueFace:
    """One face in one frame."""

    track: str
    """The same for the same face throughout the clip."""
    box: Box
    """Forehead to chin and ear to ear, in upright pixels of the frame."""
    line: int
    """Where the file says so."""


@dataclass(frozen=True, slots=True)
class Truth:
    """All faces that are to be judged."""

    name: str
    """For messages: the path as the user gave it."""
    faces: Mapping[int, tuple[TrueFace, ...]]
    """By frame, counted from 0."""

    def require_within(self, frames: int) -> None:
        """Refuse a truth that speaks of frames which the clip does not have: it is another clip's.

        Raises:
            InputError: naming the line.
        """
        last = max(self.faces, default=0)
        if last >= max(frames, 1):
            raise InputError(
                f"{self.name} line {self.faces[last][0].line} has a face in frame {last}, but the clip has "
                f"{frames} frame(s), counted from 0; is it the truth of another clip?"
            )


def read_truth(path: Path) -> Truth:
    """Read a CSV file with the columns frame, track, x, y, w, h and, if wanted, ignore (1 leaves a face out).

    Raises:
        InputError: it cannot be read, or a line is wrong; the sentence names the line.
    """
    faces: dict[int, dict[str, TrueFace]] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            for frame, face in _rows(file, path):
                if face.track in faces.setdefault(frame, {}):
                    raise InputError(
                        f"{path} line {face.line} has track {face.track} a second time in frame {frame}; "
                        "every face of a frame needs a track of its own."
                    )
                faces[frame][face.track] = face
    except OSError as exc:
        raise InputError(f"{path} cannot be read: {exc.strerror}.") from exc
    except UnicodeError as exc:
        raise InputError(f"{path} is no text in UTF-8, so no CSV file of face boxes.") from exc
    return Truth(str(path), {frame: tuple(found.values()) for frame, found in faces.items()})


def _rows(lines: Iterable[str], path: Path) -> Iterator[tuple[int, TrueFace]]:
    reader = csv.DictReader(lines, strict=True)
    try:
        yield from _checked(reader, path)
    except csv.Error as exc:
        raise InputError(f"{path} line {reader.reader.line_num} is no CSV: {exc}.") from exc


def _checked(reader: csv.DictReader[str], path: Path) -> Iterator[tuple[int, TrueFace]]:
    missing = [name for name in _NEEDED if name not in (reader.fieldnames or ())]
    if missing:
        raise InputError(
            f"{path} line 1 lacks the column(s) {', '.join(missing)}; it must name {','.join(_NEEDED)}"
            " and may name ignore."
        )
    for row in reader:
        where = f"{path} line {reader.line_num}"
        if None in row or None in row.values():
            raise InputError(f"{where} has not as many values as line 1 has names.")
        if _number(row, "ignore", where, default=0.0):
            continue
        frame, x, y, w, h = (_number(row, name, where) for name in ("frame", "x", "y", "w", "h"))
        if frame < 0 or frame != int(frame):
            raise InputError(f"{where} has the frame {row['frame']}; frames are counted from 0.")
        if w <= 0 or h <= 0:
            raise InputError(f"{where} has a box of {row['w']} x {row['h']}; both must be above 0.")
        yield int(frame), TrueFace(row["track"].strip(), Box(x, y, x + w, y + h), reader.line_num)


def _number(row: Mapping[str, str], name: str, where: str, default: float | None = None) -> float:
    text = row.get(name, "").strip()
    if not text and default is not None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{where} has {text!r} for {name}, which is no number.")
    return value
