"""What the web server knows of one station."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from stream_guard.live.hub import Hub
from stream_guard.model.live import State, Status
from stream_guard.outputs.branch import Branches


class Station(Protocol):
    """One camera whose redacted frames come out of a hub."""

    @property
    def name(self) -> str: ...

    @property
    def hub(self) -> Hub: ...

    @property
    def sound(self) -> Any | None:
        """The source's sound stream, once it is known."""
        ...

    def status(self) -> Status: ...


class Intake(Protocol):
    """A source that is fed by a publisher."""

    def hand(self, frame: Any) -> None:
        """Take an `av.VideoFrame`, which then belongs to the source."""
        ...

    def hang_up(self) -> None:
        """Say that the publisher has gone."""
        ...


@dataclass(frozen=True, slots=True)
class Channel:
    """A station, its coded frames, and where its pictures come from if a browser publishes them."""

    station: Station
    branches: Branches
    whip: Intake | None = None

    @property
    def on_air(self) -> bool:
        """There is something to see; a card with the reason why there is no picture counts."""
        status = self.station.status()
        return status.state is not State.STARTING or status.frames_out > 0

    @property
    def may_sound(self) -> bool:
        """There is sound, or the camera has not been seen yet; publishers' sound is dropped."""
        if self.whip is not None:
            return False
        return self.station.sound is not None or self.station.status().frames_out == 0
