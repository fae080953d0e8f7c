"""Small streams for the engine: frames over arrays, and an observer that knows what is in them."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from stream_guard.model.frame import Frame, Passthrough, Stamp
from stream_guard.model.picture import Channel, Component, Picture
from stream_guard.model.verdict import Detection, Observation, Seen

WIDTH, HEIGHT, FPS = 96, 64, 25
GROUND = 200
"""Grey level of an unpainted frame."""


def frame(index: int, epoch: int = 0) -> Frame:
    """Return a plain grey frame."""
    samples = np.full((HEIGHT, WIDTH), GROUND, np.uint8)
    channels = (Channel(Component.LUMA, samples),)
    picture = Picture(WIDTH, HEIGHT, lambda: channels, full_range=True)
    return Frame(Stamp(epoch, index, index / FPS), picture)


def packet(name: str) -> Passthrough:
    return Passthrough(name)


@dataclass
class Knowing:
    """Sees the faces it was told of, by frame index."""

    faces: Mapping[int, Sequence[Detection]] = field(default_factory=dict)

    def observe(self, frame: Frame) -> Observation:
        found = tuple(self.faces.get(frame.stamp.index, ()))
        return Observation(frame.stamp, frame.picture.width, frame.picture.height, Seen(found))

    def close(self) -> None: ...


def new_threads(before: set[threading.Thread], patience_s: float = 2.0) -> set[threading.Thread]:
    """Return the threads that were started since and still run."""
    end = time.monotonic() + patience_s
    while (left := set(threading.enumerate()) - before) and time.monotonic() < end:
        time.sleep(0.005)
    return left
