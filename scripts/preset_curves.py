"""What each part of a preset buys: recall against processor time, one part changed at a time.

    python -m scripts.preset_curves FOLDER [--preset balanced] [--curves NAME,...] [--plot FILE]

Runs over the videos of a folder as `scripts.benchmark_protection` finds them. Time is the processor's, of the
whole redaction without loading the models, so that a busy machine does not spoil it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from scripts.arguments import there
from scripts.benchmark_protection import Case, cases
from scripts.protection_plot import Line, plot
from scripts.protection_table import SHOWN_SIZES, table
from stream_guard import Guard, Settings, evaluate
from stream_guard.detect.presets import PRESETS, Preset
from stream_guard.evaluate.score import SIZES, Tally

_TURNS: Final[Mapping[str, tuple[int, ...]]] = {
    "none": (),
    "90": (90,),
    "90, 270": (90, 270),
    "90, 270, 180": (90, 270, 180),
}
_ASLANT: Final[Mapping[str, tuple[int, ...]]] = {"none": (), "45, 315": (45, 315), "all": (45, 315, 135, 225)}


@dataclass(frozen=True, slots=True)
class Variant:
    """A preset with one part changed."""

    curve: str
    value: str
    preset: Preset
    lag_s: float


@dataclass(frozen=True, slots=True)
class Point:
    """What a variant reached over all videos."""

    variant: Variant
    by_size: Mapping[str, Tally]
    longest_leak: int
    cpu_ms: float
    """A frame."""


def variants(base: Preset, lag_s: float) -> list[Variant]:
    """Return every curve's points, in order."""

    def curve(name: str, change: Callable[[Any], Preset], values: Sequence[Any]) -> list[Variant]:
        return [Variant(name, f"{value:g}", change(value), lag_s) for value in values]

    def view(**changed: Any) -> Preset:
        return replace(base, view=replace(base.view, **changed))

    def looking(look_s: float) -> Preset:
        return replace(base, cadence=replace(base.cadence, look_s=look_s))

    sides = (640, 800, 960, 1136, 1280, 1600, 1920)
    return [
        *curve("view side", lambda v: view(side=v, max_upscale=3.0), sides),
        *curve("enlarged at most", lambda v: view(max_upscale=v), (1, 1.5, 2, 3)),
        *curve("look_s", looking, (0.5, 0.3, 0.2, 0.1, 0.06, 0.03, 0)),
        *curve("further_look_s", lambda v: replace(base, further_look_s=v), (2, 1, 0.5, 0.2, 0.08)),
        *curve("opinion_look_s", lambda v: replace(base, opinion_look_s=v), (1e9, 2, 1, 0.6, 0.2)),
        *(Variant("turned", name, replace(base, turned=by), lag_s) for name, by in _TURNS.items()),
        *(Variant("aslant", name, replace(base, aslant=by), lag_s) for name, by in _ASLANT.items()),
        *(Variant("lag_s", f"{value:g}", base, value) for value in (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)),
    ]


def measured(variant: Variant, files: Sequence[Case]) -> Point:
    """Redact and judge every video."""
    settings = Settings.model_validate(
        {"track": {"lag_s": variant.lag_s}, "output": {"encoder_preset": "ultrafast", "overwrite": True}}
    )
    by_size, longest, frames, cpu_s = dict.fromkeys(SIZES, Tally()), 0, 0, 0.0
    with Guard(settings) as guard, TemporaryDirectory(prefix="stream-guard-curves-") as folder:
        guard._preset = variant.preset
        guard.load()
        for case in files:
            made, start = Path(folder, f"{case.source.stem}.mp4"), time.process_time()
            guard.redact(case.source, made)
            cpu_s += time.process_time() - start
            score = evaluate(case.source, case.truth, made)
            by_size = {name: tally + score.by_size[name] for name, tally in by_size.items()}
            longest, frames = max(longest, score.longest_leak), frames + score.frames[0]
    return Point(variant, by_size, longest, 1000 * cpu_s / frames)


def told(points: Sequence[Point]) -> str:
    """Return a Markdown table for each curve."""
    head = (*(f"{size} px" for size in SHOWN_SIZES), "longest leak", "CPU ms a frame")
    curves = dict.fromkeys(point.variant.curve for point in points)
    return "\n\n".join(
        table((name, *head), [_row(p) for p in points if p.variant.curve == name]) for name in curves
    )


def _row(point: Point) -> tuple[str, ...]:
    recalls = (point.by_size[size].recall for size in SHOWN_SIZES)
    shown = ("-" if recall is None else f"{recall:.2%}" for recall in recalls)
    return (point.variant.value, *shown, str(point.longest_leak), f"{point.cpu_ms:.1f}")


def lines(points: Sequence[Point]) -> dict[str, Line]:
    """Return what to plot: one line for each curve."""
    found: dict[str, list[tuple[float, Mapping[str, Tally]]]] = {}
    for point in points:
        found.setdefault(point.variant.curve, []).append((point.cpu_ms, point.by_size))
    return dict(found)


def main() -> None:
    given = _parser().parse_args()
    files = [case for case in cases(given.folder.resolve()) if case.kind == "video"]
    wanted = variants(PRESETS[given.preset], Settings().track.lag_s)
    if given.curves:
        wanted = [variant for variant in wanted if variant.curve in given.curves.split(",")]
    if not (files and wanted):
        raise SystemExit("there is no video with a truth, or no curve of that name")
    points = []
    for variant in wanted:
        points.append(measured(variant, files))
        print(f"{variant.curve} {variant.value}: {points[-1].cpu_ms:.1f} ms", file=sys.stderr, flush=True)
    print(told(points))
    if given.plot:
        plot(lines(points), SHOWN_SIZES, "CPU ms a frame", given.plot)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=there, help="videos with their truths")
    parser.add_argument("--preset", default="balanced", choices=list(PRESETS), help="where to start from")
    parser.add_argument("--curves", metavar="NAME,...", help="only these, e.g. 'view side,lag_s'")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="write the plot, .svg or .png")
    return parser


if __name__ == "__main__":
    main()
