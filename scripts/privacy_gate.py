"""Measure what the styles withstand, on pictures of known people, and fail where they break their promise.

    python -m scripts.privacy_gate FOLDER

FOLDER holds one folder of JPEG pictures for each person, a clear face near the middle of each picture. Faces
are found and covered as `stream-guard redact` does it. The attacker has SFace and knows where eyes, nose and
mouth are. The exit code is 1 where an irreversible style lets more through than guessing or a solid mask.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Final, TypeVar

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from scripts.arguments import there
from scripts.attacks import chance_bound, classified, rank_1, true_accepts
from stream_guard import native
from stream_guard.detect.models import bundled_folder
from stream_guard.detect.presets import PRESETS, Detectors, Preset
from stream_guard.detect.yunet import MODEL
from stream_guard.model.frame import Frame, Stamp
from stream_guard.model.geometry import Box, Orientation
from stream_guard.model.verdict import Cover, Detection, Observation, Seen
from stream_guard.redact.render import MaskRedactor
from stream_guard.redact.style import Tier
from stream_guard.redact.styles import style_named
from stream_guard.settings import Settings
from stream_guard.sources.array import frame_of
from stream_guard.sources.planes import picture_of
from stream_guard.track.smoother import FixedLagSmoother
from stream_guard.verify.sface import SFace, aligned

STYLES: Final = ("frost", "solid", "icon", "mosaic", "blur", "classic")
TRAINED_EXCESS: Final = 0.07
"""By how much a trained attacker may do better than on solid masks, which show nothing of the face."""
FRAMES: Final = 30
FPS: Final = 25
LAG: Final = 12
JITTER: Final = 0.04
"""Standard deviation of a detection's centre and size in the clip, as a share of the face."""
THUMBNAIL: Final = 16
HEAD: Final = (
    "style", "recognised", "at 1 % false accepts", "trained attacker", "30 frames averaged", "found again"
)  # fmt: skip
RUNS: Final = 5
"""Times that the pictures are redacted for the trained attacker, whose mean success is told.

Once where the style promises nothing, or paints the same whatever its secrets.
"""
RUN_ONCE: Final = frozenset({"solid", "mosaic", "blur", "classic"})
_SETTINGS: Final = Settings().detect
UPRIGHT: Final = replace(PRESETS[_SETTINGS.preset], turned=(), aslant=())
"""What the redacted pictures are looked at with: their faces are upright."""

Bgr = NDArray[np.uint8]
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Photo:
    """One clear picture of somebody."""

    person: str
    bgr: Bgr
    face: Box
    landmarks: NDArray[np.float64]
    """(5, 2), which the attacker knows."""


@dataclass(frozen=True, slots=True)
class Row:
    """What one style lets through, in shares of pictures (`accepts`: of pairs)."""

    style: str
    naive: float
    """Rank-1 of redacted pictures among clear ones."""
    accepts: float
    """Pairs of one person, redacted and clear, that pass at 1 % false accepts."""
    trained: float
    """Named by an attacker who has the others redacted alike: SFace or a classifier of pixels, the better.

    The mean of several runs, since each has other secrets.
    """
    reconstructed: float
    """Rank-1 of the mean or the median of a clip's frames among clear pictures, the better."""
    redetected: float
    """Faces that stream_guard's own detectors still find."""

    @property
    def shares(self) -> tuple[float, ...]:
        return self.naive, self.accepts, self.trained, self.reconstructed, self.redetected


def photos(folder: Path) -> list[Photo]:
    """Return the people's pictures.

    Raises:
        SystemExit: there are not two people, or a picture shows no face.
    """
    found = [_photo(path) for path in sorted(folder.glob("*/*.jpg"))]
    if len({photo.person for photo in found}) < 2:
        raise SystemExit(f"{folder} has no two folders of JPEG pictures, one for each person")
    return found


def _photo(path: Path) -> Photo:
    bgr = np.asarray(cv2.imread(str(path)), np.uint8)
    height, width = bgr.shape[:2]
    finder = cv2.FaceDetectorYN.create(str(bundled_folder("models") / MODEL), "", (width, height), 0.5)
    _, faces = finder.detect(bgr)
    if faces is None:
        raise SystemExit(f"{path} shows no face")
    off_centre = np.abs(2 * faces[:, :2] + faces[:, 2:4] - (width, height)).sum(axis=1)
    x, y, w, h, *points = faces[off_centre.argmin(), :14].tolist()
    return Photo(path.parent.name, bgr, Box(x, y, x + w, y + h), np.reshape(points, (5, 2)))


class Gate:
    """Redacts photos as stream_guard does and attacks the results; holds the detectors and the attacker.

    Each core has detectors of its own, which serve one picture at a time.
    """

    def __init__(self, found: Sequence[Photo]) -> None:
        cores = os.cpu_count() or 1
        self._photos = found
        self.people = [photo.person for photo in found]
        self._sface = SFace()
        self._held = ExitStack()
        self._free = SimpleQueue[Detectors]()
        for _ in range(cores):
            self._free.put(self._held.enter_context(closing(Detectors(_SETTINGS.detectors))))
        self._pool = self._held.enter_context(ThreadPoolExecutor(cores))  # ends before what it uses
        self._covers = self._each(self._cover)
        self._clips = [clip_covers(photo, seed) for seed, photo in enumerate(found)]
        self._clear = self._embeddings(aligned(photo.bgr, photo.landmarks) for photo in found)

    def __enter__(self) -> Gate:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()

    @property
    def clear(self) -> float:
        """The attacker's rank-1 on pictures that are not redacted, to hold the figures against."""
        return rank_1(self._clear, self._clear, self.people)

    def row(self, style: str) -> Row:
        """Redact all photos in a style and attack them."""
        count = 1 if style in RUN_ONCE else RUNS
        runs = [self._redacted(redacted_still, self._covers, style, run) for run in range(count)]
        crops = [self._crops(stills) for stills in runs]
        faces = [self._embeddings(one) for one in crops]
        return Row(
            style,
            naive=rank_1(faces[0], self._clear, self.people),
            accepts=true_accepts(faces[0], self._clear, self.people),
            trained=float(np.mean([self._trained(*one) for one in zip(faces, crops, strict=True)])),
            reconstructed=self._reconstructed(style),
            redetected=float(np.mean(self._each(self._finds, runs[0]))),
        )

    def _each(self, function: Callable[..., Result], *columns: Iterable[Any]) -> list[Result]:
        """Call a function with each photo and what belongs to it, on all cores."""
        return list(self._pool.map(lambda row: function(*row), zip(self._photos, *columns, strict=True)))

    def _redacted(self, how: Callable[..., Bgr], covers: Iterable[Any], style: str, run: int) -> list[Bgr]:
        keys = [_key(run, picture) for picture in range(len(self._photos))]
        return self._each(lambda photo, cover, key: how(photo, cover, style, key), covers, keys)

    def _crops(self, stills: Iterable[Bgr]) -> list[Bgr]:
        return [aligned(bgr, photo.landmarks) for photo, bgr in zip(self._photos, stills, strict=True)]

    def _trained(self, faces: NDArray[np.float32], crops: Sequence[Bgr]) -> float:
        return max(rank_1(faces, faces, self.people), classified(_pixels(crops), self.people))

    def _reconstructed(self, style: str) -> float:
        clips = self._redacted(redacted_clip, self._clips, style, 0)
        ways: tuple[Callable[..., NDArray[Any]], ...] = (np.mean, np.median)
        found = [self._embeddings(way(clip, axis=0) for clip in clips) for way in ways]
        return max(rank_1(faces, self._clear, self.people) for faces in found)

    def _observation(self, bgr: Bgr, preset: Preset) -> Observation:
        detectors = self._free.get()
        try:
            return detectors.observer(preset).observe(frame_of(_rgb(bgr)))
        finally:
            self._free.put(detectors)

    def _cover(self, photo: Photo) -> Cover:
        (cover,) = FixedLagSmoother(0).push(self._observation(photo.bgr, PRESETS[_SETTINGS.preset]))
        return cover

    def _finds(self, photo: Photo, bgr: Bgr) -> bool:
        sight = self._observation(bgr, UPRIGHT).sight
        faces = sight.faces if isinstance(sight, Seen) else ()
        return any(f.score >= _SETTINGS.confidence and f.box.iou(photo.face) > 0.3 for f in faces)

    def _embeddings(self, crops: Iterable[NDArray[Any]]) -> NDArray[np.float32]:
        small = (crop.astype(np.uint8) for crop in crops)
        return np.array(list(self._pool.map(self._sface.embed, small)))


def redacted_still(photo: Photo, cover: Cover, style: str, key: bytes) -> Bgr:
    """Return the photo with its faces covered."""
    rgb = _rgb(photo.bgr)
    _redactor(style, key).render(frame_of(rgb), cover)
    return _rgb(rgb)


def clip_covers(photo: Photo, seed: int) -> list[Cover]:
    """Return what the tracker makes of a still face whose detections jitter."""
    random, face = np.random.default_rng(seed), photo.face
    height, width = photo.bgr.shape[:2]
    tracker, covers = FixedLagSmoother(LAG), list[Cover]()
    for index in range(FRAMES):
        dx, dy, dw, dh = random.normal(0, JITTER, 4)
        box = Box.around(face.cx + dx * face.w, face.cy + dy * face.h, face.w * (1 + dw), face.h * (1 + dh))
        sight = Seen((Detection(box, 0.8, "jitter"),))
        covers += tracker.push(Observation(Stamp(0, index, index / FPS), width, height, sight))
    return [*covers, *tracker.flush()]


def redacted_clip(photo: Photo, covers: Sequence[Cover], style: str, key: bytes) -> NDArray[np.uint8]:
    """Return the frames of a video, painted in its planes, as the attacker aligns them."""
    redactor, aligned_frames = _redactor(style, key), []
    for cover in covers:
        decoded = av.VideoFrame.from_ndarray(photo.bgr, "bgr24").reformat(format="yuv420p")
        redacted = redactor.render(Frame(cover.stamp, picture_of(decoded, Orientation())), cover)
        bgr = redacted.picture.handle.frame.to_ndarray(format="bgr24")
        aligned_frames.append(aligned(bgr, photo.landmarks))
    return np.array(aligned_frames)


def _redactor(style: str, key: bytes) -> MaskRedactor:
    return MaskRedactor(style_named(style), key=key)


def _key(run: int, picture: int) -> bytes:
    """Return a key of a run's own, as no two runs share one, yet the same whenever the table is made."""
    return bytes(24) + run.to_bytes(4, "big") + picture.to_bytes(4, "big")


def _pixels(crops: Sequence[Bgr]) -> NDArray[np.float64]:
    size = (THUMBNAIL, THUMBNAIL)
    return np.array([cv2.resize(crop, size, interpolation=cv2.INTER_AREA).ravel() / 255.0 for crop in crops])


def _rgb(bgr: Bgr) -> NDArray[np.uint8]:
    return np.ascontiguousarray(bgr[..., ::-1])


def faults(row: Row, solid: Row, bound: float) -> list[str]:
    """Return one sentence for each promise of an irreversible style that a row breaks."""
    most = {
        "naive": bound,
        "reconstructed": bound,
        "trained": solid.trained + TRAINED_EXCESS,
    }
    return [
        f"{row.style}: {name} {getattr(row, name):.2f} is over {limit:.2f}"
        for name, limit in most.items()
        if getattr(row, name) > limit + 1e-9
    ]


def table(rows: Iterable[Row]) -> str:
    """Return the rows as a Markdown table, in per cent."""
    lines = [[f"`{row.style}`", *(f"{100 * share:.0f} %" for share in row.shares)] for row in rows]
    head = [f"| {' | '.join(HEAD)} |", "|---" * len(HEAD) + "|"]
    return "\n".join([*head, *(f"| {' | '.join(line)} |" for line in lines)])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=there, help="a folder of JPEG pictures for each person")
    native.cap()
    found = photos(parser.parse_args().folder)
    with Gate(found) as gate:
        rows = {style: gate.row(style) for style in STYLES}
        bound = chance_bound(gate.people)
        print(
            f"{len(found)} pictures of {len(set(gate.people))} people; guessing stays under {bound:.0%}, "
            f"clear pictures are recognised in {gate.clear:.0%}\n\n{table(rows.values())}"
        )
    promised = [row for row in rows.values() if style_named(row.style).tier is Tier.IRREVERSIBLE]
    if broken := [sentence for row in promised for sentence in faults(row, rows["solid"], bound)]:
        raise SystemExit("\n".join(broken))


if __name__ == "__main__":
    main()
