"""Data and ports: what flows through, and the protocols of the parts. Imports numpy and errors only."""
