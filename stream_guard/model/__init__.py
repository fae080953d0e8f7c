"""Data and ports: what flows through stream_guard and the protocols its parts fulfil. Imports numpy and errors only."""
