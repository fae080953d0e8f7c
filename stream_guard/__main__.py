"""Lets `python -m stream_guard` do what `stream-guard` does."""

from stream_guard.cli.main import main

main()
