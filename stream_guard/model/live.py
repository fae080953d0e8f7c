"""What a live source says about itself, and its redacted frames on the clock of the outputs."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from enum import Enum

from stream_guard.model.frame import Passthrough
from stream_guard.model.redacted import RedactedFrame


class State(Enum):
    """How a live source fares."""

    STARTING = "starting"
    """No frame has come yet."""
    LIVE = "live"
    DEGRADED = "degraded"
    """Frames come, but are covered whole."""
    STALLED = "stalled"
    """No frame comes; a card is shown and the source is being reconnected."""
    FAILED = "failed"
    """It cannot go on without a person: wrong password, no such device; a card is shown."""


@dataclass(frozen=True, slots=True)
class Aired:
    """One redacted frame, or a sound packet, on the output clock of a station."""

    item: RedactedFrame | Passthrough
    shown_s: float
    """When it is shown or heard, on the monotonic clock; rises strictly from frame to frame.

    Sound may go out up to a frame before it is to be heard.
    """
    taken_s: float | None = None
    """When the source's frame came in, on the same clock; None for a card."""
    exclusive: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)
    """Held while the picture is converted: two threads converting one `av.VideoFrame` hang."""


@dataclass(frozen=True, slots=True)
class Status:
    """One reading of a station; it holds nothing but what everybody may see: addresses without secrets."""

    name: str
    state: State
    reason: str | None = None
    """Why it is not live, in one sentence; it may name the address."""
    width: int = 0
    height: int = 0
    fps: float = 0.0
    """Redacted frames shown in the last seconds, per second; cards do not count."""
    frames_in: int = 0
    frames_out: int = 0
    dropped: int = 0
    """Frames dropped before analysis because the machine is too slow."""
    faces: int = 0
    """Regions covered in the newest frame."""
    latency_s: tuple[float, ...] = ()
    """From the frame's arrival to its showing: the newest readings, unsorted; the tracker's lag included."""
    detector_s: float = 0.0
    """Mean time of one look, lately."""
    age_s: float | None = None
    """Age of the newest redacted frame that is no card; None before the first."""
    reconnects: int = 0
    """Times that pictures came again after the source was lost; failed attempts do not count."""
    load_step: int = 0
    """Steps taken to shed load: 0 none, 1 detector size, 2 cadence, 3 frame rate."""
    lag_frames: int = 0
    idle: bool = False
    """Nobody publishes to it, which is no fault; there is a card that says so."""
