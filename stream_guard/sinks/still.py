"""A picture file as the destination of one redacted frame."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stream_guard.errors import OutputError, PipelineError
from stream_guard.model.frame import Passthrough
from stream_guard.model.media import Media
from stream_guard.model.picture import Component, Picture
from stream_guard.model.redacted import RedactedFrame
from stream_guard.sinks.publish import Draft

SUFFIXES = {
    ".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP", ".bmp": "BMP",
    ".tif": "TIFF", ".tiff": "TIFF", ".avif": "AVIF",
}  # fmt: skip
_ORDER = (Component.LUMA, Component.RED, Component.GREEN, Component.BLUE, Component.ALPHA)
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_QUALITY = 92


class StillFacts(Protocol):
    """What is read of a source's description of its picture."""

    icc: bytes | None
    quantization: dict[int, list[int]] | None
    subsampling: int
    lossless: bool


class StillSink:
    """Saves one picture, nothing but its pixels and their colour profile.

    `notes` says what is done differently from the source.
    """

    def __init__(self, path: Path, media: Media, *, overwrite: bool = False) -> None:
        """Check the target.

        Raises:
            OutputError: it cannot be written, or its extension is unknown.
        """
        self.notes: list[str] = []
        self._path = path
        self._facts: StillFacts = media.handle
        self._format = SUFFIXES.get(path.suffix.lower())
        if self._format is None:
            raise OutputError(
                f"{path}: {path.suffix!r} is not known for pictures; use one of {', '.join(SUFFIXES)}."
            )
        self._picture: Picture | None = None
        self._draft = Draft(path, media.path, overwrite)

    def write(self, item: RedactedFrame | Passthrough) -> None:
        if not isinstance(item, RedactedFrame) or self._picture is not None:
            raise PipelineError("a still picture is one redacted frame, no more")
        self._picture = item.picture

    def finish(self) -> None:
        """Save the picture, read it back, and give it its name.

        Raises:
            OutputError: it could not be saved, or what was saved cannot be read.
        """
        try:
            if self._picture is None:
                raise OutputError(f"{self._path} was not written: there was no picture.")
            data = self._encoded(_stacked(self._picture))
            self._verify(data, self._picture)
        except BaseException:
            self.abort()
            raise
        self._draft.publish_as(data)

    def abort(self) -> None:
        """Remove what was begun; harmless after `finish`."""
        self._draft.discard()

    def _encoded(self, pixels: NDArray[Any]) -> bytes:
        if pixels.dtype == np.uint16 and self._format in ("PNG", "TIFF"):
            return self._encoded_deep(pixels)
        if pixels.dtype == np.uint16:
            self.notes.append(f"16 bits a colour reduced to 8: {self._format} holds no more")
            pixels = (pixels >> 8).astype(np.uint8)
        if self._format in ("JPEG", "BMP") and pixels.shape[2] in (2, 4):
            if pixels[:, :, -1].min() < 255:
                self.notes.append(f"transparency laid on white: {self._format} holds none")
            pixels = _on_white(pixels)
        out = io.BytesIO()
        try:
            _image(pixels).save(out, self._format, **self._options())
        except (OSError, ValueError) as exc:
            raise OutputError(f"{self._path} cannot be coded as {self._format}: {exc}.") from exc
        return out.getvalue()

    def _options(self) -> dict[str, Any]:
        facts = self._facts
        options: dict[str, Any] = {"icc_profile": facts.icc} if facts.icc and self._format != "BMP" else {}
        if self._format == "JPEG":
            if facts.quantization:
                kept = {"qtables": facts.quantization}
                return options | kept | ({"subsampling": facts.subsampling} if facts.subsampling >= 0 else {})
            return options | {"quality": _QUALITY, "subsampling": 0}
        if self._format == "WEBP":
            return options | {"lossless": facts.lossless, "quality": _QUALITY}
        if self._format == "TIFF":
            return options | {"compression": "tiff_lzw"}
        return options | ({"quality": _QUALITY} if self._format == "AVIF" else {})

    def _encoded_deep(self, pixels: NDArray[Any]) -> bytes:
        """Code 16 bits with OpenCV, for Pillow cannot."""
        swap = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}.get(pixels.shape[2])
        if pixels.shape[2] == 2:
            pixels, swap = pixels[:, :, (0, 0, 0, 1)], cv2.COLOR_RGBA2BGRA
        bgr = pixels if swap is None else cv2.cvtColor(np.ascontiguousarray(pixels), swap)
        done, data = cv2.imencode(".png" if self._format == "PNG" else ".tif", bgr)
        if not done:
            raise OutputError(f"{self._path} cannot be coded as {self._format}.")
        if self._facts.icc and self._format == "PNG":
            return _with_profile(data.tobytes(), self._facts.icc)
        if self._facts.icc:
            self.notes.append("colour profile not kept in a TIFF of 16 bits")
        return data.tobytes()

    def _verify(self, data: bytes, picture: Picture) -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Pillow warns of size, which the source has judged
                with Image.open(io.BytesIO(data), formats=[self._format or ""]) as image:
                    image.load()
                    size = image.size
        except (OSError, ValueError, SyntaxError) as exc:
            raise OutputError(f"{self._path} was not written: it cannot be read back.") from exc
        if size != (picture.width, picture.height):
            raise OutputError(f"{self._path} was not written: it came out as {size[0]}x{size[1]} pixels.")


def _stacked(picture: Picture) -> NDArray[Any]:
    """Return (h, w, 1 to 4) from the picture's channels."""
    by_component = {c.component: c.samples for c in picture.channels}
    return np.stack([by_component[c] for c in _ORDER if c in by_component], axis=-1)


def _image(pixels: NDArray[Any]) -> Image.Image:
    height, width, count = pixels.shape
    return Image.frombytes(_MODES[count], (width, height), np.ascontiguousarray(pixels).tobytes())


def _on_white(pixels: NDArray[Any]) -> NDArray[Any]:
    color, alpha = pixels[:, :, :-1].astype(np.uint16), pixels[:, :, -1:].astype(np.uint16)
    return ((color * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def _with_profile(png: bytes, profile: bytes) -> bytes:
    """Return a PNG with an iCCP chunk right behind its header chunk (33 bytes with the signature)."""
    body = b"iCCP" + b"icc\0\0" + zlib.compress(profile)
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return png[:33] + chunk + png[33:]
