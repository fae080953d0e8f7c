"""A picture of the places to look at, made of redacted pixels and an outline."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from stream_guard.errors import OutputError
from stream_guard.model.clock import timecode
from stream_guard.model.geometry import Box
from stream_guard.model.picture import Picture
from stream_guard.model.place import Place
from stream_guard.model.redacted import RedactedFrame
from stream_guard.sinks.publish import Draft
from stream_guard.sinks.snapshot import rgb

SUFFIXES: Final = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}
_WIDTH, _HEIGHT = 320, 240
"""Of one cell's picture."""
_COLUMNS: Final = 4
_GAP: Final = 16
_TEXT: Final = 56
"""Height of the lines under a picture."""
_HEAD: Final = 64
_CONTEXT: Final = 2.5
"""Sides of what a cell shows, in sides of the box: enough to find the place, and the face in it."""
_LEAST_PX: Final = 96
"""A cell shows so many rows of the frame at least."""
_ALIGN: Final = 4
"""Of the part that is shown, so that it begins on a sample of every plane."""
_PAPER, _INK, _FAINT_INK, _MAT = (250, 250, 248), (28, 28, 30), (110, 110, 115), (32, 32, 32)
_OUTLINE, _SHADOW = (255, 176, 0), (0, 0, 0)

Thumbnail = NDArray[np.uint8]


def photograph(frame: RedactedFrame, box: Box | None) -> Thumbnail:
    """Return a part of a redacted frame as it goes out, RGB, with an outline where the box lies."""
    picture = frame.picture
    everything = Box(0, 0, picture.width, picture.height)
    part = everything if box is None else _part(box, picture)
    scale = min(_WIDTH / part.w, _HEIGHT / part.h)
    width, height = max(1, round(part.w * scale)), max(1, round(part.h * scale))
    cell = np.full((_HEIGHT, _WIDTH, 3), _MAT, np.uint8)
    x, y = (_WIDTH - width) // 2, (_HEIGHT - height) // 2
    cell[y : y + height, x : x + width] = rgb(picture, part, (width, height))
    if box is not None:
        _outline(cell, box.moved(-part.x0, -part.y0).scaled(scale, scale).moved(x, y))
    return cell


class ContactSheet:
    """The sheet in the making; a hidden temporary file until `finish`."""

    def __init__(self, path: Path, source: Path, *, overwrite: bool) -> None:
        """Check the target.

        Raises:
            OutputError: it cannot be written, or its extension is unknown.
        """
        self._path = path
        self._format = SUFFIXES.get(path.suffix.lower())
        if self._format is None:
            raise OutputError(
                f"{path}: a contact sheet is one of {', '.join(SUFFIXES)}; choose another name."
            )
        self._draft = Draft(path, source, overwrite)

    def finish(self, places: Sequence[Place], name: str) -> None:
        """Draw the places that have a picture, and publish.

        Raises:
            OutputError: it could not be written; nothing is left under the final name.
        """
        data = io.BytesIO()
        sheet(places, name).save(data, self._format, **({"quality": 90} if self._format == "JPEG" else {}))
        self._draft.publish_as(data.getvalue())

    def abort(self) -> None:
        """Remove what was begun; harmless after `finish`."""
        self._draft.discard()


def sheet(places: Sequence[Place], name: str) -> Image.Image:
    """Return the places with a picture, in their order, under a line that says how many there are in all."""
    shown = [place for place in places if place.picture is not None]
    columns = min(_COLUMNS, max(3, len(shown)))
    rows = -(-len(shown) // columns)
    width = _GAP + columns * (_WIDTH + _GAP)
    page = Image.new("RGB", (width, _HEAD + rows * (_HEIGHT + _TEXT + _GAP) + _GAP), _PAPER)
    draw = ImageDraw.Draw(page)
    _write(draw, (_GAP, 12), name, 20, _INK, width - 2 * _GAP)
    _write(draw, (_GAP, 38), _heading(places, shown), 14, _FAINT_INK, width - 2 * _GAP)
    for number, place in enumerate(shown):
        x = _GAP + number % columns * (_WIDTH + _GAP)
        y = _HEAD + number // columns * (_HEIGHT + _TEXT + _GAP)
        page.paste(Image.fromarray(place.picture), (x, y))
        when = f"{timecode(place.time_s)} · frame {place.frame}"
        _write(draw, (x, y + _HEIGHT + 6), when, 16, _INK, _WIDTH - 90)
        draw.text(
            (x + _WIDTH, y + _HEIGHT + 6), f"risk {place.risk:.2f}", _INK, ImageFont.load_default(16), "ra"
        )
        _write(draw, (x, y + _HEIGHT + 29), place.says, 13, _FAINT_INK, _WIDTH, lines=2)
    return page


def _heading(places: Sequence[Place], shown: Sequence[Place]) -> str:
    if not places:
        return "no place to look at"
    what = "1 place" if len(places) == 1 else f"{len(places)} places"
    part = "" if len(shown) == len(places) else f", the {len(shown)} riskiest shown"
    return f"{what} to look at{part}; pixels as in the redacted output, the outline marks the place"


def _write(
    draw: ImageDraw.ImageDraw,
    at: tuple[int, int],
    text: str,
    size: int,
    ink: tuple[int, int, int],
    width: int,
    lines: int = 1,
) -> None:
    """Write a text in at most so many lines of a width, the last one cut short if it must be."""
    font = ImageFont.load_default(size)
    words, done = text.split(), [""]
    for word in words:
        longer = f"{done[-1]} {word}".strip()
        if done[-1] and len(done) < lines and draw.textlength(longer, font) > width:
            done.append(word)
        else:
            done[-1] = longer
    while len(done[-1]) > 1 and draw.textlength(done[-1], font) > width:
        done[-1] = f"{done[-1].rstrip('…')[:-1]}…"
    draw.text(at, "\n".join(done), ink, font, spacing=3)


def _part(box: Box, picture: Picture) -> Box:
    """Return the part of a picture to show, in a cell's shape where there is room, in whole pixels."""
    height = max(box.h * _CONTEXT, box.w * _CONTEXT * _HEIGHT / _WIDTH, _LEAST_PX)
    w = min(float(picture.width), height * _WIDTH / _HEIGHT)
    h = min(float(picture.height), height)
    x0 = min(max(0.0, box.cx - w / 2), picture.width - w) // _ALIGN * _ALIGN
    y0 = min(max(0.0, box.cy - h / 2), picture.height - h) // _ALIGN * _ALIGN
    return Box(x0, y0, x0 + max(1.0, w // 1), y0 + max(1.0, h // 1))


def _outline(cell: Thumbnail, box: Box) -> None:
    corners = (round(box.x0) - 2, round(box.y0) - 2), (round(box.x1) + 1, round(box.y1) + 1)
    cv2.rectangle(cell, *corners, _SHADOW, 4, cv2.LINE_AA)
    cv2.rectangle(cell, *corners, _OUTLINE, 2, cv2.LINE_AA)
