"""What a person changed in a plan, told from the digests that `detect` wrote beside its faces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from stream_guard.plan import WHOLE, Detected, Face, Plan, PlannedFrame, digest_of, sha256_of

ADDED, REMOVED, MOVED = "face added", "face removed", "face moved or altered"
WHOLE_SET, WHOLE_UNSET, WHOLE_ALTERED = "covered whole", "no longer covered whole", "reason altered"
ZONES_ALTERED = "zones altered"
FRAME_REMOVED = "frame removed"
NOT_DETECTED = "the plan was not written by detect, or what it says was detected was altered"


@dataclass(slots=True)
class Change:
    """The same change in neighbouring frames."""

    change: str
    track: int | None
    first_frame: int
    last_frame: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def changes(plan: Plan) -> tuple[Change, ...]:
    """Return everything that differs from what `detect` wrote, in the order of the frames.

    Someone who means to deceive can write new digests; an edited plan tells its edits, it does not prove
    that there were no others.
    """
    found: list[Change] = []
    latest: dict[tuple[str, int | None], Change] = {}
    for change in _all(plan):
        last = latest.get((change.change, change.track))
        if last is not None and last.last_frame >= change.first_frame - 1:
            last.last_frame = change.last_frame
        else:
            latest[change.change, change.track] = change
            found.append(change)
    return tuple(found)


def _all(plan: Plan) -> Iterator[Change]:
    lines = sorted(plan.frames, key=lambda line: line.frame)
    end = plan.detected.frames if plan.detected else 0
    before = [-1, *(line.frame for line in lines)]
    gaps = [(a + 1, min(b, end) - 1) for a, b in zip(before, [*before[1:], end], strict=True)]
    if plan.detected is None or _sum_is_wrong(plan.detected, lines):
        yield Change(NOT_DETECTED, None, 0, max(end - 1, 0))
    if plan.detected is not None and plan.detected.zones != digest_of(plan.zones):
        yield Change(ZONES_ALTERED, None, 0, max(end - 1, 0))
    for (first, last), line in zip(gaps, [*lines, None], strict=True):
        if first <= last:
            yield Change(FRAME_REMOVED, None, first, last)
        if line is not None:
            yield from (Change(what, track, line.frame, line.frame) for what, track in _in_frame(line))


def _sum_is_wrong(detected: Detected, lines: Sequence[PlannedFrame]) -> bool:
    """Tell whether the digests themselves were altered; where lines were taken out that cannot be told."""
    there = [line for line in lines if line.frame < detected.frames]
    return len(there) == detected.frames and sha256_of(there) != detected.sha256


def _in_frame(line: PlannedFrame) -> Iterator[tuple[str, int | None]]:
    left = {key: value for key, value in line.detected.items() if key != WHOLE}
    altered: list[Face] = []
    for face in line.faces:
        if left.get(str(face.track)) == digest_of(face):
            del left[str(face.track)]
        else:
            altered.append(face)
    for face in altered:
        yield (MOVED if left.pop(str(face.track), None) else ADDED), face.track
    for key in left:
        yield REMOVED, _number(key)
    yield from _whole(line)


def _whole(line: PlannedFrame) -> Iterator[tuple[str, int | None]]:
    was, now = line.detected.get(WHOLE), line.whole
    if was is None and now is not None:
        yield WHOLE_SET, None
    elif was is not None and now is None:
        yield WHOLE_UNSET, None
    elif was is not None and now is not None and was != digest_of(now):
        yield WHOLE_ALTERED, None


def _number(key: str) -> int | None:
    return int(key) if key.isdecimal() else None
