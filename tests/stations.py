"""Hubs fed with real redacted frames at a pace, as a station feeds them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from stream_guard import parts
from stream_guard.live.hub import Hub
from stream_guard.model.frame import Frame, Passthrough, Stamp
from stream_guard.model.geometry import Box, Orientation
from stream_guard.model.live import Aired
from stream_guard.model.verdict import Cover, Origin, Region
from stream_guard.settings import Settings
from stream_guard.sources.planes import picture_of

RGB = NDArray[np.uint8]
FACE = Box(96, 56, 160, 136)
"""Where the planted code lies in pictures of 320x240."""
_BITS = 8


def planted(width: int = 320, height: int = 240, index: int = 0) -> RGB:
    """Return a soft moving picture with a colour code, red and green stripes, in place of a face."""
    y, x = np.mgrid[0:height, 0:width]
    rgb = np.stack([60 + 60 * x / width, 80 + 60 * y / height, 90 + (x + 3 * index) % 64], -1).astype(
        np.uint8
    )
    x0, y0, x1, y1 = _face_in(width, height)
    stripes = (np.arange(x1 - x0) * _BITS // (x1 - x0)) % 2
    rgb[y0:y1, x0:x1] = np.where(stripes[None, :, None] == 0, (250, 0, 0), (0, 250, 0))
    return rgb


def shows_code(rgb: RGB) -> bool:
    """Tell whether the planted code can be read in a picture of any size: red beside green."""
    x0, y0, x1, y1 = _face_in(rgb.shape[1], rgb.shape[0])
    part = rgb[y0:y1, x0:x1].astype(int).mean(0)
    redness = part[:, 0] - part[:, 1]
    return bool(redness.max() > 60 and redness.min() < -60)


def _face_in(width: int, height: int) -> tuple[int, int, int, int]:
    box = FACE.scaled(width / 320, height / 240)
    return int(box.x0), int(box.y0), int(box.x1), int(box.y1)


@dataclass
class Feeder:
    """Publishes redacted frames to a hub from a thread of its own; a context manager that ends both."""

    fps: float = 30
    width: int = 320
    height: int = 240
    pix_fmt: str = "yuv420p"
    covered: bool = True
    hub: Hub = field(default_factory=Hub)
    published: int = 0
    slowest_s: float = 0.0
    """The longest that an offer to all taps took."""
    sound: Callable[[float], list[av.Packet[Any]]] | None = None

    def __post_init__(self) -> None:
        settings = Settings()
        self._redactor = parts.redactor(
            settings, parts.style(settings.redact), parts.zones_in_force(settings)
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feeder", daemon=True)

    def __enter__(self) -> Feeder:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self.hub.close()

    def aired(self, index: int, now_s: float) -> Aired:
        """Return one frame whose face is covered by the real redactor."""
        rgb = planted(self.width, self.height, index)
        raw = av.VideoFrame.from_ndarray(rgb, "rgb24").reformat(format=self.pix_fmt)
        stamp = Stamp(0, index, index / self.fps)
        face = Region(1, FACE.scaled(self.width / 320, self.height / 240), Origin.DETECTED, 0.9)
        cover = Cover(stamp, (face,) if self.covered else ())
        frame = Frame(stamp, picture_of(raw, Orientation()))
        return Aired(self._redactor.render(frame, cover), now_s, now_s)

    def _run(self) -> None:
        start_s = time.monotonic()
        while not self._stop.wait(max(0.0, start_s + self.published / self.fps - time.monotonic())):
            aired = self.aired(self.published, time.monotonic())
            before_s = time.monotonic()
            self.hub.publish(aired)
            self.slowest_s = max(self.slowest_s, time.monotonic() - before_s)
            self.published += 1
            for packet in self.sound(aired.shown_s) if self.sound else ():
                self.hub.publish(Aired(Passthrough(packet), aired.shown_s))


def until(condition: Callable[[], bool], patience_s: float = 10.0) -> bool:
    """Wait until a condition holds; tell whether it came to that."""
    end = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


@contextmanager
def decoder(codec: str) -> Iterator[Callable[[av.Packet[Any]], list[RGB]]]:
    """Yield a function that decodes packets to RGB pictures."""
    context: Any = av.CodecContext.create(codec, "r")

    def decode(packet: av.Packet[Any]) -> list[RGB]:
        copy = av.Packet(bytes(packet))
        return [frame.to_ndarray(format="rgb24") for frame in context.decode(copy)]

    yield decode
