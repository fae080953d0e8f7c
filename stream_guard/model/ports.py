"""The protocols that plug-ins fulfil. The engine knows nothing else of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from threading import Event
from typing import Protocol

from stream_guard.model.frame import Frame, Item, Passthrough, View
from stream_guard.model.media import Media
from stream_guard.model.redacted import RedactedFrame
from stream_guard.model.verdict import Cover, Detection, Observation


class Source(Protocol):
    """Frames in, in order, from a file, a picture or a camera."""

    @property
    def media(self) -> Media: ...

    def items(self) -> Iterator[Item]:
        """Yield all items once. Closing the iterator closes the source.

        Raises:
            InputError: the input is broken beyond what can be skipped.
        """
        ...


class LiveSource(Protocol):
    """A camera, which is opened anew whenever it was lost."""

    @property
    def label(self) -> str:
        """How it may be named to everybody: no user, no password."""
        ...

    @property
    def idle(self) -> bool:
        """Nobody publishes to it: that is no fault, and it need not be opened before somebody does."""
        ...

    def items(self, stopped: Event) -> Iterator[Item]:
        """Open the camera and yield what it shows until `stopped` is set; stamps begin at 0 each time.

        Raises:
            SourceLostError: always, unless it was stopped: no camera ends by itself.
        """
        ...


class Detector(Protocol):
    """Finds faces in one view; knows nothing of time."""

    name: str

    def detect(self, view: View) -> Sequence[Detection]:
        """Return all faces down to the internal threshold, boxes in view pixels."""
        ...

    def close(self) -> None: ...


class Observer(Protocol):
    """Decides which detectors look at which frame, and sums up what they saw."""

    def observe(self, frame: Frame) -> Observation:
        """Return exactly one observation for the frame; never raises for a detector's failure."""
        ...

    def close(self) -> None: ...


class Tracker(Protocol):
    """A fixed-lag smoother: every observation comes back once as a cover, in order."""

    lag: int

    def push(self, observation: Observation) -> Sequence[Cover]:
        """Take the next observation; return the covers that are final now, at most `lag` pushes late."""
        ...

    def flush(self) -> Sequence[Cover]:
        """Return all covers still owed; the tracker then starts anew, with track numbers going on."""
        ...


class Redactor(Protocol):
    """Paints covers into frames."""

    def render(self, frame: Frame, cover: Cover) -> RedactedFrame:
        """Hide what the cover says, in the frame's own memory.

        Raises:
            PipelineError: the cover belongs to another frame.
        """
        ...


class Sink(Protocol):
    """Takes redacted frames and packets to their destination."""

    def write(self, item: RedactedFrame | Passthrough) -> None: ...

    def finish(self) -> None:
        """Complete and publish the output.

        Raises:
            OutputError: it could not be completed; nothing is left under the final name.
        """
        ...

    def abort(self) -> None:
        """Give up: remove everything that was begun."""
        ...
