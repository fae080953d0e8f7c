"""Plots how many faces show against speed, one panel for each size of face."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from stream_guard.evaluate.score import Tally

_EXPOSED: Final = (0.0, 0.001, 0.01, 0.1, 1.0)
"""Ticks: shares of face-frames that show."""
_SPEEDS: Final = tuple(digit * 10.0**power for power in (-1, 0, 1, 2) for digit in (1, 2, 3, 5, 7))
Line = Sequence[tuple[float, Mapping[str, Tally]]]
"""Points that belong together: frames a second, and what was covered by size."""


def plot(lines: Mapping[str, Line], sizes: Sequence[str], speed: str, path: Path) -> None:
    """Write a picture with the lines in the order given; the suffix says its format."""
    figure = Figure(figsize=(3.3 * len(sizes), 3.6), layout="constrained")
    panels: Any = figure.subplots(1, len(sizes), sharex=True, sharey=True, squeeze=False)[0]
    for panel, size in zip(panels, sizes, strict=True):
        for name, line in lines.items():
            points = [(fps, by_size[size].recall) for fps, by_size in line if by_size[size].total]
            exposed = [(fps, 1 - recall) for fps, recall in points if recall is not None]
            panel.plot(*zip(*exposed, strict=True) if exposed else ((), ()), marker="o", label=name)
        _dress(panel, size)
    panels[0].set_ylabel("face-frames covered")
    figure.supxlabel(speed, fontsize=10)
    shown = panels[0].get_legend_handles_labels()
    figure.legend(*shown, loc="outside upper center", ncols=len(lines), frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context({"svg.hashsalt": "stream_guard", "svg.fonttype": "none"}):  # the same file each time
        figure.savefig(path, dpi=120, metadata={"Date": None} if path.suffix == ".svg" else {})


def _dress(panel: Any, size: str) -> None:
    panel.set_title(f"faces of {size} px", fontsize=10)
    panel.set_xscale("log")
    panel.xaxis.set_major_locator(FixedLocator(_SPEEDS))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    panel.set_yscale("symlog", linthresh=_EXPOSED[1])
    panel.set_ylim(1.2, -0.0002)  # best on top
    panel.yaxis.set_major_locator(FixedLocator(_EXPOSED))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * (1 - value):g} %"))
    panel.grid(alpha=0.3)
