"""The whole of `serve` with a browser before it, and what a test of its pages does again and again."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

from stream_guard.serving import Serving
from stream_guard.settings import Settings
from tests.browsers import PATIENCE_MS, until_true
from tests.job_clients import PORTRAIT, SAMPLES, WALK

STREET = SAMPLES / "street.png"
OVER = "li.job:is([data-state=done], [data-state=look])"


def page_settings(port: int = 0, **jobs: Any) -> Settings:
    """Return settings with the smallest detectors and one worker."""
    return Settings.model_validate(
        {
            "web": {"port": port},
            "detect": {"preset": "fast", "detectors": ["yunet"]},
            "jobs": {"workers": 1} | jobs,
        }
    )


@contextmanager
def the_page(folder: Path, port: int = 0, **jobs: Any) -> Iterator[str]:
    """Yield the address of the page."""
    with Serving({}, folder, page_settings(port, **jobs)) as serving:
        yield serving.address


def media(folder: Path) -> list[Path]:
    """Return three pictures and two videos."""
    webp, clip = folder / "visitors.webp", folder / "gate 2.mp4"
    portrait = Image.open(PORTRAIT).convert("RGB")
    portrait.resize((256, 256)).save(webp)
    with av.open(str(clip), "w") as container:
        stream: Any = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        wide = np.asarray(portrait.resize((400, 400)))
        for index in range(50):
            view = np.ascontiguousarray(wide[40:280, index : index + 320])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(view, format="rgb24")))
        container.mux(stream.encode(None))
    return [PORTRAIT, STREET, webp, WALK, clip]


def add(page: Any, *files: Path) -> None:
    page.set_input_files("#picked", list(files))


def row(page: Any, name: str) -> Any:
    """Return the row of the file of that name."""
    return page.locator("li.job").filter(has=page.get_by_role("heading", name=name, exact=True))


def until_done(page: Any, count: int) -> None:
    until_true(page, f"document.querySelectorAll('{OVER}').length === {count}")


def until_shown(page: Any, text: str) -> None:
    page.get_by_text(text).first.wait_for(timeout=PATIENCE_MS)


def shown(element: Any) -> Any:
    """Return what an element looks like, as RGB."""
    return np.asarray(Image.open(io.BytesIO(element.screenshot())).convert("RGB")).astype(int)


def clear(page: Any) -> None:
    """Delete all jobs."""
    page.evaluate(
        """async () => {
            const { jobs } = await (await fetch("/api/jobs")).json();
            for (const { id } of jobs) await fetch(`/api/jobs/${id}`, { method: "DELETE" });
        }"""
    )
