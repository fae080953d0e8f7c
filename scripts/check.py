"""Runs every gate and then the tests: `python scripts/check.py [pytest options]`. CI runs exactly this."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
BIN: Final = Path(sys.executable).parent
GATES: Final = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
    ("lint-imports",),
    ("pytest", *sys.argv[1:]),  # last, so that its summary is the last line
)


def main() -> int:
    """Return 0 when every gate passed, else 1; a failing gate does not hide the others."""
    failed = []
    for program, *arguments in GATES:
        print(f"== {program} {' '.join(arguments)}", flush=True)
        if subprocess.run([BIN / program, *arguments], cwd=ROOT, check=False).returncode:
            failed.append(program)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr, flush=True)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
