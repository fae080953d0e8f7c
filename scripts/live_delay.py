"""Measure how late a live picture is: `python -m scripts.live_delay [--size 1280x720] [--fps 30]`.

A real RTSP camera shows people who walk, with the number of the frame in black and white fields at the
bottom. One client looks at the camera itself, another at the built-in RTSP server, and Chromium at the viewer
page. Told is how much later than the first the others see a frame, the lag included, and how long the page
takes to its first picture. It needs gst-rtsp-server and Chromium; all of them share this machine's cores.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

from scripts.live_runs import clip, running
from tests.browsers import CHROMIUM, browser, frames_shown
from tests.cameras import RtspCamera, free_port, has_rtsp_server

BITS: Final = 12
"""Of the number; each is shown as it is and, further right, inverted: nothing else is taken for one."""
_LOADS: Final = 8
_WATCHED_S: Final = 20.0
_SETTLED_S: Final = 8.0

_ON_SCREEN: Final = """([bits, field]) => {
    const video = document.getElementById("video"), canvas = document.createElement("canvas");
    const context = canvas.getContext("2d", { willReadFrequently: true });
    window.seen = [];
    const look = (now, frame) => {
        [canvas.width, canvas.height] = [2 * bits * field, field];
        const top = video.videoHeight - field;
        context.drawImage(video, 0, top, canvas.width, field, 0, 0, canvas.width, field);
        const row = context.getImageData(0, field >> 1, canvas.width, 1).data;
        const lit = [...Array(2 * bits).keys()].map((k) => row[4 * ((k + 0.5) * field | 0)] > 127);
        if (lit.slice(0, bits).every((bit, k) => bit !== lit[bits + k])) {
            const number = lit.slice(0, bits).reduce((sum, bit, k) => sum + (bit << k), 0);
            window.seen.push([number, (performance.timeOrigin + frame.expectedDisplayTime) / 1000]);
        }
        video.requestVideoFrameCallback(look);
    };
    video.requestVideoFrameCallback(look);
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--fps", type=int, default=30)
    asked = parser.parse_args()
    if not has_rtsp_server() or CHROMIUM is None:
        raise SystemExit("apt-get install chromium gir1.2-gst-rtsp-server-1.0 python3-gi")
    width, height = map(int, asked.size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        film = clip(Path(folder) / "camera.mp4", 110, (width, height), asked.fps, mark)
        measured(film, width, asked.fps)


def measured(film: Path, width: int, fps: int) -> None:
    """Run the camera and all who look at it, and print what they saw."""
    with ExitStack() as stack:
        camera, port = stack.enter_context(RtspCamera(film, shared=True)), free_port()
        config = film.with_suffix(".toml")
        config.write_text(f'[sources.cam]\nurl = "{camera.url}"\n')
        told = stack.enter_context(running(["cam", "--config", config, "--rtsp-serve", f"127.0.0.1:{port}"]))
        told.until_on_air()
        first_s = [first_picture(f"{told.address}/live/cam") for _ in range(_LOADS)]
        itself, served = Client(camera.url), Client(f"rtsp://127.0.0.1:{port}/cam")
        time.sleep(_SETTLED_S)
        for client in (itself, served):
            client.seen.clear()
        time.sleep(_WATCHED_S)
        by_rtsp = dict(served.seen)
        served.end()
        on_screen = screen(f"{told.address}/live/cam", width)
        itself.end()
        print(f"lag {told.streams()['cam']['lag_frames'] * 1000 / fps:.0f} ms, {told.streams()['cam']}")
    print(f"first picture: {min(first_s):.2f} to {max(first_s):.2f} s, mean {statistics.mean(first_s):.2f}")
    print(f"camera to RTSP client: {spread(itself.seen, by_rtsp)}")
    print(f"camera to screen: {spread(itself.seen, on_screen)}")


def mark(rgb: NDArray[np.uint8], number: int) -> None:
    """Draw a frame's number into the bottom of its picture."""
    field = _field(rgb.shape[1])
    for k in range(BITS):
        lit = number >> k & 1
        rgb[-field:, k * field : (k + 1) * field] = 255 * lit
        rgb[-field:, (BITS + k) * field : (BITS + k + 1) * field] = 255 * (1 - lit)


def read(grey: NDArray[Any]) -> int | None:
    """Return the number that a picture shows, None if it shows none."""
    field = _field(grey.shape[1])
    middles = ((np.arange(2 * BITS) + 0.5) * field).astype(int)
    lit = grey[-field // 2, middles] > 127
    if not (lit[:BITS] ^ lit[BITS:]).all():
        return None
    return int((lit[:BITS] << np.arange(BITS)).sum())


def _field(width: int) -> int:
    return width // 40


class Client:
    """Notes when each number is seen at an RTSP address, in a thread of its own."""

    def __init__(self, url: str) -> None:
        self.seen: dict[int, float] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, args=(url,))
        self._thread.start()

    def _look(self, url: str) -> None:
        with av.open(url, options={"rtsp_transport": "tcp"}, timeout=20) as container:
            container.streams.video[0].codec_context.thread_count = 1  # threads would hold frames back
            for frame in container.decode(video=0):
                if (number := read(frame.to_ndarray(format="gray"))) is not None:
                    self.seen[number] = time.time()
                if self._over.is_set():
                    return

    def end(self) -> None:
        self._over.set()
        self._thread.join()


def first_picture(url: str) -> float:
    """Return the seconds from asking for the page to its first picture."""
    with browser() as chromium:
        page = chromium.new_page()
        start_s = time.monotonic()
        page.goto(url)
        frames_shown(page, 1)
        return time.monotonic() - start_s


def screen(url: str, width: int) -> dict[int, float]:
    """Return when each number is on the screen of a browser."""
    with browser() as chromium:
        page = chromium.new_page()
        page.goto(url)
        frames_shown(page, 1)
        page.wait_for_timeout(1000 * _SETTLED_S)
        page.evaluate(_ON_SCREEN, [BITS, _field(width)])
        page.wait_for_timeout(1000 * _WATCHED_S)
        seen: list[Any] = page.evaluate("window.seen")
        return {int(number): float(at_s) for number, at_s in seen}


def spread(sent: dict[int, float], seen: dict[int, float]) -> str:
    late_ms = [1000 * (at_s - sent[number]) for number, at_s in seen.items() if number in sent]
    if not late_ms:
        return "nothing seen"
    median, late = np.percentile(late_ms, [50, 95])
    return f"median {median:.0f} ms, p95 {late:.0f} ms ({len(late_ms)} frames)"


if __name__ == "__main__":
    main()
