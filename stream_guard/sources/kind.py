"""Tells still pictures from video by their content, whatever their names say."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from stream_guard.sources.pyav import chosen_video, open_container, require_file, translated

_STILL = (
    b"\xff\xd8\xff", b"BM", b"II*\0", b"MM\0*", b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51",
    b"P1", b"P2", b"P3", b"P4", b"P5", b"P6",
)  # fmt: skip
_PNG = b"\x89PNG\r\n\x1a\n"
_STILL_BRANDS = {b"avif", b"heic", b"heix", b"heim", b"heis", b"mif1"}
_GIF_HEAD = 13
_MAX_BLOCKS = 2  # one picture is one, a second makes it move


def sniff(path: Path) -> Literal["still", "video"]:
    """Return what a file is.

    Raises:
        InputError: it is missing, a folder, empty, unreadable, or neither picture nor video.
    """
    require_file(path)
    with translated(str(path)), path.open("rb") as file:
        head = file.read(64)
        if head.startswith(_PNG):
            return "video" if b"acTL" in head + file.read(1 << 16) else "still"
        if head.startswith((b"GIF87a", b"GIF89a")):
            return "video" if _gif_pictures(head + file.read()) >= _MAX_BLOCKS else "still"
    if _is_still(head):
        return "still"
    with open_container(path) as container:
        chosen_video(container, str(path))
    return "video"


def _is_still(head: bytes) -> bool:
    if head.startswith(_STILL):
        return True
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return True
    return head[4:8] == b"ftyp" and head[8:12] in _STILL_BRANDS


def _gif_pictures(data: bytes) -> int:
    """Count a GIF's pictures by walking its blocks, up to `_MAX_BLOCKS`; nothing is decoded."""
    if len(data) < _GIF_HEAD:
        return 0
    position = _GIF_HEAD + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
    found = 0
    while position < len(data) and found < _MAX_BLOCKS:
        if data[position] == 0x2C:
            found += 1
            flags = data[position + 9 : position + 10] or b"\0"
            position += 11 + (3 << (flags[0] & 7) + 1 if flags[0] & 0x80 else 0)
        elif data[position] == 0x21:
            position += 2
        else:
            break
        while position < len(data) and data[position]:
            position += data[position] + 1
        position += 1
    return found
