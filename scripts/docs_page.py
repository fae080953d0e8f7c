"""Make the README's picture of the page: `python -m scripts.docs_page` (needs Chromium and Playwright)."""

from __future__ import annotations

import io
import shutil
import tempfile
from pathlib import Path
from typing import Any, Final

from PIL import Image
from playwright.sync_api import sync_playwright

from scripts.docs_images import GAP, IMAGES, SAMPLES
from stream_guard.serving import Serving
from stream_guard.settings import Settings

SHOWN: Final = ("street.png", "portrait.jpg", "walk.mp4")
DONE: Final = "li.job:is([data-state=done], [data-state=look])"
WIDTH, HEIGHT, SHRINK = 900, 760, 0.6
PATIENCE_MS: Final = 120_000


def views(page: Any) -> list[Image.Image]:
    """Return the list of files, and the result of the video."""
    page.set_input_files("#picked", [SAMPLES / name for name in SHOWN])
    page.locator(DONE).nth(len(SHOWN) - 1).wait_for(timeout=PATIENCE_MS)
    files = shot(page)
    page.locator(DONE).filter(has_text="walk.mp4").get_by_role("button", name="Open").click()
    page.locator("dialog video").wait_for(timeout=PATIENCE_MS)
    page.locator("dialog video").evaluate("video => { video.controls = false; video.currentTime = 2; }")
    page.wait_for_timeout(1500)  # the frame after a seek is drawn when the player likes
    return [files, shot(page)]


def shot(page: Any) -> Image.Image:
    taken = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    size = round(taken.width * SHRINK), round(taken.height * SHRINK)
    return taken.resize(size, Image.Resampling.LANCZOS)


def beside(pictures: list[Image.Image]) -> Image.Image:
    width, height = pictures[0].size
    canvas = Image.new("RGB", (len(pictures) * (width + GAP) - GAP, height), (255, 255, 255))
    for index, picture in enumerate(pictures):
        canvas.paste(picture, (index * (width + GAP), 0))
    return canvas


def main() -> None:
    settings = Settings.model_validate({"web": {"port": 0}})
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with (
        tempfile.TemporaryDirectory() as scratch,
        Serving({}, Path(scratch) / "jobs", settings) as serving,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, locale="en-GB")
        page.goto(serving.address)
        beside(views(page)).save(IMAGES / "page.jpg", quality=72, optimize=True)
        browser.close()


if __name__ == "__main__":
    main()
