"""The entry point, of `stream-guard` as of `python -m stream_guard`: signals first, the slow imports then."""

from __future__ import annotations

import sys
from contextlib import closing, suppress

from stream_guard.cli.signals import stop_on_signals
from stream_guard.errors import Stopped


def main() -> None:
    """Run a command and leave with its exit code."""
    try:
        stop_on_signals()
        from stream_guard.cli.main import main as run

        run()
    except Stopped as stop:
        with suppress(OSError), closing(sys.stderr):  # the terminal may be what has gone
            print(f"error: {stop}", file=sys.stderr)
        sys.exit(stop.exit_code)


if __name__ == "__main__":
    main()
