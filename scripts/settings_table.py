"""Prints the README's table of settings; `python -m scripts.settings_table --write` puts it there."""

from __future__ import annotations

import sys
from pathlib import Path

from stream_guard.cli.options import plain
from stream_guard.settings import catalogue

README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- settings: begin -->", "<!-- settings: end -->"


def table() -> str:
    """Return all settings as a Markdown table."""
    rows = ["| setting | option | default | meaning |", "|---|---|---|---|"]
    for setting in catalogue().values():
        default = plain(setting.info.default)
        option = "file or variable only" if setting.is_secret else f"`{setting.option}`"
        rows.append(f"| `{setting.path}` | {option} | `{default}` | {setting.info.description} |")
    return "\n".join(rows)


def placed(readme: str) -> str:
    """Return the README with the table between its two marks."""
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        README.write_text(placed(README.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        print(table())
