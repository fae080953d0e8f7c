"""`stream-guard live` as a process of its own, what it takes of the machine, and clips for its cameras."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import httpx

from tests.servers import address_of

WALK: Final = Path(__file__).resolve().parents[1] / "samples" / "walk.mp4"
_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Taken:
    """What a process has of the machine now."""

    memory_mib: float
    threads: int
    descriptors: int
    cpu_s: float
    """Since its start."""


@dataclass(frozen=True)
class Running:
    """A live process that serves its pages."""

    address: str
    """Without a slash at its end."""
    pid: int

    def streams(self) -> dict[str, dict[str, Any]]:
        """Return what it tells of its stations, by their names."""
        told = httpx.get(f"{self.address}/api/streams", timeout=20).raise_for_status().json()
        return {one["name"]: one for one in told["streams"]}

    def until_on_air(self, patience_s: float = 30.0) -> None:
        """Wait until every station shows its camera or the card that says why not.

        Raises:
            SystemExit: one still starts after this time.
        """
        end_s = time.monotonic() + patience_s
        while late := [name for name, one in self.streams().items() if one["state"] == "starting"]:
            if time.monotonic() > end_s:
                raise SystemExit(f"{', '.join(late)} still starts after {patience_s:.0f} s")
            time.sleep(0.1)

    def taken(self) -> Taken:
        """Return what it has of the machine."""
        of = Path(f"/proc/{self.pid}")
        status = dict(line.split(":", 1) for line in (of / "status").read_text().splitlines())
        times = (of / "stat").read_text().rpartition(")")[2].split()
        return Taken(
            int(status["VmRSS"].split()[0]) / 1024,
            int(status["Threads"]),
            len(list((of / "fd").iterdir())),
            (int(times[11]) + int(times[12])) / _TICKS,
        )


@contextmanager
def running(arguments: Sequence[str | Path]) -> Iterator[Running]:
    """Run `stream-guard live` with these arguments and its pages at a free port; end it as ctrl-C does."""
    command = [sys.executable, "-m", "stream_guard", "live", *map(str, arguments)]
    process = subprocess.Popen(
        [*command, "--webrtc", "--port", "0", "--progress", "json"], stdout=subprocess.PIPE, text=True
    )
    try:
        yield Running(address_of(process), process.pid)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


def clip(
    path: Path, seconds: float, size: tuple[int, int] = (640, 360), fps: int = 10, marks: Any = None
) -> Path:
    """Write the walk as a camera would send it: H.264, a key frame each second.

    `marks`, where given, draws into the RGB picture of every frame, whose index it is told.
    """
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.options = {"preset": "veryfast", "tune": "zerolatency", "g": str(fps)}
        for index, shown in zip(range(round(seconds * fps)), _walking(fps), strict=False):
            frame = shown.reformat(*size, format="rgb24")
            if marks:
                rgb = frame.to_ndarray()
                marks(rgb, index)
                frame = av.VideoFrame.from_ndarray(rgb, "rgb24")
            frame.pts, frame.time_base = index, Fraction(1, fps)
            out.mux(stream.encode(frame.reformat(format="yuv420p")))
        out.mux(stream.encode(None))
    return path


def _walking(fps: int) -> Iterator[av.VideoFrame]:
    """Yield the walk again and again at this rate, at its own speed."""
    with av.open(str(WALK)) as source:
        rate = source.streams.video[0].average_rate or Fraction(25)
        frames = list(source.decode(video=0))
    index = 0
    while True:
        yield frames[int(index * rate / fps) % len(frames)]
        index += 1
