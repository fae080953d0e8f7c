"""Measure what viewers cost: `python -m scripts.live_viewers [--viewers 16]`.

Told is the processor time of `stream-guard live test:` for each frame, while one viewer looks on by WebRTC
and while so many do. The viewers share the machine's cores, hence the small picture.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from contextlib import AsyncExitStack
from typing import Final

import httpx
from aiortc import RTCPeerConnection

from scripts.live_runs import Running, running
from tests.webs import viewing

SOURCE: Final = "test:640x360@15"
_SETTLED_S: Final = 5.0
_WATCHED_S: Final = 20.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--viewers", type=int, default=16)
    viewers = parser.parse_args().viewers
    with running([SOURCE]) as told:
        told.until_on_air()
        one, many = (asyncio.run(cpu_ms_a_frame(told, count)) for count in (1, viewers))
    print(f"{viewers} viewers take {many / one:.2f} times the processor time of 1")


async def cpu_ms_a_frame(told: Running, viewers: int) -> float:
    """Return the processor time of a frame that so many see, and print what they see."""
    (name,) = told.streams()
    async with httpx.AsyncClient(base_url=told.address, timeout=20) as client, AsyncExitStack() as stack:
        ways = [viewing(client, f"/whep/{name}", "h264") for _ in range(viewers)]
        watching = [(await stack.enter_async_context(way))[0] for way in ways]
        await asyncio.gather(*(seen(connection, _SETTLED_S) for connection in watching))
        taken, shown = told.taken(), told.streams()[name]["frames"]["out"]
        counts = await asyncio.gather(*(seen(connection, _WATCHED_S) for connection in watching))
        frames = told.streams()[name]["frames"]["out"] - shown
        cost_ms = 1000 * (told.taken().cpu_s - taken.cpu_s) / frames
    print(
        f"{viewers} viewers: {cost_ms:.1f} CPU ms a frame; {frames} frames shown in {_WATCHED_S:.0f} s, "
        f"{min(counts)} to {max(counts)} seen"
    )
    return float(cost_ms)


async def seen(connection: RTCPeerConnection, seconds: float) -> int:
    """Count the pictures that a viewer gets in this time."""
    track, end_s, count = connection.getTransceivers()[0].receiver.track, time.monotonic() + seconds, 0
    while time.monotonic() < end_s:
        await asyncio.wait_for(track.recv(), 15)
        count += 1
    return count


if __name__ == "__main__":
    main()
