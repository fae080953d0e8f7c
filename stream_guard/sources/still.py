"""A still picture as a source of one frame."""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, JpegImagePlugin, UnidentifiedImageError

from stream_guard.errors import InputError
from stream_guard.model.frame import Item
from stream_guard.model.geometry import Orientation
from stream_guard.model.media import Media
from stream_guard.sources.array import frame_of
from stream_guard.sources.pyav import (
    display_matrix_of,
    open_container,
    orientation_of,
    refuse_bomb,
    require_file,
    translated,
)

MAX_STILL_PIXELS = 178_956_970
"""Largest still picture: where Pillow itself begins to refuse."""

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "AVIF", "GIF", "PPM", "JPEG2000")
_EXIF_ORIENTATION = 0x0112
_GPS = 0x8825
_TIFF_STRUCTURE = {*range(254, 260), 262, 266, *range(273, 285), 296, 317, *range(320, 326), 338, 339, 34675}
_ORIENTATIONS = {
    2: Orientation(0, True), 3: Orientation(2), 4: Orientation(2, True), 5: Orientation(1, True),
    6: Orientation(3), 7: Orientation(3, True), 8: Orientation(1),
}  # fmt: skip
_DROPPED_INFO = {
    "exif": "EXIF data", "xmp": "XMP data", "XML:com.adobe.xmp": "XMP data", "comment": "comment",
    "photoshop": "Photoshop data", "mp": "further pictures in the file",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class StillFacts:
    """What a sink needs to know to save a picture like this one; read by attribute."""

    format: str
    icc: bytes | None
    quantization: dict[int, list[int]] | None
    """JPEG's tables, where the sink may use them again."""
    subsampling: int
    """JPEG's: 0 is 4:4:4, 1 is 4:2:2, 2 is 4:2:0, -1 unknown."""
    lossless: bool


class StillSource:
    """Decodes one picture, upright; EXIF orientation is baked into the pixels.

    `warnings` says what could not be decoded.
    """

    def __init__(self, path: Path) -> None:
        """Open and decode the picture.

        Raises:
            InputError: it cannot be opened, is no picture, is too large, or moves.
        """
        self.warnings: list[str] = []
        require_file(path)
        data = _read(path)
        if data[4:8] == b"ftyp" and data[8:12] not in (b"avif", b"avis"):
            self._pixels, facts, dropped = _from_heif(path)
        else:
            self._pixels, facts, dropped = self._from_pillow(path, data)
        height, width = self._pixels.shape[:2]
        self.media = Media(
            name=str(path), path=path, container=facts.format.lower(), width=width, height=height, fps=0.0,
            frame_count=1, dropped=tuple(dropped), handle=facts,
        )  # fmt: skip

    def _from_pillow(self, path: Path, data: bytes) -> tuple[NDArray[Any], StillFacts, list[str]]:
        image = _opened(path, data)
        refuse_bomb(image.width, image.height, MAX_STILL_PIXELS, str(path))
        if image.format == "WEBP" and image.n_frames > 1:
            raise InputError(
                f"{path} is an animated WebP, which cannot be read; save it as GIF or MP4 first.",
                "codec_unknown",
            )
        facts = _facts(image, data)
        if _is_deep(image, data):
            pixels = _deep_pixels(path, data)
        else:
            image, pixels, whole = _loaded(image, path, data)
            if not whole:
                self.warnings.append("the picture is damaged or cut off: what could be decoded is kept")
        orientation = _ORIENTATIONS.get(_exif_orientation(image), Orientation())
        return np.array(orientation.upright(pixels), order="C"), facts, _dropped(image)

    def items(self) -> Iterator[Item]:
        """Yield the one frame."""
        yield frame_of(self._pixels)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (OSError, MemoryError) as exc:
        raise InputError(f"{path} cannot be read: {exc}.") from exc


def _opened(path: Path, data: bytes) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of size and odd EXIF; both are judged here
            return Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError as exc:
        limit = f"{MAX_STILL_PIXELS / 1e6:.0f} million pixels"
        raise InputError(
            f"{path} is larger than {limit}, which is refused as unsafe.", "too_many_pixels"
        ) from exc
    except UnidentifiedImageError as exc:
        raise InputError(
            f"{path} is not a picture of a kind that can be read ({', '.join(FORMATS)}).",
            "codec_unknown",
        ) from exc
    except (OSError, ValueError, SyntaxError, struct.error) as exc:
        raise InputError(f"{path} cannot be read as a picture: {exc}.") from exc


def _loaded(image: Any, path: Path, data: bytes) -> tuple[Any, NDArray[Any], bool]:
    """Return the picture, its pixels as (h, w, 1 to 4), and whether the file was complete."""
    try:
        return image, _array(image, path), True
    except MemoryError as exc:
        raise InputError(f"{path} needs more memory than there is.", "out_of_memory") from exc
    except (OSError, ValueError, SyntaxError, struct.error):
        before = ImageFile.LOAD_TRUNCATED_IMAGES
        ImageFile.LOAD_TRUNCATED_IMAGES = True
        try:
            image = _opened(path, data)
            return image, _array(image, path), False
        except (OSError, ValueError, SyntaxError, struct.error) as exc:
            raise InputError(f"{path} is a damaged picture: {exc}.") from exc
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = before


def _array(image: Any, path: Path) -> NDArray[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image.load()
    if image.mode == "F":
        raise InputError(
            f"{path} holds floating-point samples of unknown range; save it with 8 or 16 bits a sample first."
        )
    if image.mode.startswith("I"):  # grey of more than 8 bits
        pixels: NDArray[Any] = _sixteen_bits(np.asarray(image), path)
    else:
        pixels = np.asarray(image.convert(_mode(image)))
    return pixels if pixels.ndim == 3 else pixels[:, :, np.newaxis]


def _sixteen_bits(grey: NDArray[Any], path: Path) -> NDArray[np.uint16]:
    low, high = int(grey.min()), int(grey.max())
    if low < 0 or high > np.iinfo(np.uint16).max:
        raise InputError(f"{path} holds values from {low} to {high}; save it with 16 bits a sample first.")
    return grey.astype(np.uint16)


def _mode(image: Any) -> str:
    """Return the nearest mode that has its samples on their own."""
    if image.mode in ("L", "LA", "RGB", "RGBA"):
        return str(image.mode)
    if image.mode == "1":
        return "L"
    transparent = image.mode in ("PA", "La", "RGBa") or "transparency" in image.info
    return "RGBA" if transparent else "RGB"


def _is_deep(image: Any, data: bytes) -> bool:
    """Tell whether colours have 16 bits, which Pillow would cut to 8."""
    if image.format == "PNG":
        return len(data) > 24 and data[24] == 16
    if image.format == "TIFF":
        return image.mode in ("RGB", "RGBA") and 16 in image.tag_v2.get(258, ())
    return False


def _deep_pixels(path: Path, data: bytes) -> NDArray[Any]:
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as exc:
        raise InputError(f"{path} is a damaged picture.") from exc
    if pixels is None:
        raise InputError(f"{path} is a damaged picture.")
    if pixels.ndim == 2:
        return pixels[:, :, np.newaxis]
    swap = cv2.COLOR_BGRA2RGBA if pixels.shape[2] == 4 else cv2.COLOR_BGR2RGB
    return cv2.cvtColor(pixels, swap)


def _exif_orientation(image: Any) -> int:
    try:
        return int(image.getexif().get(_EXIF_ORIENTATION, 1))
    except (OSError, ValueError, TypeError, SyntaxError, struct.error):  # broken EXIF: shown as stored
        return 1


def _facts(image: Any, data: bytes) -> StillFacts:
    jpeg = image.format in ("JPEG", "MPO")
    lossless = b"VP8L" in data[: 1 << 16] if image.format == "WEBP" else not jpeg and image.format != "AVIF"
    reusable = jpeg and image.mode in ("L", "RGB")
    profile = image.info.get("icc_profile") if image.mode != "CMYK" else None  # it describes inks, not RGB
    return StillFacts(
        format="JPEG" if jpeg else str(image.format), icc=profile or None,
        quantization=dict(image.quantization) if reusable else None,
        subsampling=JpegImagePlugin.get_sampling(image) if jpeg else -1,
        lossless=lossless,
    )  # fmt: skip


def _dropped(image: Any) -> list[str]:
    phrases = [phrase for key, phrase in _DROPPED_INFO.items() if image.info.get(key)]
    try:
        exif = image.getexif()
        phrases += ["EXIF data"] if set(exif) - _TIFF_STRUCTURE and "EXIF data" not in phrases else []
        phrases += ["GPS position"] if _GPS in exif or exif.get_ifd(_GPS) else []
        phrases += [f"text: {key}" for key in getattr(image, "text", {}) or {}]
    except (OSError, ValueError, TypeError, SyntaxError, struct.error):
        phrases.append("unreadable EXIF data")
    pages = getattr(image, "n_frames", 1)
    phrases += [f"{pages - 1} further picture(s) in the file"] if pages > 1 else []
    phrases += ["CMYK colour profile"] if image.mode == "CMYK" and image.info.get("icc_profile") else []
    return phrases


def _from_heif(path: Path) -> tuple[NDArray[Any], StillFacts, list[str]]:
    """Decode a HEIC picture with PyAV, for Pillow cannot; one that is cut into tiles is refused."""
    with translated(str(path)), open_container(path) as container:
        sizes = [(s.codec_context.width, s.codec_context.height) for s in container.streams.video]
        if not sizes:
            raise InputError(f"{path} holds no picture that can be decoded.")
        best = max(range(len(sizes)), key=lambda i: sizes[i][0] * sizes[i][1])
        if sizes.count(sizes[best]) > 1:
            raise InputError(
                f"{path} is a HEIC picture made of tiles, which cannot be read; save it as JPEG first.",
                "codec_unknown",
            )
        refuse_bomb(*sizes[best], MAX_STILL_PIXELS, str(path))
        frame = next(container.decode(container.streams.video[best]), None)
        if frame is None:
            raise InputError(f"{path} holds no picture that can be decoded.")
        pixels = frame.to_ndarray(format="rgb24")
        orientation = orientation_of(display_matrix_of(frame))
    facts = StillFacts("HEIF", None, None, -1, lossless=False)
    return np.array(orientation.upright(pixels), order="C"), facts, ["all metadata", "colour profile"]
