"""The README tells the truth: its examples run, and every option, file and table in it is real."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest

from scripts import ablation, bench, benchmark_protection, preset_curves
from stream_guard import settings as st
from stream_guard.cli.main import commands
from stream_guard.errors import ExitCode
from stream_guard.plan import PlannedFrame
from stream_guard.redact.style import Tier
from stream_guard.redact.styles import style_named, style_names
from stream_guard.settings.live import password_variable
from stream_guard.sinks.file import CONTAINERS
from stream_guard.sinks.still import SUFFIXES

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PARSERS = {
    "ablation": ablation._parser(),
    "bench": bench._parser(),
    "benchmark_protection": benchmark_protection._parser(),
    "preset_curves": preset_curves._parser(),
}
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")


def blocks(language: str) -> list[str]:
    """Return the code blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def table(first_heading: str) -> list[list[str]]:
    """Return the rows of the table whose header begins with these words."""
    after = README[README.index(f"\n| {first_heading}") + 1 :]
    lines = after[: after.index("\n\n")].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def options_of(command: click.Command) -> set[str]:
    return {option for p in command.params for option in (*p.opts, *p.secondary_opts)} | {"--help"}


def test_every_command_line_is_valid() -> None:
    lines = re.findall(r"(?:^|/|`)stream-guard ([a-z]+)([^\n`]*)", README, re.MULTILINE)
    assert {name for name, _ in lines} >= {"redact", "detect", "settings", "models", "doctor"}
    for name, rest in lines:
        command = commands.commands[name]
        unknown = set(OPTION.findall(rest.partition("#")[0])) - options_of(command)
        assert not unknown, f"{name} has no {unknown}"


def test_every_option_in_the_text_exists() -> None:
    ours = {option for command in commands.commands.values() for option in options_of(command)}
    for line in README.splitlines():
        if module := re.search(r"scripts\.(\w+)", line):
            parser = PARSERS.get(module[1], argparse.ArgumentParser())
            known = {option for a in parser._actions for option in a.option_strings}
        elif re.search(r"\bpip |apt-get |\bcurl |docker ", line) and "stream-guard redact" not in line:
            continue
        else:
            known = ours
        unknown = set(OPTION.findall(line)) - known
        assert not unknown, f"{unknown} in: {line}"


MAKES: tuple[list[str], ...] = (
    ["street.covered.png", "street.plan.json", "walk.covered.mp4", "walk.covered.mp4.report.json"],
    [],
    ["covered-portrait.jpg", "covered-street.png"],
)
"""The files that each library example leaves."""


LIBRARY = [code for code in blocks("python") if "httpx" not in code]


@pytest.mark.parametrize(("code", "makes"), list(zip(LIBRARY, MAKES, strict=True)))
def test_the_library_examples_run(tmp_path: Path, code: str, makes: list[str]) -> None:
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*makes, "samples"])


def test_every_file_that_is_named_exists() -> None:
    folders = r"(?:stream_guard|scripts|tests|samples|models|docs|\.ci)/[\w./-]*"
    named = set(re.findall(rf"(?<![\w/.]){folders}", README))
    named |= {link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link}
    assert len(named) > 8
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_every_module_that_is_run_exists() -> None:
    for module in re.findall(r"python -m ([\w.]+)", README):
        assert (ROOT / f"{module.replace('.', '/')}.py").is_file(), module


def test_links_within_the_page_lead_somewhere() -> None:
    headings = {
        re.sub(r"[^\w -]", "", text).strip().lower().replace(" ", "-")
        for text in re.findall(r"^#+ (.*)$", README, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", README)) <= headings


def test_the_pictures_are_small() -> None:
    assert sum(path.stat().st_size for path in (ROOT / "docs" / "images").iterdir()) < 300_000


def test_the_exit_codes_are_listed() -> None:
    assert [int(row[0]) for row in table("exit code")] == [int(code) for code in ExitCode]


def test_the_styles_are_listed_with_their_kind() -> None:
    listed = {row[0].split("`")[1]: Tier(row[2]) for row in table("`--style`")}
    assert listed == {name: style_named(name).tier for name in style_names()}


def test_the_containers_are_listed_with_their_codecs() -> None:
    listed: dict[str, list[str]] = {}
    for suffixes, codecs, _ in table("output"):
        listed |= {suffix.strip("` "): codecs.split(", ") for suffix in suffixes.split(",")}
    assert listed == {suffix: list(kind.codecs) for suffix, kind in CONTAINERS.items()}
    rotating = {s for row in table("output") if "rotation is" in row[2] for s in re.findall(r"\.\w+", row[0])}
    assert rotating == {suffix for suffix, kind in CONTAINERS.items() if not kind.turns}


def test_the_picture_formats_are_real() -> None:
    sentence = README[README.index("Pictures: JPEG") :].partition("\n\n")[0]
    assert set(re.findall(r"`(\.\w+)`", sentence)) <= set(SUFFIXES)


def test_the_settings_file_and_the_variables_are_valid(tmp_path: Path) -> None:
    known = {setting.variable for setting in st.catalogue().values()} | {st.CONFIG_VARIABLE}
    for number, text in enumerate(blocks("toml")):
        path = tmp_path / f"{number}.toml"
        path.write_text(text, encoding="utf-8")
        assert tomllib.loads(text)
        known |= {password_variable(name) for name in st.effective(path, {}).cameras}
    assert set(re.findall(r"STREAM_GUARD_\w+", README)) <= known


def test_the_line_of_a_plan_is_one() -> None:
    (line,) = blocks("json")
    planned = PlannedFrame.model_validate_json(line)
    assert planned.faces[0].origin == "detected"
    smallest: dict[str, Any] = {"frame": 1, "faces": [{"track": 1, "box": [0, 0, 9, 9]}]}
    assert PlannedFrame.model_validate(smallest).faces[0].track == 1
