"""What became of the sound."""

from __future__ import annotations

import hashlib
from typing import Any


class Sound:
    """As much of one file's sound tracks as tells whether another file has the same."""

    def __init__(self) -> None:
        self._tracks: dict[int, Any] = {}

    def add(self, track: int, packet: bytes) -> None:
        digest = self._tracks.setdefault(track, hashlib.sha256())
        digest.update(len(packet).to_bytes(8, "big") + packet)

    def compared_with(self, result: Sound) -> str:
        """Return in two words what the result has of it."""
        ours, theirs = self._digests(), result._digests()
        if len(ours) != len(theirs):
            return "lost" if len(theirs) < len(ours) else "added"
        if not ours:
            return "none"
        return "same packets" if ours == theirs else "coded anew"

    def _digests(self) -> list[bytes]:
        return [digest.digest() for _, digest in sorted(self._tracks.items())]
