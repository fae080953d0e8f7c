"""Sums up the results of `scripts.benchmark_protection` and lays them out for the README."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from stream_guard.evaluate.score import SIZES, Tally

BEGIN, END = "<!-- protection: begin -->", "<!-- protection: end -->"
SHOWN_SIZES: Final = ("10-16", "16-32", "32+")
_FALSE_COVER: Final = 1e-4
"""Share of a face-free picture from which something counts as covered; less is the codec's noise."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one program made of one file."""

    tool: str
    version: str
    case: str
    kind: str
    """"still" or "video"."""
    seconds: float = 0.0
    score: dict[str, Any] | None = None
    """As `Score.as_dict` gives it; None if the program failed."""
    failure: str = ""


@dataclass
class Summary:
    """All that one program made of files of one kind."""

    by_size: dict[str, Tally] = field(default_factory=lambda: dict.fromkeys(SIZES, Tally()))
    tracks: Tally = field(default_factory=Tally)
    """Those that never show are the covered ones."""
    longest_leak: int = 0
    flicker: int = 0
    track_minutes: float = 0.0
    beyond: list[float] = field(default_factory=list)
    """Collateral of each file with faces."""
    beyond_free: list[float] = field(default_factory=list)
    """Collateral of each file without."""
    frames: int = 0
    seconds: float = 0.0
    failures: list[str] = field(default_factory=list)

    @property
    def fps(self) -> float:
        return self.frames / self.seconds if self.seconds else 0.0

    def add(self, result: Result) -> None:
        if result.score is None:
            self.failures.append(result.failure)
            return
        score = result.score
        for name, counted in score["by_height_px"].items():
            self.by_size[name] += Tally(counted["covered"], counted["total"])
        self.tracks += Tally(score["tracks"] - score["exposed_tracks"], score["tracks"])
        self.longest_leak = max(self.longest_leak, score["longest_leak_frames"])
        self.flicker += score["flicker"]
        self.track_minutes += score["track_minutes"]
        faces = score["face_frames"]["total"] + score["not_judged"]
        (self.beyond if faces else self.beyond_free).append(score["collateral"] or 0.0)
        self.frames += score["frames"]["original"]
        self.seconds += result.seconds


def summed(results: Iterable[Result], tools: Sequence[str], kind: str) -> dict[str, Summary]:
    """Return the summary of each program that did files of a kind, in the order of `tools`."""
    found: dict[str, Summary] = {}
    by_tool = sorted((r for r in results if r.kind == kind), key=lambda r: tools.index(r.tool))
    for result in by_tool:
        found.setdefault(result.tool, Summary()).add(result)
    return found


def tables(results: Sequence[Result], tools: Sequence[str], not_run: dict[str, str]) -> str:
    """Return everything as Markdown."""
    parts = []
    if videos := summed(results, tools, "video"):
        parts.append(f"{_title(results, videos, 'video')}\n\n{_videos(videos)}")
    if stills := summed(results, tools, "still"):
        parts.append(f"{_title(results, stills, 'still')}\n\n{_stills(stills)}")
    parts += [text for text in (_failures(videos), _failures(stills)) if text]
    parts.append("Not run: " + "; ".join(f"{name} {why}" for name, why in not_run.items()) + ".")
    return "\n\n".join(parts)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def placed(readme: str, text: str) -> str:
    """Return the README with the text between its two marks."""
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{text}\n{END}{after}"


def _title(results: Sequence[Result], summaries: dict[str, Summary], kind: str) -> str:
    files = len({result.case for result in results if result.kind == kind})
    faces = max(sum(t.total for t in one.by_size.values()) for one in summaries.values())
    what = "videos" if kind == "video" else "pictures"
    return f"{files} {what}, {faces} true {'face-frames' if kind == 'video' else 'faces'}:"


def _videos(summaries: dict[str, Summary]) -> str:
    head = (
        "program", *_size_heads(), "tracks exposed", "longest leak", "flicker a track-minute",
        "covered beyond faces", "covered in face-free clips", "frames/s", "failed",
    )  # fmt: skip
    rows = [
        (
            name, *_recalls(one), _share(one.tracks.total - one.tracks.covered, one.tracks.total),
            f"{one.longest_leak} frames" if one.tracks.total else "-",
            _ratio(one.flicker, one.track_minutes, "{:.2f}"),
            _mean(one.beyond), _mean(one.beyond_free), f"{one.fps:.1f}", str(len(one.failures)),
        )
        for name, one in summaries.items()
    ]  # fmt: skip
    return table(head, rows)


def _stills(summaries: dict[str, Summary]) -> str:
    head = (
        "program", *_size_heads(), "covered beyond faces", "face-free pictures with something covered",
        "s a picture", "failed",
    )  # fmt: skip
    rows = [
        (
            name, *_recalls(one), _mean(one.beyond),
            f"{sum(share > _FALSE_COVER for share in one.beyond_free)} of {len(one.beyond_free)}",
            _ratio(one.seconds, one.frames, "{:.2f}"), str(len(one.failures)),
        )
        for name, one in summaries.items()
    ]  # fmt: skip
    return table(head, rows)


def _size_heads() -> tuple[str, ...]:
    return tuple(f"{name} px" for name in SHOWN_SIZES)


def _recalls(one: Summary) -> tuple[str, ...]:
    return tuple(_share(one.by_size[name].covered, one.by_size[name].total) for name in SHOWN_SIZES)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.2%}" if whole else "-"


def _ratio(a: float, b: float, form: str) -> str:
    return form.format(a / b) if b else "-"


def _mean(shares: Sequence[float]) -> str:
    return f"{sum(shares) / len(shares):.2%}" if shares else "-"


def _failures(summaries: dict[str, Summary]) -> str:
    said = [
        f"{name} failed on {len(one.failures)} file(s), the first time with: {one.failures[0]}"
        for name, one in summaries.items()
        if one.failures
    ]
    return "  \n".join(said)
