"""`verify` on real outputs: twenty planted leaks that it must find, and ten clean files."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import stream_guard
from stream_guard.model.finding import Kind, Verification
from stream_guard.model.geometry import Box
from tests.media import Clip, make

SAMPLES = Path(__file__).parents[1] / "samples"
WALK, STREET, PORTRAIT = (SAMPLES / name for name in ("walk.mp4", "street.png", "portrait.jpg"))
FRAMES = 60
"""Of the walk: two faces come in, one goes."""
RATE = 25
STYLES = ("frost", "solid", "icon", "mosaic", "blur")

Rgb = NDArray[np.uint8]
Part = tuple[float, float, float, float]
"""left, top, right, bottom in shares of the face's box."""

WHOLE: Part = (-0.1, -0.1, 1.1, 1.1)


def _faces() -> Mapping[int, Mapping[str, Box]]:
    found: dict[int, dict[str, Box]] = defaultdict(dict)
    with (SAMPLES / "walk.boxes.csv").open() as file:
        for row in csv.DictReader(file):
            if row["ignore"] == "0":
                x, y, w, h = (float(row[key]) for key in ("x", "y", "w", "h"))
                found[int(row["frame"])][row["track"]] = Box(x, y, x + w, y + h)
    return found


FACES = _faces()


def _pictures(path: Path) -> list[Rgb]:
    with av.open(str(path)) as container:
        return [np.asarray(f.to_ndarray(format="rgb24"), np.uint8) for f in container.decode(video=0)]


def write(path: Path, pictures: Sequence[Rgb], crf: int = 20, **changed: Any) -> Path:
    """Write pictures as a clip of 25 frames a second."""
    height, width = pictures[0].shape[:2]
    clip = Clip(
        width=width, height=height, frames=len(pictures), rate=RATE, time_base=Fraction(1, 12800),
        options={"crf": str(crf), "preset": "ultrafast"}, paint=lambda _w, _h, index: pictures[index],
    )  # fmt: skip
    return make(path, replace(clip, **changed))


@dataclass(frozen=True)
class Work:
    """The clip, and what `redact` makes of it in every style."""

    folder: Path
    clip: Path
    before: Sequence[Rgb]
    outputs: Mapping[str, Path]
    after: Mapping[str, Sequence[Rgb]]


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Work:
    folder = tmp_path_factory.mktemp("verify")
    clip = write(folder / "clip.mp4", _pictures(WALK)[:FRAMES], crf=16)
    outputs = {style: folder / f"{style}.mp4" for style in STYLES}
    with stream_guard.Guard() as guard:
        plan = folder / "plan.json"
        guard.detect(clip, plan)
    for style, path in outputs.items():
        stream_guard.redact(clip, path, plan=plan, style=style)
    return Work(folder, clip, _pictures(clip), outputs, {s: _pictures(p) for s, p in outputs.items()})


# -- leaks ----------------------------------------------------------------------------------------


def uncovered(work: Work, style: str, frames: Sequence[int], track: str, part: Part = WHOLE) -> list[Rgb]:
    """Return the output with a part of one face as it was, in some frames."""
    pictures = [picture.copy() for picture in work.after[style]]
    for index in frames:
        box = FACES[index][track]
        height, width = pictures[index].shape[:2]
        area = Box(
            box.x0 + part[0] * box.w, box.y0 + part[1] * box.h,
            box.x0 + part[2] * box.w, box.y0 + part[3] * box.h,
        ).clipped(width, height)  # fmt: skip
        rows, columns = slice(round(area.y0), round(area.y1)), slice(round(area.x0), round(area.x1))
        pictures[index][rows, columns] = work.before[index][rows, columns]
    return pictures


def shifted(work: Work, frames: Sequence[int], track: str, share: float) -> list[Rgb]:
    """Return the input with a black mask that lies beside one face by a share of its width."""
    pictures = uncovered(work, "solid", frames, track, (-0.6, -0.8, 1.6, 1.6))
    for index in frames:
        box = FACES[index][track]
        mask = box.moved(share * box.w, 0).inflated(0.25).clipped(640, 360)
        pictures[index][round(mask.y0) : round(mask.y1), round(mask.x0) : round(mask.x1)] = 0
    return pictures


@dataclass(frozen=True)
class Leak:
    """A leak, how it is made, and where it must be found."""

    name: str
    make: Callable[[Work, Path], Path]
    kind: Kind
    frames: tuple[int, int] | None = None


def _face(name: str, style: str, frames: range, track: str, part: Part = WHOLE, crf: int = 20) -> Leak:
    def made(work: Work, path: Path) -> Path:
        return write(path, uncovered(work, style, frames, track, part), crf)

    return Leak(name, made, Kind.FACE, (frames[0], frames[-1]))


def _shift(name: str, frames: range, share: float) -> Leak:
    return Leak(
        name, lambda work, path: write(path, shifted(work, frames, "2", share)), Kind.FACE,
        (frames[0], frames[-1]),
    )  # fmt: skip


def _without_frame(work: Work, path: Path) -> Path:
    pictures = list(work.after["frost"])
    stamps = [i * 512 for i in range(FRAMES) if i != 30]
    return write(path, pictures[:30] + pictures[31:], stamps=stamps)


def _closed_up(work: Work, path: Path) -> Path:
    pictures = list(work.after["solid"])
    return write(path, pictures[:30] + pictures[31:])


def _repeated(work: Work, path: Path) -> Path:
    pictures = list(work.after["icon"])
    return write(path, [*pictures[:30], pictures[29], *pictures[31:]])


def _late(work: Work, path: Path) -> Path:
    return write(path, work.after["frost"], stamps=[i * 512 + (128 if i > 20 else 0) for i in range(FRAMES)])


def _smaller(work: Work, path: Path) -> Path:
    pictures = [np.asarray(cv2.resize(p, (480, 270)), np.uint8) for p in work.after["solid"]]
    return write(path, pictures)


def _with_cover(work: Work, path: Path) -> Path:
    """Copy the output and give it a cover picture out of the input."""
    with av.open(str(work.outputs["frost"])) as source, av.open(str(path), "w") as out:
        video = source.streams.video[0]
        kept = out.add_stream_from_template(video)
        cover: Any = out.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 640, 360, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        out.mux(cover.encode(av.VideoFrame.from_ndarray(work.before[40], "rgb24")))
        out.mux(cover.encode(None))
        for packet in source.demux(video):
            if packet.dts is not None:
                packet.stream = kept
                out.mux(packet)
    return path


def _with_second_video(work: Work, path: Path) -> Path:
    def further(out: Any) -> None:
        second = out.add_stream("mpeg4", rate=RATE)
        second.width, second.height, second.pix_fmt = 640, 360, "yuv420p"
        frame = av.VideoFrame.from_ndarray(work.before[40], "rgb24")
        out.mux(second.encode(frame))
        out.mux(second.encode(None))

    return write(path, work.after["frost"], further=further)


def _with_tags(work: Work, path: Path) -> Path:
    tags = {"title": "Interview with J. Doe", "location": "+52.3+004.9/"}
    return write(path, work.after["frost"], metadata=tags)


LEAKS = (
    _face("one bare frame in frost", "frost", range(30, 31), "2"),
    _face("one bare frame in icon", "icon", range(17, 18), "2"),
    _face("the first frame", "solid", range(1), "2"),
    _face("the last frame", "frost", range(FRAMES - 1, FRAMES), "3"),
    _face("one face among several", "mosaic", range(38, 46), "3"),
    _face("a face at the border", "frost", range(29, 31), "1"),
    _face("a second long", "blur", range(20, 45), "2"),
    _face("the left half", "solid", range(33, 36), "2", (-0.1, -0.1, 0.5, 1.1)),
    _face("the lower half", "frost", range(40, 42), "2", (-0.1, 0.5, 1.1, 1.1)),
    _face("the right third", "icon", range(50, 53), "3", (0.67, -0.1, 1.1, 1.1)),
    _face("a slit for the eyes", "solid", range(48, 50), "3", (-0.1, 0.25, 1.1, 0.55)),
    _face("a bare frame, badly compressed", "frost", range(35, 36), "2", crf=34),
    _shift("a mask beside the face", range(25, 30), 1.3),
    _shift("a mask half beside the face", range(44, 47), 0.8),
    Leak("a frame left out", _without_frame, Kind.FRAMES, (30, 30)),
    Leak("a frame left out and closed up", _closed_up, Kind.FRAMES),
    Leak("a frame repeated", _repeated, Kind.FRAMES, (30, 30)),
    Leak("frames late by 10 ms", _late, Kind.FRAMES, (21, FRAMES - 1)),
    Leak("a cover picture", _with_cover, Kind.LEFTOVER),
    Leak("a second video", _with_second_video, Kind.LEFTOVER),
)  # fmt: skip
FURTHER = (
    Leak("tags", _with_tags, Kind.LEFTOVER),
    Leak("a smaller picture", _smaller, Kind.SIZE),
)


def told(result: Verification) -> str:
    return "; ".join(str({k: v for k, v in f.as_dict().items() if v is not None}) for f in result.findings)


@pytest.mark.parametrize("leak", [*LEAKS, *FURTHER], ids=lambda leak: leak.name)
def test_a_planted_leak_is_found_where_it_is(work: Work, tmp_path: Path, leak: Leak) -> None:
    result = stream_guard.verify(leak.make(work, tmp_path / "out.mp4"), work.clip)
    found = [finding for finding in result.findings if finding.kind is leak.kind]
    assert found, told(result)
    assert not result.passed
    if leak.frames is not None:
        first, last = leak.frames
        spans = [(f.first_frame, f.last_frame) for f in found]
        near = [a is not None and b is not None and a <= last and first <= b for a, b in spans]
        assert any(near), told(result)


def test_there_are_twenty_leaks() -> None:
    assert len(LEAKS) == 20


# -- clean files ----------------------------------------------------------------------------------


def _clean(work: Work) -> Mapping[str, tuple[Path, Path]]:
    """Return ten outputs with their inputs: every style, three qualities, pictures too."""
    files = {style: (path, work.clip) for style, path in work.outputs.items()}
    for style, crf in (("frost", 34), ("mosaic", 30)):
        name = f"{style} at CRF {crf}"
        files[name] = write(work.folder / f"{style}{crf}.mp4", work.after[style], crf), work.clip
    for source, style in ((STREET, "frost"), (STREET, "mosaic"), (PORTRAIT, "blur")):
        out = work.folder / f"{style}-{source.name}"
        stream_guard.redact(source, out, style=style)
        files[out.name] = out, source
    return files


def test_clean_files_are_not_accused(work: Work) -> None:
    files = _clean(work)
    assert len(files) == 10
    results = {name: stream_guard.verify(*pair) for name, pair in files.items()}
    accused = {name: told(result) for name, result in results.items() if not result.passed}
    assert accused == {}
    assert all(result.faces >= 1 for result in results.values())
    assert all(result.frames_in == result.frames_out for result in results.values())


# -- pictures -------------------------------------------------------------------------------------


def test_a_face_left_bare_in_a_picture_is_found(tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    stream_guard.redact(STREET, out)
    before, after = (np.array(Image.open(path).convert("RGB")) for path in (STREET, out))
    box = Box(263, 130, 304, 176)
    rows, columns = slice(int(box.y0) - 5, int(box.y1) + 5), slice(int(box.x0) - 5, int(box.x1) + 5)
    after[rows, columns] = before[rows, columns]
    Image.fromarray(after).save(out)
    (finding,) = stream_guard.verify(out, STREET).findings
    assert finding.kind is Kind.FACE
    assert finding.box is not None
    assert finding.box.iou(box) > 0.4
    assert finding.figures["correlation"] > 0.9


def test_a_damaged_clip_is_told_of_and_proven_all_the_same(footage: Path, tmp_path: Path) -> None:
    """FFmpeg conceals damage with whatever frame it still holds, so two decodings show different moments."""
    clip, out = footage / "odd" / "corrupt_mdat.mp4", tmp_path / "out.mp4"
    report = stream_guard.redact(clip, out)
    assert any("59 frame(s) are damaged" in warning for warning in report.warnings)
    assert stream_guard.verify(out, clip).findings == ()
    bare = _pictures(out)
    bare[1] = _pictures(clip)[1]
    (finding,) = stream_guard.verify(write(tmp_path / "bare.mp4", bare), clip).findings
    assert (finding.kind, finding.first_frame, finding.last_frame) == (Kind.FACE, 1, 1)


def test_exif_in_a_picture_is_found(tmp_path: Path) -> None:
    out = tmp_path / "out.jpg"
    stream_guard.redact(PORTRAIT, out)
    picture = Image.open(out)
    exif = Image.Exif()
    exif[0x010E] = "in the garden"
    picture.save(out, exif=exif, quality=95)
    found = stream_guard.verify(out, PORTRAIT).findings
    assert [(f.kind, f.what) for f in found] == [(Kind.LEFTOVER, "EXIF data")]
