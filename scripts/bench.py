"""Compare stream_guard with a bare transcode of the same clip, and say where its time goes.

    python -m scripts.bench [CLIP] [--runs N] [--preset NAME] [--against 'deface {input} -o {output}']

All commands run in turn, N times, each as a process of its own; the table shows medians. Run it on an
otherwise idle machine. Only the standard library is loaded here: Linux counts the memory of the process
that starts a command towards the command's peak.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from scripts.arguments import there

ROOT: Final = Path(__file__).resolve().parents[1]
JOBS: Final = (sys.executable, "-m", "scripts.bench_jobs")
_ACCEPTED: Final = (0, 5)
"""5 is stream_guard's "done, but some frames were covered whole"."""


@dataclass(frozen=True, slots=True)
class Command:
    """One of the competitors."""

    name: str
    arguments: tuple[str, ...]
    output: Path


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of a command took."""

    wall_s: float
    cpu_s: float
    peak_mb: float


def measured(command: Command) -> Run:
    """Run a command to its end; its first output is removed.

    Raises:
        SystemExit: it failed.
    """
    command.output.unlink(missing_ok=True)
    with tempfile.TemporaryFile("w+") as said:
        start = time.monotonic()
        process = subprocess.Popen(command.arguments, cwd=ROOT, stdout=said, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in _ACCEPTED:
            said.seek(0)
            raise SystemExit(f"{command.name} ended with {process.returncode}: {said.read()[-2000:]}")
    return Run(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def commands(clip: Path, folder: Path, preset: str, against: str | None) -> list[Command]:
    """Return who takes part, the bare transcode first."""
    bare, ours, theirs = (folder / f"{name}.mp4" for name in ("transcode", "stream_guard", "other"))
    found = [
        Command("bare transcode", (sys.executable, "-m", "scripts.transcode", str(clip), str(bare)), bare),
        Command(
            f"stream_guard, {preset}",
            (sys.executable, "-m", "stream_guard", "redact", str(clip), "-o", str(ours), "--preset", preset),
            ours,
        ),
    ]
    if against:
        words = tuple(word.format(input=clip, output=theirs) for word in shlex.split(against))
        found.append(Command(words[0].rpartition("/")[2], words, theirs))
    return found


def in_turn(competitors: Sequence[Command], count: int) -> dict[str, list[Run]]:
    """Run all commands `count` times, alternating, so that a slow minute of the machine hits each alike."""
    runs: dict[str, list[Run]] = {command.name: [] for command in competitors}
    for number in range(count):
        for command in competitors:
            run = measured(command)
            runs[command.name].append(run)
            print(f"run {number + 1}: {command.name} {run.wall_s:.2f} s", file=sys.stderr, flush=True)
    return runs


def table(runs: dict[str, list[Run]], frames: int) -> str:
    """Return the medians as a Markdown table."""
    rows = [
        "| command | wall s (least to most) | frames/s | of bare transcode | CPU s | peak MB |",
        "|---|---|---|---|---|---|",
    ]
    bare = statistics.median(run.wall_s for run in next(iter(runs.values())))
    for name, found in runs.items():
        walls = [run.wall_s for run in found]
        wall = statistics.median(walls)
        cpu = statistics.median(run.cpu_s for run in found)
        peak = max(run.peak_mb for run in found)
        rows.append(
            f"| {name} | {wall:.2f} ({min(walls):.2f} to {max(walls):.2f}) | {frames / wall:.1f} "
            f"| {bare / wall:.2f} | {cpu:.1f} | {peak:.0f} |"
        )
    return "\n".join(rows)


def job(*arguments: str) -> Any:
    """Run a part of `scripts.bench_jobs` and return what it found."""
    done = subprocess.run([*JOBS, *arguments], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def main() -> None:
    given = _parser().parse_args()
    with tempfile.TemporaryDirectory(prefix="stream-guard-bench-") as scratch:
        folder = Path(scratch)
        clip = given.clip.resolve() if given.clip else folder / "clip.mp4"
        if not given.clip:
            print("making a clip: 1920x1080, 20 s, 25 frames/s, H.264", file=sys.stderr, flush=True)
            job("make", str(clip))
        facts = job("facts", str(clip))
        runs = in_turn(commands(clip, folder, given.preset, given.against), given.runs)
        stages = job("stages", str(clip), str(folder / "stages.mp4"), given.preset)
    print(f"{facts['name']}: {facts['width']}x{facts['height']}, {facts['frames']} frames, {facts['codec']}")
    print(f"{os.cpu_count()} cores, medians of {given.runs}\n\n{table(runs, facts['frames'])}\n")
    print("| stage of stream_guard | CPU ms a frame |\n|---|---|")
    for stage, seconds in stages.items():
        print(f"| {stage} | {1000 * seconds / facts['frames']:.1f} |")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("clip", nargs="?", type=there, help="a video; made from the samples if not given")
    parser.add_argument("--runs", type=int, default=3, help="how often each command runs (default 3)")
    parser.add_argument("--preset", default="balanced", help="detection preset (default balanced)")
    parser.add_argument(
        "--against", metavar="COMMAND", help="another command, with {input} and {output} in it"
    )
    return parser


if __name__ == "__main__":
    main()
