"""A real Chromium for tests of the pages, and what is asked of it."""

from __future__ import annotations

import base64
import io
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from tests.webs import WALK

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--headless=new", "--no-sandbox", "--autoplay-policy=no-user-gesture-required",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run",
    "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
    "--allow-loopback-in-peer-connection",
)  # fmt: skip
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
PATIENCE_MS = 30_000


@contextmanager
def browser(*flags: str) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *flags])
        try:
            yield chromium
        finally:
            chromium.close()


def fake_camera(folder: Path) -> str:
    """Return the flag for a camera that shows the walk: its people's faces must be covered."""
    path = folder / "walk.y4m"
    with av.open(str(WALK)) as source, av.open(str(path), "w", format="yuv4mpegpipe") as target:
        stream: Any = target.add_stream("wrapped_avframe", rate=25)
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        for frame, _ in zip(source.decode(video=0), range(75), strict=False):
            target.mux(stream.encode(frame.reformat(format="yuv420p")))
        target.mux(stream.encode(None))
    return f"--use-file-for-fake-video-capture={path}"


class Watch:
    """A page, and every address that it asked for."""

    def __init__(self, page: Any) -> None:
        self.asked: list[str] = []
        self.said: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("console", lambda line: self.said.append(line.text) if line.type == "error" else None)
        page.on("pageerror", lambda error: self.said.append(str(error)))

    def require_clean(self, origin: str) -> None:
        assert [url for url in self.asked if not url.startswith((origin, "blob:" + origin))] == []
        assert self.said == []


def until_true(page: Any, expression: str) -> None:
    """Wait until an expression holds; Playwright's own way needs `eval`, which the page forbids."""
    end_s = time.monotonic() + PATIENCE_MS / 1000
    while not page.evaluate(expression):
        assert time.monotonic() < end_s, expression
        page.wait_for_timeout(20)


def frames_shown(page: Any, count: int) -> None:
    until_true(page, f"Number(document.getElementById('video')?.dataset.frames ?? 0) >= {count}")


def grabbed(page: Any, element: str = "video") -> Any:
    """Return what an element shows now, as RGB."""
    script = """(id) => {
        const from = document.getElementById(id), canvas = document.createElement("canvas");
        canvas.width = from.videoWidth || from.naturalWidth;
        canvas.height = from.videoHeight || from.naturalHeight;
        canvas.getContext("2d").drawImage(from, 0, 0);
        return canvas.toDataURL("image/png");
    }"""
    png = base64.b64decode(page.evaluate(script, element).partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
