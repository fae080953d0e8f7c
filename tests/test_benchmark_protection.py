"""The comparison is fair: everybody is run and judged alike, nothing is lost, and failures are told."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from scripts.anonymizers import OTHERS, NotDone, Tool, ours, program_of, timed
from scripts.benchmark_protection import cases, judged, lines, load, results, tools
from scripts.preset_curves import Point, Variant, measured, told, variants
from scripts.protection_plot import plot
from scripts.protection_table import BEGIN, END, Result, Summary, placed, summed, tables
from stream_guard.detect.presets import PRESETS
from stream_guard.evaluate.score import Tally

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "samples"


def copier(code: str) -> Tool:
    """Return a program that takes input and output and is called for pictures and videos."""
    words = ("-c", f"import shutil, sys; {code}", "{input}", "{output}")
    return Tool("copier", (), "python", {"still": words, "video": words}, {}, "1")


LEAVES_ALL = copier("shutil.copy(*sys.argv[1:])")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "footage"
    found.mkdir()
    for name in ("walk.mp4", "walk.boxes.csv", "street.png", "street.boxes.csv", "portrait.jpg"):
        shutil.copy(SAMPLES / name, found)
    return found


def test_what_has_a_truth_takes_part(folder: Path) -> None:
    (folder / "street.boxes.csv").rename(folder / "street.agreed.csv")
    found = cases(folder)
    assert [(case.source.name, case.kind) for case in found] == [
        ("street.png", "still"),
        ("walk.mp4", "video"),
    ]


def test_a_folder_without_truths_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="has no clip or picture with a truth"):
        cases(tmp_path)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(SystemExit, match="unknown: defase, slow"):
        tools(["stream_guard", "defase"], ["fast", "slow"])


def test_every_program_is_pinned_and_in_an_environment_of_its_own() -> None:
    assert {"deface", "faceghost"} <= set(OTHERS)
    for tool in OTHERS.values():
        assert tool.requirements[0] == f"{tool.name}=={tool.version}"
    assert [tool.name for tool in tools(["stream_guard"], ["fast"])] == ["stream_guard fast"]


def test_a_program_is_run_and_judged(folder: Path) -> None:
    still = next(case for case in cases(folder) if case.kind == "still")
    tool = ours("fast")
    result = judged(tool, program_of(tool, folder), still)
    assert result.failure == ""
    assert result.score is not None
    assert result.score["face_frames"] == {"covered": 3, "total": 3, "recall": 1.0}
    assert result.seconds > 0.2
    bare = judged(LEAVES_ALL, Path(sys.executable), still)
    assert bare.score is not None
    assert bare.score["face_frames"]["covered"] == 0


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("sys.exit('no model')", "no model"),
        ("pass", "made nothing (exit code 0)"),
        ("open(sys.argv[2], 'w').write('no picture')", "neither a video nor a picture"),
    ],
)
def test_a_failure_is_a_result(folder: Path, code: str, says: str) -> None:
    still = next(case for case in cases(folder) if case.kind == "still")
    result = judged(copier(code), Path(sys.executable), still)
    assert result.score is None
    assert says in result.failure


def test_a_program_that_hangs_is_ended(folder: Path) -> None:
    tool = copier("import time; time.sleep(60)")
    with pytest.raises(NotDone, match="took more than 1 s"):
        timed(tool, Path(sys.executable), "still", folder / "street.png", folder, 1.0)


def test_what_is_known_is_not_run_again(folder: Path, tmp_path: Path) -> None:
    files, log = cases(folder), tmp_path / "log.jsonl"
    first = list(results([LEAVES_ALL], files, {}, []))
    failed = replace(first[1], score=None, failure="once")
    log.write_text("".join(json.dumps(asdict(result)) + "\n" for result in (first[0], failed)))
    known = load(log, [LEAVES_ALL], files)
    assert known == [first[0]]
    again = list(results([LEAVES_ALL], files, {}, known))
    assert [r.case for r in again] == [first[1].case]
    assert load(log, [replace(LEAVES_ALL, version="2")], files) == []


# -- tables, plot ----------------------------------------------------------------------------------


def score(covered: int, total: int, collateral: float, **more: Any) -> dict[str, Any]:
    sizes = {name: {"covered": 0, "total": 0} for name in ("under 10", "10-16", "32+")}
    counted = {"covered": covered, "total": total}
    return {
        "by_height_px": {**sizes, "16-32": counted}, "face_frames": counted, "not_judged": 0, "tracks": 4,
        "exposed_tracks": 1, "longest_leak_frames": 7, "flicker": 3, "track_minutes": 2.0,
        "collateral": collateral, "frames": {"original": 100, "result": 100}, **more,
    }  # fmt: skip


ONE = {"original": 1, "result": 1}
FOUND = [
    Result("b", "1", "x.mp4", "video", 4.0, score(90, 100, 0.02)),
    Result("b", "1", "y.mp4", "video", 1.0, score(0, 0, 0.001, tracks=0, exposed_tracks=0)),
    Result("a", "1", "x.mp4", "video", failure="no such codec"),
    Result("a", "1", "p.png", "still", 0.5, score(3, 3, 0.0, frames=ONE)),
    Result("a", "1", "q.png", "still", 1.5, score(0, 0, 0.03, frames=ONE)),
    Result("a", "1", "r.png", "still", 1.0, score(0, 0, 0.00001, frames=ONE)),
]


def test_results_are_summed_by_program_and_kind() -> None:
    one = summed(FOUND, ["a", "b"], "video")["b"]
    assert one.by_size["16-32"] == Tally(90, 100)
    assert (one.tracks, one.longest_leak, one.flicker, one.fps) == (Tally(3, 4), 7, 6, 40.0)
    assert (one.beyond, one.beyond_free) == ([0.02], [0.001])


def test_the_tables_say_what_was_found() -> None:
    text = tables(FOUND, ["a", "b"], {"c 1": "does not install"})
    rows = [line for line in text.splitlines() if line.startswith(("| a", "| b"))]
    assert rows == [
        "| a | - | - | - | - | - | - | - | - | 0.0 | 1 |",
        "| b | - | 90.00% | - | 25.00% | 7 frames | 1.50 | 2.00% | 0.10% | 40.0 | 0 |",
        "| a | - | 100.00% | - | 0.00% | 1 of 2 | 1.00 | 0 |",
    ]
    assert "2 videos, 100 true face-frames:" in text
    assert "a failed on 1 file(s), the first time with: no such codec" in text
    assert text.endswith("Not run: c 1 does not install.")


def test_the_tables_go_between_the_marks() -> None:
    readme = f"before {BEGIN}\nold\n{END} after"
    assert placed(readme, "new") == f"before {BEGIN}\nnew\n{END} after"


def test_the_readme_has_the_marks_once() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme.count(BEGIN) == readme.count(END) == 1
    assert readme.index(BEGIN) < readme.index(END)


@pytest.mark.parametrize("suffix", [".svg", ".png"])
def test_the_plot_is_the_same_each_time(tmp_path: Path, suffix: str) -> None:
    points = {
        f"stream_guard {name}": Summary({"16-32": Tally(covered, 100)}, frames=100, seconds=seconds)
        for name, covered, seconds in (("fast", 95, 2.0), ("thorough", 100, 20.0))
    }
    assert [len(line) for line in lines(points).values()] == [2]
    pictures = []
    for name in ("one", "two"):
        plot(lines(points), ("16-32",), "frames/s", tmp_path / f"{name}{suffix}")
        pictures.append((tmp_path / f"{name}{suffix}").read_bytes())
    assert pictures[0] == pictures[1]
    if suffix == ".svg":
        assert b"faces of 16-32 px" in pictures[0]
        assert b"<dc:date>" not in pictures[0]


# -- curves ----------------------------------------------------------------------------------------


def test_every_curve_changes_one_part_and_passes_through_the_preset() -> None:
    base = PRESETS["balanced"]
    found = variants(base, 2.0)
    for curve in dict.fromkeys(variant.curve for variant in found):
        points = [(v.preset, v.lag_s) for v in found if v.curve == curve]
        assert len(set(points)) == len(points)
        if curve != "view side":  # which enlarges further, or small pictures would not be
            assert (base, 2.0) in points, curve


def test_a_variant_is_measured(folder: Path) -> None:
    preset = PRESETS["fast"]
    point = measured(
        Variant("turned passes", "none", preset, 0.5), [c for c in cases(folder) if c.kind == "video"]
    )
    assert sum(tally.total for tally in point.by_size.values()) == 231
    assert 1 < point.cpu_ms < 2000


def test_curves_are_told_as_tables() -> None:
    variant = Variant("look_s", "0.1", PRESETS["fast"], 1.0)
    sizes = {"10-16": Tally(), "16-32": Tally(9, 10), "32+": Tally(1, 1)}
    text = told([Point(variant, sizes, 3, 12.34)])
    assert text.splitlines()[0].startswith("| look_s | 10-16 px |")
    assert text.splitlines()[2] == "| 0.1 | - | 90.00% | 100.00% | 3 | 12.3 |"


def test_the_script_runs(folder: Path, tmp_path: Path) -> None:
    (folder / "walk.mp4").unlink()
    log = tmp_path / "log.jsonl"
    words = [
        "scripts.benchmark_protection",
        folder,
        "--tools",
        "stream_guard",
        "--presets",
        "fast",
        "--results",
        log,
    ]
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-m", *map(str, words)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        assert "| stream_guard fast | - | 100.00% | 100.00% |" in done.stdout
    assert len(log.read_text().splitlines()) == 1
