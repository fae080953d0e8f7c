"""Make the README's pictures from the samples: `python -m scripts.docs_images`."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

import stream_guard

ROOT: Final = Path(__file__).resolve().parents[1]
SAMPLES: Final = ROOT / "samples"
IMAGES: Final = ROOT / "docs" / "images"
STYLES: Final = ("frost", "solid", "icon", "mosaic", "blur", "classic")
MOMENTS: Final = (20, 52, 84, 112)
"""Frames of the walk that are shown."""
GAP, TITLE, TILE, FRAME_WIDTH = 6, 24, 200, 400

Rgb = NDArray[np.uint8]


def sheet(rows: Sequence[Sequence[tuple[str, Image.Image]]]) -> Image.Image:
    """Return titled pictures of one size laid out in rows on white."""
    width, height = rows[0][0][1].size
    height += TITLE
    columns = max(len(row) for row in rows)
    canvas = Image.new(
        "RGB", (columns * (width + GAP) - GAP, len(rows) * (height + GAP) - GAP), (255, 255, 255)
    )
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(15)
    for y, row in enumerate(rows):
        for x, (title, picture) in enumerate(row):
            corner = (x * (width + GAP), y * (height + GAP))
            pen.text((corner[0] + 2, corner[1] + 2), title, (40, 40, 40), font)
            canvas.paste(picture, (corner[0], corner[1] + TITLE))
    return canvas


def styles() -> Image.Image:
    """Return the portrait in every style."""
    portrait = np.asarray(Image.open(SAMPLES / "portrait.jpg").convert("RGB"))
    shown = [("original", portrait)]
    for style in STYLES:
        covered = stream_guard.anonymize_image(portrait, style=style, allow_weak=style == "classic")
        shown.append((f"{style} (weak)" if style == "classic" else style, covered))
    return sheet([[(title, _sized(pixels, TILE)) for title, pixels in shown]])


def walk(scratch: Path) -> Image.Image:
    """Return moments of the walk, as recorded and as redacted."""
    covered = scratch / "walk.mp4"
    stream_guard.redact(SAMPLES / "walk.mp4", covered, overwrite=True)
    rows = []
    for name, path in (("recorded", SAMPLES / "walk.mp4"), ("redacted", covered)):
        frames = _frames(path)
        rows.append([(f"{name}, {n / 25:.1f} s", _sized(frames[n], FRAME_WIDTH)) for n in MOMENTS])
    return sheet(rows)


def _frames(path: Path) -> dict[int, Rgb]:
    with av.open(str(path)) as container:
        decoded: Any = enumerate(container.decode(video=0))
        return {index: frame.to_ndarray(format="rgb24") for index, frame in decoded if index in MOMENTS}


def _sized(pixels: Rgb, width: int) -> Image.Image:
    picture = Image.fromarray(pixels)
    return picture.resize((width, round(width * picture.height / picture.width)), Image.Resampling.LANCZOS)


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        walk(Path(scratch)).save(IMAGES / "walk.jpg", quality=74, optimize=True)
    styles().save(IMAGES / "styles.jpg", quality=85, optimize=True)


if __name__ == "__main__":
    main()
