"""The parts of `scripts.bench` that load media libraries, each run as a process of its own."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from stream_guard import Guard, Settings, parts
from stream_guard.flow.anonymize import anonymize
from stream_guard.flow.lookahead import mark_last

PORTRAIT: Final = Path(__file__).resolve().parents[1] / "samples" / "portrait.jpg"
WIDTH, HEIGHT, RATE, FRAMES = 1920, 1080, 25, 500
CAST: Final = ((1.6, 120, 500, 0.21), (0.8, 500, 700, 0.37), (0.4, 760, 850, 0.13))
"""Each copy of the portrait: scale, top, how far it swings to each side, and how often a second."""

Rgb = NDArray[np.uint8]


# -- the clip ------------------------------------------------------------------------------------


def make(path: str) -> None:
    """Write a clip in which three copies of the portrait move over a panned background."""
    packed: Any = cv2.imread(str(PORTRAIT), cv2.IMREAD_COLOR_RGB)
    world = background()
    with av.open(path, "w") as out:
        stream = out.add_stream("libx264", rate=RATE, options={"crf": "20", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for index in range(FRAMES):
            shown = av.VideoFrame.from_ndarray(scene(world, packed, index / RATE), "rgb24")
            out.mux(stream.encode(shown))
        out.mux(stream.encode(None))


def background() -> Rgb:
    """Return a texture with detail of 4 to 64 pixels, wider than the picture by the pan."""
    random = np.random.default_rng(1)
    width, height = WIDTH + 200, HEIGHT
    grey = np.full((height, width), 110, np.float32)
    for cell in (4, 8, 16, 32, 64):
        noise = random.normal(0, 9, (height // cell + 2, width // cell + 2)).astype(np.float32)
        grey += cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(grey[..., None] * np.array([1.0, 0.93, 0.84]), 0, 255), np.uint8)


def scene(world: Rgb, portrait: Rgb, time_s: float) -> Rgb:
    left = round(100 + 100 * np.sin(2 * np.pi * 0.05 * time_s))
    canvas: Any = np.ascontiguousarray(world[:, left : left + WIDTH])
    for scale, top, swing, often in CAST:
        middle = WIDTH / 2 + swing * np.sin(2 * np.pi * often * time_s)
        warp = np.array([[scale, 0, middle - scale * portrait.shape[1] / 2], [0, scale, top]])
        cv2.warpAffine(portrait, warp, (WIDTH, HEIGHT), canvas, borderMode=cv2.BORDER_TRANSPARENT)
    return np.asarray(canvas, np.uint8)


def facts(path: str) -> dict[str, Any]:
    with av.open(path) as container:
        video = container.streams.video[0]
        frames = sum(packet.size > 0 for packet in container.demux(video))
        about = video.codec_context
        return {
            "name": Path(path).name, "width": about.width, "height": about.height, "frames": frames,
            "codec": about.name,
        }  # fmt: skip


# -- the stages ----------------------------------------------------------------------------------


class Clock:
    """Adds up the processor time of the whole process, all its threads, by stage."""

    def __init__(self) -> None:
        self.cpu_s: Counter[str] = Counter()

    def timed(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            start = time.process_time()
            try:
                return function(*arguments)
            finally:
                self.cpu_s[stage] += time.process_time() - start  # type: ignore[assignment]

        return call

    def items(self, stage: str, items: Iterable[Any]) -> Iterator[Any]:
        step, end = self.timed(stage, next), object()
        iterator = iter(items)
        while (item := step(iterator, end)) is not end:
            yield item


def stages(path: str, target: str, preset: str) -> dict[str, float]:
    """Return CPU seconds of each stage, run one after the other in one thread.

    Coding has threads of its own that work on while other stages run, so it is what a second pass with
    the encoder takes more than the first one without it.
    """
    settings = Settings.model_validate({"detect": {"preset": preset}, "output": {"overwrite": True}})
    with Guard(settings) as guard:
        guard.load()
        clock, alone, whole = Clock(), Clock(), Clock()
        alone.timed("all", _pass)(guard, Path(path), None, clock)
        whole.timed("all", _pass)(guard, Path(path), Path(target), Clock())
    return {**clock.cpu_s, "encode, mux, read back": whole.cpu_s["all"] - alone.cpu_s["all"]}


def _pass(guard: Guard, path: Path, target: Path | None, clock: Clock) -> None:
    with ExitStack() as undo:
        source = parts.opened(path, guard.settings, undo)
        sink = parts.sink(source, target, guard.settings) if target else None
        observer, tracker = guard._judges(source.media)
        painter = parts.redactor(guard.settings, guard._style, parts.zones_in_force(guard.settings))
        redactor: Any = SimpleNamespace(render=clock.timed("paint", painter.render))
        watching: Any = SimpleNamespace(observe=clock.timed("detect", observer.observe))
        tracking: Any = SimpleNamespace(
            push=clock.timed("track", tracker.push), flush=clock.timed("track", tracker.flush)
        )
        items = clock.items("decode", source.items())
        for item in anonymize(mark_last(items), watching, tracking, redactor):
            if sink:
                sink.write(item)
        if sink:
            sink.finish()


def main() -> None:
    name, *arguments = sys.argv[1:]
    jobs: dict[str, Callable[..., Any]] = {"make": make, "facts": facts, "stages": stages}
    print(json.dumps(jobs[name](*arguments)))


if __name__ == "__main__":
    main()
