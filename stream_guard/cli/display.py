"""Shows how far a run has come: a bar for people, lines for logs, JSON for machines."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import click

from stream_guard.flow.progress import Listener, Progress

MODES: Final = ("auto", "bar", "lines", "json", "none")
_LINE_EVERY_S: Final = 5.0


@contextmanager
def display(mode: str, name: str) -> Iterator[Listener | None]:
    """Give a listener for one run, on stderr; JSON goes to stdout."""
    if mode == "auto":
        mode = "bar" if sys.stderr.isatty() else "lines"
    if mode == "bar":
        with _bar(name) as listener:
            yield listener
    else:
        yield {"json": _json, "lines": _lines(time.monotonic), "none": None}[mode]


@contextmanager
def _bar(name: str) -> Iterator[Listener]:
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn
    from rich.progress import Progress as RichBar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TaskProgressColumn(),
        TextColumn("{task.fields[pace]}"),
    )
    with RichBar(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(escape(_short(name)), total=None, pace="opening")

        def tell(now: Progress) -> None:
            total = now.frames if now.done else now.total
            bar.update(task, completed=now.frames, total=total, pace=_pace(now))

        yield tell


def _pace(now: Progress) -> str:
    parts = [f"{now.fps:.1f} fps"]
    if now.media_s:
        parts.append(f"{now.times_real_time:.2f}x")
    if now.done:
        parts.append(f"took {_clock(now.elapsed_s)}")
    elif now.left_s is not None:
        parts.append(f"{_clock(now.left_s)} left")
    return " · ".join([*parts, _faces(now.faces)])


def _lines(clock: Callable[[], float]) -> Listener:
    told_s = clock()

    def tell(now: Progress) -> None:
        nonlocal told_s
        if not now.done and clock() - told_s < _LINE_EVERY_S:
            return
        told_s = clock()
        share = f"{now.share:.0%}" if now.share is not None else f"{now.frames} frames"
        click.echo(f"{now.name}: {share}, {_pace(now).replace(' · ', ', ')}", err=True)

    return tell


def _json(now: Progress) -> None:
    left_s = now.left_s
    event = {
        "event": "done" if now.done else "progress",
        "input": now.name,
        "frames": now.frames,
        "total": now.total,
        "percent": None if now.share is None else round(100 * now.share, 1),
        "fps": round(now.fps, 2),
        "times_real_time": round(now.times_real_time, 3),
        "elapsed_s": round(now.elapsed_s, 3),
        "left_s": None if left_s is None else round(left_s, 1),
        "faces": now.faces,
    }
    click.echo(json.dumps(event))


def _faces(count: int) -> str:
    return f"{count} face" if count == 1 else f"{count} faces"


def _short(name: str) -> str:
    return name if len(name) <= 30 else f"...{name[-27:]}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
