"""Judges nothing that cannot be trusted: what a damaged frame shows may be a face that no detector knows."""

from __future__ import annotations

from stream_guard.model.frame import Frame
from stream_guard.model.ports import Observer
from stream_guard.model.verdict import Observation, Unseen


class Wary:
    """An observer that passes another one's observations on, but for damaged frames."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer

    def observe(self, frame: Frame) -> Observation:
        if not frame.damaged:
            return self._observer.observe(frame)
        size = frame.picture.width, frame.picture.height
        return Observation(frame.stamp, *size, Unseen("the stream is damaged"))

    def close(self) -> None:
        self._observer.close()
