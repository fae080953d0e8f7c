"""Network cameras by RTSP."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Event
from typing import ClassVar, Final

import av

from stream_guard.errors import SourceLostError
from stream_guard.model.address import SafeUrl
from stream_guard.model.frame import Item
from stream_guard.sources.camera import camera_items
from stream_guard.sources.loss import Losses

SCHEMES: Final = ("rtsp", "rtsps")
_OPEN_S: Final = 3.0
_READ_S: Final = 1.4
"""FFmpeg gives up after twice as long (measured): 2.8 s of silence."""
_OPTIONS: Final = {
    "analyzeduration": "500000",  # half a second of stream, in microseconds
    "protocol_whitelist": "rtp,rtsp,rtsps,srtp,tcp,tls,udp,crypto",
}
_HEARD_BY_TCP: Final = {"reorder_queue_size": "2"}
"""Without a queue FFmpeg is silent about the gaps that a camera left."""


@dataclass(frozen=True, slots=True)
class RtspSource:
    """A camera at an address (fulfils `ports.LiveSource`)."""

    address: SafeUrl
    transport: str = "tcp"
    keep_audio: bool = True
    idle: ClassVar[bool] = False

    @property
    def label(self) -> str:
        return str(self.address)

    def items(self, stopped: Event) -> Iterator[Item]:
        """Log in and yield what the camera sends.

        Raises:
            SourceLostError: it cannot be reached, refuses the password, or stopped sending.
        """
        losses = Losses()
        with losses.watched():
            container = self._open()
        yield from camera_items(container, self.label, stopped, keep_audio=self.keep_audio, losses=losses)

    def _open(self) -> av.container.InputContainer:
        options = _OPTIONS | {"rtsp_transport": self.transport}
        if self.transport == "tcp":
            options |= _HEARD_BY_TCP
        # what PyAV raises holds the address with its password: nothing of it is passed on, not as a cause
        failure: SourceLostError
        start_s = time.monotonic()
        try:
            return av.open(self.address.with_secrets, "r", options=options, timeout=(_OPEN_S, _READ_S))
        except (av.HTTPUnauthorizedError, av.HTTPForbiddenError):
            failure = SourceLostError(
                f"{self.label} refuses the user or the password; correct them in the settings",
                needs_a_person=True,
                rarely=True,
            )
        except av.HTTPNotFoundError:
            failure = SourceLostError(
                f"{self.label} has no such stream; correct the path", needs_a_person=True
            )
        except (av.ConnectionRefusedError, av.HTTPClientError, av.HTTPServerError) as exc:
            failure = SourceLostError(f"{self.label} refuses the connection ({exc.strerror})")
        except (av.TimeoutError, av.ExitError):
            failure = SourceLostError(f"{self.label} does not answer")
        except av.InvalidDataError:
            # FFmpeg raises it too when its time is up
            silent = time.monotonic() - start_s > 0.9 * _OPEN_S
            what = "does not answer" if silent else "sends nothing that can be decoded"
            failure = SourceLostError(f"{self.label} {what}")
        except (av.FFmpegError, OSError) as exc:
            failure = SourceLostError(f"{self.label} cannot be reached ({exc.strerror})")
        raise failure
