"""What FFmpeg says of packets that are lost or damaged: half of the frames decoded of them look sound."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import av
import av.logging

_SAID: Final = ("missed", "lost", "bad cseq", "error while decoding")


def _hear() -> None:
    """Let FFmpeg's words reach those who capture them, each time they are said, and nobody else.

    By default PyAV throws them away. What is not captured may hold an address with its password.
    """
    log = logging.getLogger("libav")
    if log.propagate:
        log.addHandler(logging.NullHandler())
        log.propagate = False
    av.logging.set_skip_repeated(False)
    av.logging.set_level(av.logging.WARNING)


class Losses:
    """Whether packets were missed, or could not be decoded, in this thread."""

    def __init__(self) -> None:
        self._heard = False
        _hear()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Listen to FFmpeg in the block."""
        with av.logging.Capture(local=True) as said:
            yield
        if any(word in message for _, _, message in said for word in _SAID):
            self._heard = True

    def taken(self) -> bool:
        """Tell whether something was heard since the last time."""
        heard, self._heard = self._heard, False
        return heard
