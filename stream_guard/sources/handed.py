"""Frames that are handed in from outside, as by a browser that publishes its camera (WHIP)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from threading import Event
from typing import Final

import av

from stream_guard.errors import SourceLostError
from stream_guard.model.frame import Item
from stream_guard.sources.camera import Framer

_PATIENCE_S: Final = 2.5
"""Without a frame for so long the publisher counts as gone."""
_GLANCE_S: Final = 0.2
"""How often a waiting source looks whether it is to stop."""


class HandedSource:
    """Takes frames from a publisher's thread, the newest wins (fulfils `ports.LiveSource`)."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._changed = threading.Condition()
        self._newest: av.VideoFrame | None = None
        self._present = False

    @property
    def label(self) -> str:
        return self._name

    @property
    def idle(self) -> bool:
        return not self._present

    def hand(self, frame: av.VideoFrame) -> None:
        """Hand a frame over, which then belongs to the source."""
        with self._changed:
            self._newest, self._present = frame, True
            self._changed.notify_all()

    def hang_up(self) -> None:
        """Say that the publisher has gone."""
        with self._changed:
            self._newest, self._present = None, False
            self._changed.notify_all()

    def items(self, stopped: Event) -> Iterator[Item]:
        """Yield what the publisher hands in.

        Raises:
            SourceLostError: the publisher has gone, or hands nothing in.
        """
        framer = Framer(self.label)
        while not stopped.is_set():
            frame = self._take(stopped)
            if frame is not None:
                yield framer.frame(frame)

    def _take(self, stopped: Event) -> av.VideoFrame | None:
        waited_s = 0.0
        with self._changed:
            while self._newest is None and not stopped.is_set():
                if not self._present or waited_s >= _PATIENCE_S:
                    gone = "stopped sending" if self._present else "has gone"
                    self._present = False
                    raise SourceLostError(f"{self._name}: the publisher {gone}", at_once=True)
                if not self._changed.wait(_GLANCE_S):
                    waited_s += _GLANCE_S
            frame, self._newest = self._newest, None
        return frame
