"""Let four cameras run for long, three of them in trouble: `python -m scripts.live_soak [--minutes 20]`.

One camera is well, one refuses every connection, one takes it and says nothing, and one comes and goes.
Viewers come and go too, by WebRTC and RTSP. Told is whether memory, threads and descriptors of the process
grow; they are read while nobody looks on. It needs gst-rtsp-server.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import av
import httpx
import numpy as np

from scripts.live_runs import Running, Taken, clip, running
from tests.cameras import RtspCamera, free_port, has_rtsp_server
from tests.webs import pictures, viewing

WARM_UP_S: Final = 240.0
_ROUND_S: Final = 30.0
_AWAY_S: Final = 8.0
_LOOKS: Final = 60
"""Pictures that a viewer waits for before it leaves."""

Sample = tuple[float, int, Taken]
"""Seconds since the start, frames shown by all stations, and what the process has."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0)
    minutes = parser.parse_args().minutes
    if not has_rtsp_server():
        raise SystemExit("no RTSP server: apt-get install gir1.2-gst-rtsp-server-1.0 python3-gi")
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        film = clip(Path(folder) / "camera.mp4", 60 * minutes + 60)
        well, fickle = (stack.enter_context(RtspCamera(film)) for _ in range(2))
        addresses = {
            "live": well.url,
            "dead": f"rtsp://127.0.0.1:{free_port()}/cam",
            "silent": f"rtsp://127.0.0.1:{stack.enter_context(silence())}/cam",
            "flapping": fickle.url,
        }
        config, port = Path(folder) / "cameras.toml", free_port()
        config.write_text("".join(f'[sources.{name}]\nurl = "{url}"\n' for name, url in addresses.items()))
        told = stack.enter_context(
            running(["--all", "--config", config, "--rtsp-serve", f"127.0.0.1:{port}"])
        )
        told.until_on_air()
        stack.enter_context(flapping(fickle))
        summary(list(watched(told, port, 60 * minutes)))


@contextmanager
def silence() -> Iterator[int]:
    """Take connections and never answer; yields the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken: list[socket.socket] = []

        def take() -> None:
            while True:
                try:
                    taken.append(server.accept()[0])
                except OSError:  # the server is closed: the soak is over
                    return

        threading.Thread(target=take, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        for one in taken:
            one.close()


@contextmanager
def flapping(camera: RtspCamera) -> Iterator[None]:
    """Kill a camera and bring it back, again and again."""
    over = threading.Event()

    def flap() -> None:
        while not over.wait(2 * _AWAY_S):
            camera.kill()
            over.wait(_AWAY_S)
            camera.start()

    thread = threading.Thread(target=flap)
    thread.start()
    yield
    over.set()
    thread.join()


def watched(told: Running, port: int, seconds: float) -> Iterator[Sample]:
    """Let viewers come and go; yield a sample each time when all are gone."""
    start_s = time.monotonic()
    for number in range(int(seconds / _ROUND_S)):
        asyncio.run(by_webrtc(told, ("live", "flapping", "dead")))
        by_rtsp(f"rtsp://127.0.0.1:{port}/live")
        time.sleep(max(0.0, start_s + (number + 1) * _ROUND_S - time.monotonic()))
        streams, taken = told.streams(), told.taken()
        at_s, shown = time.monotonic() - start_s, sum(one["frames"]["out"] for one in streams.values())
        states = " ".join(f"{name}:{one['state']}:{one['fps']}" for name, one in streams.items())
        print(
            f"{at_s:6.0f} s {shown:7} frames {taken.memory_mib:6.1f} MiB {taken.threads:3} threads "
            f"{taken.descriptors:3} descriptors {taken.cpu_s:6.0f} CPU s  {states}",
            flush=True,
        )
        yield at_s, shown, taken


async def by_webrtc(told: Running, names: tuple[str, ...]) -> None:
    """Look at several stations at once and leave without a word."""
    async with httpx.AsyncClient(base_url=told.address, timeout=20) as client:

        async def look(name: str) -> None:
            async with viewing(client, f"/whep/{name}", polite=False) as (connection, _):
                await pictures(connection, _LOOKS)

        await asyncio.gather(*map(look, names))


def by_rtsp(url: str) -> None:
    with av.open(url, options={"rtsp_transport": "tcp"}, timeout=20) as container:
        for _ in zip(range(_LOOKS), container.demux(video=0), strict=False):
            pass


def summary(samples: list[Sample]) -> None:
    """Print the growth since the warm-up."""
    warm = [sample for sample in samples if sample[0] > WARM_UP_S] or samples
    frames = np.array([shown for _, shown, _ in warm]) / 1000
    memory = np.array([taken.memory_mib for _, _, taken in warm])
    slope = np.polyfit(frames, memory, 1)[0] if len(warm) > 1 else float("nan")
    threads = [taken.threads for _, _, taken in warm]
    descriptors = [taken.descriptors for _, _, taken in warm]
    print(f"memory {memory.min():.1f} to {memory.max():.1f} MiB, {slope:+.3f} MiB per 1,000 frames")
    print(f"threads {min(threads)} to {max(threads)}, at last {threads[-1]}")
    print(f"descriptors {min(descriptors)} to {max(descriptors)}, at last {descriptors[-1]}")


if __name__ == "__main__":
    main()
