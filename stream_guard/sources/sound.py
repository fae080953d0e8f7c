"""The sound of a live source: its packets on a stream that stays when the source is gone."""

from __future__ import annotations

import io
from typing import Any

import av


class LiveSound:
    """Takes the packets of a source's first sound track, and puts them on a stream of their own.

    Whoever hears a camera goes on while it is opened anew; of a closed container even the memory is gone.
    """

    def __init__(self) -> None:
        self._theirs: Any = None
        self._ours: Any = None

    def takes(self, packet: Any) -> bool:
        """Move a packet over; tell whether it is of that track."""
        if self._theirs is None:
            self._theirs, self._ours = packet.stream, own_stream(packet.stream)
        if packet.stream is not self._theirs:
            return False
        packet.stream = self._ours
        return True


def own_stream(stream: Any) -> Any:
    """Return the same sound as a stream of a new container, whose codec context is a new decoder."""
    return av.open(io.BytesIO(), "w", format="null").add_stream_from_template(stream)  # it takes any codec


def is_same_sound(one: Any, other: Any) -> bool:
    """Tell whether what knows one stream knows the packets of another, or both are None."""
    if one is other:
        return True
    return one is not None and other is not None and _described(one) == _described(other)


def _described(stream: Any) -> tuple[object, ...]:
    context = stream.codec_context
    return context.name, context.sample_rate, context.channels, context.extradata
