"""Score stream_guard and other programs on a folder of clips and pictures whose true faces are known.

    python -m scripts.benchmark_protection FOLDER [--tools NAME,...] [--presets NAME,...]
        [--plot docs/images/protection.svg] [--write]

Beside `clip.mp4` lies its truth as `clip.boxes.csv` (see `stream-guard evaluate` in the README). Every
program runs once on every file, as a process of its own, in its default settings, and its output is judged by
its pixels. Each result is added to a file (--results) as soon as it is there: a benchmark that was stopped
goes on where it was, and one that is complete is only shown again; failures are tried again. Speed is of the
whole process, start included: measure on an idle machine.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from scripts.anonymizers import NOT_RUN, OTHERS, PRESETS, Kind, NotDone, Tool, ours, program_of, timed
from scripts.arguments import there
from scripts.protection_plot import Line, plot
from scripts.protection_table import SHOWN_SIZES, Result, Summary, placed, summed, tables
from stream_guard import StreamGuardError, evaluate
from stream_guard.evaluate.score import Tally
from stream_guard.sources.kind import sniff

README: Final = Path(__file__).resolve().parents[1] / "README.md"
CACHE: Final = Path.home() / ".cache" / "stream-guard-benchmark"
TRUTHS: Final = (".boxes.csv", ".agreed.csv")
"""How names of truths end; "agreed" are boxes that several detectors agree on."""
_LIMIT_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Case:
    """A file and its truth."""

    source: Path
    truth: Path
    kind: Kind


def cases(folder: Path) -> list[Case]:
    """Return every clip and picture of the folder that has a truth beside it.

    Raises:
        SystemExit: there is none.
    """
    found = []
    for truth in sorted(folder.iterdir()):
        ending = next((e for e in TRUTHS if truth.name.endswith(e)), None)
        if ending is None:
            continue
        name = truth.name.removesuffix(ending)
        beside = [p for p in folder.glob(f"{name}.*") if p.stem == name and p.suffix not in (".csv", ".json")]
        found += [Case(path, truth, sniff(path)) for path in beside]
    if not found:
        raise SystemExit(f"{folder} has no clip or picture with a truth ({' or '.join(TRUTHS)}) beside it")
    return found


def tools(names: Sequence[str], presets: Sequence[str]) -> list[Tool]:
    """Return the programs of these names, stream_guard once for each preset.

    Raises:
        SystemExit: a name is unknown.
    """
    known = ("stream_guard", *OTHERS)
    if wrong := [name for name in names if name not in known] + [p for p in presets if p not in PRESETS]:
        raise SystemExit(f"unknown: {', '.join(wrong)}; there are {', '.join(known)}; {', '.join(PRESETS)}")
    mine = [ours(preset) for preset in presets] if "stream_guard" in names else []
    return mine + [OTHERS[name] for name in names if name in OTHERS]


def results(
    taking_part: Sequence[Tool], files: Sequence[Case], environments: dict[str, Path], known: Sequence[Result]
) -> Iterator[Result]:
    """Run what is not known yet, program by program."""
    done = {(result.tool, result.case) for result in known}
    for tool in taking_part:
        todo = [c for c in files if c.kind in tool.arguments and (tool.name, c.source.name) not in done]
        if not todo:
            continue
        try:
            program = program_of(tool, environments.get(tool.name, CACHE / tool.name))
        except NotDone as exc:
            yield from (_failed(tool, case, exc) for case in todo)
            continue
        yield from (judged(tool, program, case) for case in todo)


def judged(tool: Tool, program: Path, case: Case) -> Result:
    """Run a program on a file and judge what it made."""
    with TemporaryDirectory(prefix="stream-guard-benchmark-") as folder:
        try:
            made, seconds = timed(tool, program, case.kind, case.source, Path(folder), _LIMIT_S)
            score = evaluate(case.source, case.truth, made)
        except (NotDone, StreamGuardError) as exc:
            return _failed(tool, case, exc)
    name = case.source.name
    return Result(tool.name, tool.version, name, case.kind, round(seconds, 3), score.as_dict())


def _failed(tool: Tool, case: Case, why: Exception) -> Result:
    return Result(tool.name, tool.version, case.source.name, case.kind, failure=str(why))


def load(path: Path, taking_part: Sequence[Tool], files: Sequence[Case]) -> list[Result]:
    """Return what earlier runs of these programs, as they are now, made of these files."""
    if not path.is_file():
        return []
    versions, names = {tool.name: tool.version for tool in taking_part}, {case.source.name for case in files}
    found = [Result(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
    return [r for r in found if r.score and versions.get(r.tool) == r.version and r.case in names]


def main() -> None:
    given = _parser().parse_args()
    files = cases(given.folder.resolve())
    taking_part = tools(given.tools.split(","), given.presets.split(","))
    environments = {name: Path(path).resolve() for name, _, path in (v.partition("=") for v in given.venv)}
    found = load(given.results, taking_part, files)
    with given.results.open("a", encoding="utf-8") as log:
        for result in results(taking_part, files, environments, found):
            found.append(result)
            log.write(json.dumps(asdict(result)) + "\n")
            log.flush()
            print(f"{result.tool}, {result.case}: {result.failure or f'{result.seconds} s'}", file=sys.stderr)
    names = [tool.name for tool in taking_part]
    text = tables(found, names, NOT_RUN)
    print(text)
    if given.plot:
        plot(lines(summed(found, names, "video")), SHOWN_SIZES, "frames/s of the whole process", given.plot)
    if given.write:
        README.write_text(placed(README.read_text(encoding="utf-8"), text), encoding="utf-8")


def lines(summaries: Mapping[str, Summary]) -> dict[str, Line]:
    """Return what to plot: each program a line, the presets of stream_guard one together."""
    found: dict[str, list[tuple[float, Mapping[str, Tally]]]] = {}
    for name, one in summaries.items():
        if one.frames:
            found.setdefault(name.partition(" ")[0], []).append((one.fps, one.by_size))
    return dict(found)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=there, help="clips and pictures with their truths")
    parser.add_argument(
        "--tools", default=",".join(("stream_guard", *OTHERS)), help="who takes part (default: %(default)s)"
    )
    parser.add_argument("--presets", default=",".join(PRESETS), help="of stream_guard (default: %(default)s)")
    parser.add_argument(
        "--venv", action="append", default=[], metavar="NAME=FOLDER",
        help=f"a program's environment; else one is made in {CACHE}",
    )  # fmt: skip
    parser.add_argument(
        "--results", type=Path, default=Path("protection.jsonl"), help="what is known (default: %(default)s)"
    )
    parser.add_argument("--plot", type=Path, metavar="FILE", help="write the plot, .svg or .png")
    parser.add_argument("--write", action="store_true", help="put the tables into the README")
    return parser


if __name__ == "__main__":
    main()
