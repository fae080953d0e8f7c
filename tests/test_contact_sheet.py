"""The contact sheet shows redacted pixels and an outline, and is published like any output."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from stream_guard.errors import OutputError
from stream_guard.model.frame import Frame, Stamp
from stream_guard.model.geometry import Box
from stream_guard.model.picture import Channel, Component, Picture
from stream_guard.model.place import Place, Reason
from stream_guard.model.redacted import RENDER_SEAL, RedactedFrame
from stream_guard.model.verdict import Cover, Origin, Region
from stream_guard.redact.render import MaskRedactor
from stream_guard.redact.styles import style_named
from stream_guard.sinks.contact_sheet import ContactSheet, photograph, sheet
from stream_guard.sources.array import ArraySource

HERE = Box(60, 40, 100, 90)
PLACE = Place(
    Reason.FAINT, 0.62, 3, 0.12, 9, 0.36, 7, 0.28, HERE, "not covered: seen twice, score 0.18 at most"
)
AMBER = (255, 176, 0)


def _scene(height: int = 240, width: int = 320) -> NDArray[np.uint8]:
    y, x = np.mgrid[0:height, 0:width]
    red, green, blue = 40 + 150 * x / width, 60 + 120 * y / height, np.full_like(x, 90)
    return np.stack([red, green, blue], -1).astype(np.uint8)


def _as_planes(rgb: NDArray[np.uint8], *, bits: int, shift: int, full_range: bool) -> Picture:
    """Return a 4:2:0 picture, by the textbook formula of ITU-R BT.709."""
    red, green, blue = (rgb[..., i].astype(float) for i in range(3))
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    chroma = [(blue - luma) / 1.8556, (red - luma) / 1.5748]
    gains = (1, 1, 0) if full_range else (219 / 255, 224 / 255, 16)
    planes = [gains[2] + gains[0] * luma, *(128 + gains[1] * c[::2, ::2] for c in chroma)]
    kind, unit = (np.uint16 if bits > 8 else np.uint8), 1 << (bits - 8)
    channels = tuple(
        Channel(component, np.left_shift((plane * unit).round().astype(kind), shift), step, step, bits, shift)
        for component, plane, step in zip(
            (Component.LUMA, Component.CB, Component.CR), planes, (1, 2, 2), strict=True
        )
    )
    return Picture(rgb.shape[1], rgb.shape[0], lambda: channels, full_range)


def _redacted(picture: Picture) -> RedactedFrame:
    return RedactedFrame(RENDER_SEAL, picture, Cover(Stamp(0, 7, 0.28)))


@pytest.mark.parametrize(
    ("bits", "shift", "full_range"), [(8, 0, False), (8, 0, True), (10, 0, False), (10, 6, False)]
)
def test_every_layout_is_shown_in_its_colours(bits: int, shift: int, full_range: bool) -> None:
    rgb = _scene()
    picture = _as_planes(rgb, bits=bits, shift=shift, full_range=full_range)
    shown = photograph(_redacted(picture), None)
    assert shown.shape == (240, 320, 3)
    assert np.abs(shown.astype(int) - rgb).max() <= 6  # chroma is smoothed


def test_grey_and_rgb_pictures_are_shown() -> None:
    rgb = _scene()
    grey = Picture(320, 240, lambda: (Channel(Component.LUMA, rgb[..., 0]),), full_range=True)
    assert np.array_equal(photograph(_redacted(grey), None)[..., 2], rgb[..., 0])
    parts = (Component.RED, Component.GREEN, Component.BLUE)
    packed = Picture(
        320, 240, lambda: tuple(Channel(c, rgb[..., i]) for i, c in enumerate(parts)), full_range=True
    )
    assert np.array_equal(photograph(_redacted(packed), None), rgb)


def test_the_outline_is_where_the_place_is() -> None:
    pixels = np.full((720, 1280, 3), 90, np.uint8)
    pixels[300:340, 600:630] = (10, 200, 10)
    picture = _as_planes(pixels, bits=8, shift=0, full_range=True)
    shown = photograph(_redacted(picture), Box(600, 300, 630, 340))
    amber = np.argwhere(np.abs(shown.astype(int) - AMBER).max(-1) < 8)
    green = np.argwhere((shown[..., 1] > 150) & (shown[..., 0] < 80))
    assert len(amber) > 100
    assert (amber.min(0) < green.min(0) + 1).all()
    assert (amber.max(0) > green.max(0) - 1).all()
    assert (np.abs(amber.min(0) - green.min(0)) < 8).all()
    assert (np.abs(amber.max(0) - green.max(0)) < 8).all()


@pytest.mark.parametrize("size", [(16, 16), (4, 900), (900, 4), (33, 47)])
@pytest.mark.parametrize("box", [Box(-40, -40, 5, 5), Box(2, 2, 3, 3), Box(-1e4, -1e4, 1e4, 1e4), None])
def test_odd_sizes_and_boxes_at_the_border_are_shown(size: tuple[int, int], box: Box | None) -> None:
    picture = _as_planes(_scene(size[1] // 2 * 2, size[0] // 2 * 2), bits=8, shift=0, full_range=False)
    assert photograph(_redacted(picture), box).shape == (240, 320, 3)


def test_only_redacted_pixels_are_shown() -> None:
    pixels = np.full((240, 320, 3), 200, np.uint8)
    pixels[40:90, 60:100] = (250, 0, 250)  # the face
    (frame,) = (item for item in ArraySource(pixels).items() if isinstance(item, Frame))
    cover = Cover(frame.stamp, (Region(1, HERE, Origin.DETECTED, 0.9),))
    rendered = MaskRedactor(style_named("solid"), key=b"k" * 32).render(frame, cover)
    shown = photograph(rendered, HERE)
    assert not ((shown[..., 0] > 150) & (shown[..., 1] < 80) & (shown[..., 2] > 150)).any()


def _cell(colour: int) -> NDArray[np.uint8]:
    return np.full((240, 320, 3), colour, np.uint8)


def test_the_sheet_has_a_cell_for_each_picture() -> None:
    told = [replace(PLACE, picture=_cell(10 + n)) for n in range(5)] + [PLACE]
    page = np.asarray(sheet(told, "in.mp4"))
    shown = {int(v) for v in np.unique(page) if np.mean((page == v).all(-1)) > 0.02}
    assert shown >= {10, 11, 12, 13, 14}
    assert page.shape[1] == 16 + 4 * (320 + 16)


def test_text_stays_inside_its_cell() -> None:
    told = [replace(PLACE, picture=_cell(10), says="wörter " * 60, time_s=360000.0, frame=10**9)]
    page = np.asarray(sheet(told, "n" * 500).convert("L"))
    assert (page[:, -8:] > 240).all()
    assert (page[-10:] > 240).all()


def test_a_long_line_goes_on_below() -> None:
    def inked(says: str) -> int:
        page = np.asarray(sheet([replace(PLACE, picture=_cell(255), says=says)], "").convert("L"))
        return int((page[64 + 240 + 46 :, :320] < 200).sum())

    assert inked("word " * 20) > 50
    assert inked("word") == 0


def test_an_empty_sheet_says_so(tmp_path: Path) -> None:
    path = tmp_path / "sheet.png"
    ContactSheet(path, tmp_path / "in.mp4", overwrite=False).finish((), "in.mp4")
    with Image.open(path) as image:
        assert image.size[0] > 300


@pytest.mark.parametrize(("name", "format_"), [("sheet.png", "PNG"), ("sheet.jpg", "JPEG")])
def test_it_is_published_when_complete(tmp_path: Path, name: str, format_: str) -> None:
    making = ContactSheet(tmp_path / name, tmp_path / "in.mp4", overwrite=False)
    (hidden,) = tmp_path.iterdir()
    assert hidden.name.startswith(".")
    assert hidden.stat().st_mode & 0o777 == 0o600
    making.finish([replace(PLACE, picture=_cell(10))], "in.mp4")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    with Image.open(tmp_path / name) as image:
        assert image.format == format_
        assert not image.info.get("exif")


def test_given_up_it_leaves_nothing(tmp_path: Path) -> None:
    ContactSheet(tmp_path / "sheet.png", tmp_path / "in.mp4", overwrite=False).abort()
    assert list(tmp_path.iterdir()) == []


def test_other_kinds_of_picture_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"sheet\.gif: a contact sheet is"):
        ContactSheet(tmp_path / "sheet.gif", tmp_path / "in.mp4", overwrite=False)
