"""Cameras at this machine, by Video4Linux, AVFoundation or DirectShow."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Event
from typing import ClassVar, Final

import av
import av.device

from stream_guard.errors import SourceLostError
from stream_guard.model.frame import Item
from stream_guard.sources.camera import camera_items

_SYSTEM: Final = {"linux": "v4l2", "darwin": "avfoundation", "win32": "dshow"}


@dataclass(frozen=True, slots=True)
class Device:
    """A camera as the system lists it."""

    name: str
    """What opens it."""
    description: str


def devices() -> list[Device]:
    """Return the cameras at this machine, in the system's order; none where it cannot list them."""
    kind = _SYSTEM.get(sys.platform, "v4l2")
    try:
        found = av.device.enumerate_input_devices(kind)
    except (av.FFmpegError, ValueError, OSError):  # FFmpeg raises where there is not a single one
        return []
    return [Device(d.name, d.description) for d in found if not d.media_types or "video" in d.media_types]


@dataclass(frozen=True, slots=True)
class WebcamSource:
    """A camera by its place in the list, its path or its name (fulfils `ports.LiveSource`)."""

    which: str
    idle: ClassVar[bool] = False

    @property
    def label(self) -> str:
        return f"webcam {self.which}"

    def items(self, stopped: Event) -> Iterator[Item]:
        """Yield what the camera shows.

        Raises:
            SourceLostError: there is no such camera, it is in use, or was unplugged.
        """
        kind = _SYSTEM.get(sys.platform, "v4l2")
        try:
            container = av.open(self._file(kind), "r", format=kind, timeout=(5.0, 2.0))
        except (av.FFmpegError, OSError, ValueError) as exc:
            reason = getattr(exc, "strerror", None) or str(exc)
            raise SourceLostError(
                f"{self.label} cannot be opened ({reason}); `stream-guard devices` lists the cameras",
                needs_a_person=True,
            ) from exc
        yield from camera_items(container, self.label, stopped, keep_audio=False)

    def _file(self, kind: str) -> str:
        name = self.which
        if name.isdecimal():
            found = devices()
            if int(name) < len(found):
                name = found[int(name)].name
            elif kind == "v4l2":
                name = f"/dev/video{name}"
        else:
            name = next((d.name for d in devices() if name in (d.name, d.description)), name)
        return f"video={name}" if kind == "dshow" and not name.startswith("video=") else name
