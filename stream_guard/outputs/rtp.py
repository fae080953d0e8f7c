"""RTP and RTCP packets: H.264 as RFC 6184 has it, and sender reports (RFC 3550)."""

from __future__ import annotations

import secrets
import struct
import time
from functools import lru_cache
from typing import Any, Final

PAYLOAD_TYPE: Final = 96
MOST_PAYLOAD_BYTES: Final = 1400
"""Of one RTP packet: with all headers below the 1500 of an Ethernet frame."""
_FU_A, _STAP_A = 28, 24
_IDR, _SPS, _PPS = 5, 7, 8
_REPORTS_APART_S: Final = 5.0
_NTP_EPOCH_S: Final = 2_208_988_800


def units(annex_b: bytes) -> list[bytes]:
    """Return the NAL units of a stream with start codes; none ends in a zero byte."""
    return [unit for part in annex_b.split(b"\0\0\1")[1:] if (unit := part.rstrip(b"\0"))]


@lru_cache(maxsize=64)
def payloads(packet: Any) -> tuple[bytes, ...]:
    """Return what goes into the RTP packets of one coded picture; made once for all viewers."""
    sent: list[bytes] = []
    parameters: list[bytes] = []
    for unit in units(bytes(packet)):
        if unit[0] & 31 in (_SPS, _PPS):
            parameters.append(unit)
            continue
        sent += _aggregated(parameters)
        parameters = []
        sent += [unit] if len(unit) <= MOST_PAYLOAD_BYTES else _fragments(unit)
    return (*sent, *_aggregated(parameters))


def _aggregated(parameters: list[bytes]) -> list[bytes]:
    """Return parameter sets in one packet, STAP-A; on its own, one is sent as it is."""
    if len(parameters) < 2:
        return parameters
    importance = max(unit[0] & 0x60 for unit in parameters)
    return [bytes((importance | _STAP_A,)) + b"".join(struct.pack("!H", len(u)) + u for u in parameters)]


def _fragments(unit: bytes) -> list[bytes]:
    """Return a long unit in pieces, FU-A."""
    kind, importance = unit[0] & 31, unit[0] & 0x60
    step = MOST_PAYLOAD_BYTES - 2
    starts = range(1, len(unit), step)
    return [
        bytes((importance | _FU_A, (start == 1) << 7 | (start == starts[-1]) << 6 | kind))
        + unit[start : start + step]
        for start in starts
    ]


class Numbering:
    """What numbers one viewer's RTP stream: sequence, time stamps from a random start, counts for reports."""

    def __init__(self, payload_type: int, clock_hz: int) -> None:
        self._payload_type, self._clock_hz = payload_type, clock_hz
        self.source = secrets.randbits(32)
        self.next_sequence = secrets.randbits(16)
        self._offset = secrets.randbits(32)
        self._packets = self._bytes = 0
        self._reported_s = float("-inf")

    def packets(self, parts: tuple[bytes, ...], shown_s: float, ticks: int | None = None) -> list[bytes]:
        """Return RTP packets of one picture or stretch of sound; the last one bears the marker.

        `ticks` is the moment in ticks of the clock, where that is known better than by `shown_s`.
        """
        made = []
        ticks = round(shown_s * self._clock_hz) if ticks is None else ticks
        stamp = ticks + self._offset & 0xFFFFFFFF
        for number, part in enumerate(parts, 1):
            marked = self._payload_type | (number == len(parts)) << 7
            made.append(struct.pack("!BBHII", 0x80, marked, self.next_sequence, stamp, self.source) + part)
            self.next_sequence = self.next_sequence + 1 & 0xFFFF
            self._bytes += len(part)
        self._packets += len(parts)
        return made

    def report_due(self, shown_s: float) -> bytes | None:
        """Return a report with the first packets, and every few seconds."""
        if shown_s - self._reported_s < _REPORTS_APART_S:
            return None
        self._reported_s = shown_s
        return self.report(shown_s)

    def report(self, shown_s: float, name: str = "stream_guard") -> bytes:
        """Return a sender report with the wall clock of a moment on the monotonic clock, and a name."""
        wall_s = time.time() - (time.monotonic() - shown_s) + _NTP_EPOCH_S
        stamp = round(shown_s * self._clock_hz) + self._offset & 0xFFFFFFFF
        seconds, share = int(wall_s), int(wall_s % 1 * (1 << 32))
        counts = (self._packets & 0xFFFFFFFF, self._bytes & 0xFFFFFFFF)
        sender = struct.pack("!BBHIIIIII", 0x80, 200, 6, self.source, seconds, share, stamp, *counts)
        text = name.encode()[:255]
        chunk = struct.pack("!IBB", self.source, 1, len(text)) + text
        chunk += bytes(4 - len(chunk) % 4)  # at least one zero ends the list
        return sender + struct.pack("!BBH", 0x81, 202, len(chunk) // 4) + chunk
