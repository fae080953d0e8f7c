"""A recorded file, played at its own pace as if it were a camera."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import ClassVar

from stream_guard.errors import SourceLostError
from stream_guard.model.frame import Frame, Item, Passthrough
from stream_guard.sources.file import FileSource
from stream_guard.sources.sound import LiveSound


@dataclass(frozen=True, slots=True)
class PacedSource:
    """A video file as a live source (fulfils `ports.LiveSource`)."""

    path: Path
    loop: bool = False
    keep_audio: bool = True
    idle: ClassVar[bool] = False

    @property
    def label(self) -> str:
        return self.path.name

    def items(self, stopped: Event) -> Iterator[Item]:
        """Yield the file's items, each frame when it is due.

        Raises:
            SourceLostError: the file has ended; with `loop` it begins anew at once.
            InputError: it cannot be read.
        """
        source = FileSource(self.path, keep_audio=self.keep_audio)
        start_s = time.monotonic()
        first_s: float | None = None
        sound = LiveSound()
        for item in source.items():
            if isinstance(item, Frame):
                first_s = item.stamp.time_s if first_s is None else first_s
                if item.stamp.epoch:
                    raise SourceLostError(f"{self.label} changed its picture", at_once=True)
                stopped.wait(max(0.0, start_s + item.stamp.time_s - first_s - time.monotonic()))
            elif isinstance(item, Passthrough) and not sound.takes(item.payload):
                continue
            if stopped.is_set():
                return
            yield item
        over = not self.loop
        raise SourceLostError(f"{self.label} has ended", at_once=self.loop, needs_a_person=over, rarely=over)
