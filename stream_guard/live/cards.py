"""Cards: neutral pictures with the reason why there is no other one."""

from __future__ import annotations

import av

from stream_guard.model.frame import Frame, Stamp
from stream_guard.model.geometry import Orientation
from stream_guard.model.ports import Redactor
from stream_guard.model.redacted import RedactedFrame
from stream_guard.model.verdict import Cover
from stream_guard.sources.planes import picture_of

_BLANK_SIZE = (1280, 720)


class Cards:
    """Makes cards by having an empty frame covered whole; nothing of a camera goes into them."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._index = 0

    def card(self, width: int, height: int, reason: str) -> RedactedFrame:
        """Return a card in that size; 0 stands for a usual one."""
        size = (width, height) if width and height else _BLANK_SIZE
        stamp = Stamp(0, self._index, 0.0)
        self._index += 1
        blank = av.VideoFrame(*size, "yuv420p")
        return self._redactor.render(
            Frame(stamp, picture_of(blank, Orientation())), Cover(stamp, whole=reason or "no picture")
        )
