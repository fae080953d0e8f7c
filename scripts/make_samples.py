"""Make samples/ from pictures in scikit-image's wheel (needs network): `python -m scripts.make_samples`."""

from __future__ import annotations

import csv
import hashlib
import math
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from scripts.vendor_models import Wheel, download_wheel

SAMPLES = Path(__file__).resolve().parent.parent / "samples"
SCIKIT_IMAGE = Wheel(
    "scikit_image", "0.26.0", "BSD-3-Clause", "scikit_image-0.26.0.dist-info/LICENSE.txt", lambda text: text
)
SOURCES = {
    "astronaut": "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
    "brick": "7966caf324f6ba843118d98f7a07746d22f6a343430add0233eca5f6eaaa8fcf",
    "grass": "b6b6022426b38936c43a4ac09635cd78af074e90f42ffa8227ac8b7452d39f89",
}
"""SHA-256 of each picture, the same that scikit-image's own registry lists."""

WIDTH, HEIGHT, FPS, FRAMES, RATE = 640, 360, 25, 125, 48_000
FACE = (176.0, 66.0, 100.0, 114.0)
"""x, y, w, h of the face in astronaut.png, forehead to chin and ear to ear, read off by eye."""
PORTRAIT_CROP = (66, 0, 320)
"""x, y and side of the square cut out of astronaut.png."""
STREET_FRAME = 42

Rgb = NDArray[np.uint8]
Row = tuple[int, int, float, float, float, float, int]
"""frame, track, x, y, w, h, ignore."""


@dataclass(frozen=True)
class Walker:
    """A copy of the portrait that moves in a straight line, nodding, over the world."""

    track: int
    from_x: float
    to_x: float
    """World pixels of the picture's left edge at the first and the last frame."""
    top: float
    from_scale: float
    to_scale: float
    before_hedge: bool

    def pose(self, frame: int, camera: float) -> tuple[float, float, float]:
        """Return x, y and scale of the portrait in picture pixels."""
        share = frame / (FRAMES - 1)
        scale = self.from_scale + (self.to_scale - self.from_scale) * share
        nod = 4 * scale * math.sin(2 * math.pi * frame / 14 + self.track)
        return self.from_x + (self.to_x - self.from_x) * share - camera, self.top + nod, scale


WALKERS = (
    Walker(3, 740, 480, 144, 0.26, 0.26, before_hedge=False),
    Walker(2, 260, 330, 102, 0.34, 0.52, before_hedge=False),
    Walker(1, -330, 700, 20, 0.75, 0.75, before_hedge=True),
)
"""From the farthest to the nearest, in painting order."""


def camera_x(frame: int) -> float:
    """Return how far the camera has swung to the right, in pixels."""
    return 60 - 60 * math.cos(2 * math.pi * frame / FRAMES)


class Stage:
    """The ready-made layers from which any frame of the walk is painted."""

    def __init__(self, pictures: dict[str, Rgb]) -> None:
        self.person = pictures["astronaut"]
        self.matte = _matte(self.person)
        self.wall = _tinted(pictures["brick"], (1.0, 0.86, 0.74))
        self.hedge = _tinted(pictures["grass"], (0.55, 0.85, 0.45))[:96]

    def frame(self, index: int) -> Rgb:
        camera = camera_x(index)
        canvas = _shifted(self.wall, camera, HEIGHT)
        for walker in (w for w in WALKERS if not w.before_hedge):
            canvas = self._with_person(canvas, walker.pose(index, camera))
        canvas[-96:] = _shifted(self.hedge, camera, 96)
        for walker in (w for w in WALKERS if w.before_hedge):
            canvas = self._with_person(canvas, walker.pose(index, camera))
        return canvas

    def _with_person(self, canvas: Rgb, pose: tuple[float, float, float]) -> Rgb:
        x, y, scale = pose
        warp = np.array([[scale, 0, x], [0, scale, y]])
        person, matte = (
            cv2.warpAffine(layer, warp, (WIDTH, HEIGHT), flags=cv2.INTER_AREA)
            for layer in (self.person, self.matte)
        )
        share = matte[..., None] / 255.0
        return np.rint(person * share + canvas * (1 - share)).astype(np.uint8)


def truth(frame: int) -> Iterator[Row]:
    """Yield the visible part of each face; `ignore` marks those of which less than half can be seen."""
    nearer: list[tuple[float, float, float, float]] = []
    for walker in reversed(WALKERS):
        x, y, scale = walker.pose(frame, camera_x(frame))
        box = (x + FACE[0] * scale, y + FACE[1] * scale, FACE[2] * scale, FACE[3] * scale)
        left, top = max(box[0], 0.0), max(box[1], 0.0)
        w, h = min(box[0] + box[2], WIDTH) - left, min(box[1] + box[3], HEIGHT) - top
        if w > 0 and h > 0:
            hidden = sum(_overlap((left, top, w, h), other) for other in nearer)
            ignore = int(w * h - hidden < 0.5 * box[2] * box[3])
            yield frame, walker.track, left, top, w, h, ignore
        nearer.append((x + 20 * scale, y, 340 * scale, 512 * scale))


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    w = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    h = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return max(0.0, w) * max(0.0, h)


def _matte(person: Rgb) -> NDArray[np.uint8]:
    """Return how much of each pixel belongs to the person (GrabCut, seeded with a rough outline)."""
    mask: Rgb = np.full(person.shape[:2], cv2.GC_BGD, np.uint8)
    mask[8:, 15:365] = cv2.GC_PR_BGD
    cv2.ellipse(mask, (228, 105), (76, 95), 0, 0, 360, cv2.GC_PR_FGD, -1)
    cv2.fillPoly(
        mask,
        [np.array([[60, 270], [150, 170], [300, 200], [350, 300], [365, 511], [20, 511]])],
        cv2.GC_PR_FGD,
    )
    cv2.ellipse(mask, (226, 105), (52, 75), 0, 0, 360, cv2.GC_FGD, -1)
    cv2.ellipse(mask, (208, 222), (93, 70), 15, 0, 360, cv2.GC_FGD, -1)
    mask[300:, 60:340] = cv2.GC_FGD
    cv2.setRNGSeed(1)
    cv2.grabCut(person, mask, (0, 0, 1, 1), np.zeros((1, 65)), np.zeros((1, 65)), 5, cv2.GC_INIT_WITH_MASK)
    matte = np.where((mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD), 255, 0).astype(np.uint8)
    return np.asarray(cv2.GaussianBlur(cv2.medianBlur(matte, 7), (5, 5), 1.2), np.uint8)


def _tinted(texture: Rgb, tint: tuple[float, float, float]) -> Rgb:
    """Return a soft, coloured version of a grey texture, mirrored to double width so that it tiles."""
    soft = cv2.GaussianBlur(texture, (5, 5), 1.0)
    twice: Rgb = np.rint(np.hstack([soft, soft[:, ::-1]]) * np.array(tint)).astype(np.uint8)
    return twice


def _shifted(layer: Rgb, camera: float, height: int) -> Rgb:
    warp = np.array([[1, 0, -camera], [0, 1, 0]], np.float64)
    return np.asarray(cv2.warpAffine(layer, warp, (WIDTH, height), flags=cv2.INTER_LINEAR), np.uint8)


def write_walk(path: Path, frames: Iterable[Rgb]) -> None:
    """Encode the frames as H.264 with a wavering tone as AAC."""
    options = {"movflags": "faststart", "fflags": "+bitexact"}
    with av.open(str(path), "w", options=options) as out:
        video = out.add_stream(
            "libx264", rate=FPS, options={"crf": "27", "preset": "veryslow", "threads": "1"}
        )
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        audio = out.add_stream("aac", rate=RATE, layout="mono", bit_rate=64_000)
        for rgb in frames:
            out.mux(video.encode(av.VideoFrame.from_ndarray(rgb, "rgb24")))
        for block in _tone():
            out.mux(audio.encode(block))
        out.mux(video.encode(None))
        out.mux(audio.encode(None))


def _tone() -> Iterator[av.AudioFrame]:
    seconds = np.arange(RATE * FRAMES // FPS) / RATE
    wave = 0.2 * np.sin(2 * np.pi * 440 * seconds) * (0.6 + 0.4 * np.sin(2 * np.pi * seconds))
    for start in range(0, len(wave), 1024):
        block = av.AudioFrame.from_ndarray(
            wave[None, start : start + 1024].astype(np.float32), "fltp", "mono"
        )
        block.sample_rate, block.pts, block.time_base = RATE, start, Fraction(1, RATE)
        yield block


def write_boxes(path: Path, rows: Iterable[Row]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("frame", "track", "x", "y", "w", "h", "ignore"))
        writer.writerows((f, t, *(f"{v:.2f}" for v in box), ignore) for f, t, *box, ignore in rows)


ABOUT = """# Samples

Made by `python -m scripts.make_samples` from three pictures in the wheel `scikit_image==0.26.0`; the clip's
sound is a computed tone. Each `.boxes.csv` holds the exact place of every face (forehead to chin, ear to ear)
in pixels: frame, track, x, y, w, h, and ignore = 1 where less than half of the face can be seen.

| picture in the wheel | what it is | licence |
|---|---|---|
| `skimage/data/astronaut.png` | NASA's official portrait of the astronaut Eileen Collins | public domain |
| `skimage/data/brick.png` | a brick wall, CC0Textures | CC0-1.0 |
| `skimage/data/grass.png` | a lawn | CC0-1.0 |

The licence text of scikit-image, which hands these pictures on, is in `licenses/`. The samples may be used
like the pictures that they show. The portrait is here to test that a face is hidden; nothing else is implied.

| file | what it is for | bytes | SHA-256 |
|---|---|---|---|
"""
PURPOSES = {
    "portrait.jpg": "a face of 100 px: every detector must find it at start-up, or no frame is accepted",
    "portrait.boxes.csv": "its true box",
    "street.png": "a picture with three faces of 26 to 75 px",
    "street.boxes.csv": "their true boxes",
    "walk.mp4": "5 s, 640x360, 25 fps, H.264 and AAC: a swinging camera, people who enter, pass and approach",
    "walk.boxes.csv": "the true boxes of every frame",
}


def write_readme(folder: Path) -> None:
    lines = []
    for name, purpose in PURPOSES.items():
        content = (folder / name).read_bytes()
        lines.append(f"| `{name}` | {purpose} | {len(content)} | `{hashlib.sha256(content).hexdigest()}` |\n")
    (folder / "README.md").write_text(ABOUT + "".join(lines))


def _load(archive: zipfile.ZipFile) -> dict[str, Rgb]:
    pictures: dict[str, Rgb] = {}
    for name, expected in SOURCES.items():
        content = archive.read(f"skimage/data/{name}.png")
        if (actual := hashlib.sha256(content).hexdigest()) != expected:
            raise SystemExit(f"{name}.png has SHA-256 {actual}, expected {expected}: do not use it")
        bgr: Any = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
        pictures[name] = np.ascontiguousarray(bgr[..., ::-1])
    return pictures


def write_portrait(folder: Path, astronaut: Rgb) -> None:
    x, y, side = PORTRAIT_CROP
    crop = astronaut[y : y + side, x : x + side, ::-1]
    cv2.imwrite(str(folder / "portrait.jpg"), crop, [cv2.IMWRITE_JPEG_QUALITY, 92])
    write_boxes(folder / "portrait.boxes.csv", [(0, 1, FACE[0] - x, FACE[1] - y, FACE[2], FACE[3], 0)])


def main() -> None:
    (SAMPLES / "licenses").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        wheel = download_wheel(SCIKIT_IMAGE, Path(scratch))
        with zipfile.ZipFile(wheel) as archive:
            pictures = _load(archive)
            (SAMPLES / SCIKIT_IMAGE.licence_file).write_bytes(archive.read(SCIKIT_IMAGE.licence_path))
    write_portrait(SAMPLES, pictures["astronaut"])
    stage = Stage(pictures)
    cv2.imwrite(
        str(SAMPLES / "street.png"), stage.frame(STREET_FRAME)[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9]
    )
    write_boxes(SAMPLES / "street.boxes.csv", ((0, *row[1:]) for row in truth(STREET_FRAME)))
    write_walk(SAMPLES / "walk.mp4", (stage.frame(index) for index in range(FRAMES)))
    write_boxes(SAMPLES / "walk.boxes.csv", (row for index in range(FRAMES) for row in truth(index)))
    write_readme(SAMPLES)


if __name__ == "__main__":
    main()
