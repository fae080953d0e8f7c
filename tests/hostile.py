"""Files that mean harm: bombs, files that name other files, and files that are two things at once."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from fractions import Fraction
from pathlib import Path

import av
from PIL import Image

from tests.media import Clip, make, scene

HUGE = 60_000
YEAR_MS = 365 * 24 * 3600 * 1000
PAYLOAD = b"<script>alert('canary-payload')</script>"


def picture(kind: str = "JPEG", size: tuple[int, int] = (64, 48), **options: object) -> bytes:
    """Return a small honest picture."""
    out = io.BytesIO()
    Image.fromarray(scene(*size)).save(out, kind, **options)
    return out.getvalue()


def plain(colour: tuple[int, int, int], kind: str = "PNG") -> bytes:
    """Return a picture of one colour, which would be known again anywhere."""
    out = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(out, kind, quality=95)
    return out.getvalue()


# -- pixels -------------------------------------------------------------------------------------------


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a chunk of PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *further: bytes, grey_bits: int = 1) -> bytes:
    """Return a PNG whose rows are all zeros, packed a thousandfold."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, grey_bits, 0, 0, 0, 0))
    return b"".join(
        [b"\x89PNG\r\n\x1a\n", head, *further, chunk(b"IDAT", _zeros(width, height)), chunk(b"IEND", b"")]
    )


def _zeros(width: int, height: int) -> bytes:
    packer, row = zlib.compressobj(1), bytes(1 + width // 8 + 1)
    return b"".join(packer.compress(row) for _ in range(height)) + packer.flush()


def swollen_text(megabytes: int) -> bytes:
    """Return a chunk of PNG with text that unpacks to so much."""
    return chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(megabytes << 20), 9))


def swollen_profile(megabytes: int) -> bytes:
    return chunk(b"iCCP", b"profile\0\0" + zlib.compress(bytes(megabytes << 20), 9))


def gif(width: int = 65_535, height: int = 65_535) -> bytes:
    """Return a GIF of one pixel that says that it is huge."""
    whole = picture("GIF", (1, 1))
    return whole[:6] + struct.pack("<HH", width, height) + whole[10:]


def webp() -> bytes:
    """Return a WebP whose canvas is as large as the format goes."""
    canvas = struct.pack("<I", 0x10)[:4] + (16_383).to_bytes(3, "little") * 2
    body = b"WEBPVP8X" + struct.pack("<I", 10) + canvas + picture("WEBP", (16, 16))[12:]
    return b"RIFF" + struct.pack("<I", len(body)) + body


def bmp() -> bytes:
    whole = picture("BMP", (16, 16))
    return whole[:18] + struct.pack("<ii", HUGE, HUGE) + whole[26:]


def jpeg() -> bytes:
    whole = picture("JPEG", (16, 16))
    start = whole.index(b"\xff\xc0") + 5
    return whole[:start] + struct.pack(">HH", 65_500, 65_500) + whole[start + 4 :]


def ppm() -> bytes:
    return b"P6 60000 60000 255\n" + bytes(300)


def tiff() -> bytes:
    entries = (
        (256, HUGE),
        (257, HUGE),
        (258, 8),
        (259, 1),
        (262, 1),
        (273, 8),
        (277, 1),
        (278, HUGE),
        (279, 8),
    )
    table = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + table + bytes(4)


def jpeg2000() -> bytes:
    boxes = picture("JPEG2000", (64, 64))
    whole = boxes[boxes.index(b"\xff\x4f\xff\x51") :]
    start = 8
    sizes = struct.pack(">IIIIIIII", HUGE, HUGE, 0, 0, HUGE, HUGE, 0, 0)
    return whole[:start] + sizes + whole[start + len(sizes) :]


def flickering_gif(frames: int = 20_000) -> bytes:
    """Return a GIF of a few bytes a frame, each of which has four million pixels."""
    side = 2000
    head = b"GIF89a" + struct.pack("<HHBBB", side, side, 0x80, 0, 0) + bytes(6)
    frame = b"!\xf9\x04\0\x01\0\0\0" + b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02L\x01\0"
    return head + frame * frames + b";"


# -- video --------------------------------------------------------------------------------------------


def y4m(width: int = HUGE, height: int = HUGE) -> bytes:
    """Return raw video with a head that lies."""
    return f"YUV4MPEG2 W{width} H{height} F25:1 C420jpeg\nFRAME\n".encode() + bytes(4096)


def everlasting(folder: Path) -> bytes:
    """Return a video of two frames, ten years apart."""
    return make(folder / "years.mkv", Clip(stamps=[0, 10 * YEAR_MS])).read_bytes()


def boastful(folder: Path) -> bytes:
    """Return a video of eight frames whose head says that it lasts for years."""
    whole = make(folder / "boast.mkv", Clip()).read_bytes()
    start = whole.index(b"\x44\x89\x88") + 3
    return whole[:start] + struct.pack(">d", 10.0 * YEAR_MS) + whole[start + 8 :]


def growing(folder: Path) -> bytes:
    """Return a video that begins small and becomes too large for anything."""
    small = make(folder / "small.ts", Clip(frames=5)).read_bytes()
    large = make(
        folder / "large.ts", Clip(4096, 4096, frames=2, options={"preset": "ultrafast"})
    ).read_bytes()
    return small + large


def zip_bomb(megabytes: int = 200) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("a.mp4", bytes(megabytes << 20))
    return out.getvalue()


# -- files that name others ---------------------------------------------------------------------------


def playlists(address: str, neighbour: Path) -> dict[str, bytes]:
    """Return lists that name an address and a neighbouring file, in all the ways that FFmpeg knows."""
    there, port = f"file://{neighbour}", address.rpartition(":")[2]
    texts = {
        "ffconcat": f"ffconcat version 1.0\nfile '{neighbour}'\nfile '{address}/a.mp4'\n",
        "ffconcat by name": f"ffconcat version 1.0\nfile {neighbour.name}\nfile ../{neighbour.name}\n",
        "m3u8": f"#EXTM3U\n#EXTINF:1,\n{there}\n#EXTINF:1,\n{address}/a.ts\n#EXT-X-ENDLIST\n",
        "m3u8 with a key": f'#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="{address}/k"\n#EXTINF:1,\n{there}\n',
        "m3u8 with a map": f'#EXTM3U\n#EXT-X-MAP:URI="{there}"\n#EXTINF:1,\n{address}/a.mp4\n',
        "m3u8 of playlists": f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{address}/more.m3u8\n",
        "m3u8 by concat": f"#EXTM3U\n#EXTINF:1,\nconcat:{address}/a|{there}\n#EXT-X-ENDLIST\n",
        "sdp": f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video {port} RTP/AVP 96\n"
        "a=rtpmap:96 H264/90000\n",
        "dash": '<?xml version="1.0"?><MPD type="static" mediaPresentationDuration="PT1S"><Period>'
        f'<AdaptationSet><Representation id="1" bandwidth="1"><BaseURL>{address}/a.mp4</BaseURL>'
        "</Representation></AdaptationSet></Period></MPD>",
        "svg": '<svg xmlns="http://www.w3.org/2000/svg" xmlns:x="http://www.w3.org/1999/xlink" width="9" '
        f'height="9"><image x:href="{address}/a.png" width="9" height="9"/>'
        f'<image x:href="{there}" width="9" height="9"/><script>alert(1)</script></svg>',
        "html": f'<!doctype html><img src="{address}/a.png"><iframe src="{there}"></iframe>',
        "xml that reads files": f'<!DOCTYPE x [<!ENTITY e SYSTEM "{there}">]><svg>&e;</svg>',
        "smil": f'<smil><body><video src="{address}/a.mp4"/></body></smil>',
        "asx": f'<ASX version="3.0"><ENTRY><REF HREF="{address}/a.wmv"/></ENTRY></ASX>',
        "ram": f"{address}/a.rm\n",
        "shortcut": f"[InternetShortcut]\nURL={address}/\n",
        "imf": '<?xml version="1.0"?><CompositionPlaylist><Id>urn:uuid:1</Id></CompositionPlaylist>',
        "drawing": f"push graphic-context\nimage over 0,0 0,0 '{address}/a.png'\npop graphic-context\n",
        "rtsp redirection": f"RTSPtext\nrtsp://127.0.0.1:{port}/a\n",
        "vapoursynth": f"import os; os.system('touch {neighbour}.run')\n",
    }
    return {name: text.encode() for name, text in texts.items()}


def film_elsewhere(folder: Path, neighbour: Path) -> bytes:
    """Return a MOV whose frames are said to be in another file (a data reference)."""
    whole = make(folder / "own.mov", Clip()).read_bytes()
    own = struct.pack(">I4sI", 12, b"url ", 1)
    at = whole.index(own)
    address = f"file://{neighbour}".encode() + b"\0"
    other = struct.pack(">I4sI", 12 + len(address), b"url ", 0) + address
    grown = bytearray(whole[:at] + other + whole[at + len(own) :])
    for name in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        place = grown.index(name) - 4
        size = struct.unpack(">I", grown[place : place + 4])[0]
        grown[place : place + 4] = struct.pack(">I", size + len(other) - len(own))
    return bytes(grown)


# -- two things at once -------------------------------------------------------------------------------


def polyglots(folder: Path) -> dict[str, tuple[bytes, str, str]]:
    """Return files that are media and something else too, their names, and the types of their results."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("index.html", PAYLOAD)
    jpeg_, gif_, png_ = picture("JPEG"), picture("GIF"), picture("PNG")
    film = make(folder / "film.mp4", Clip()).read_bytes()
    free = struct.pack(">I4s", 8 + len(PAYLOAD), b"free") + PAYLOAD
    text = chunk(b"tEXt", b"Comment\0" + PAYLOAD)
    commented = jpeg_[:2] + b"\xff\xfe" + struct.pack(">H", 2 + len(PAYLOAD)) + PAYLOAD + jpeg_[2:]
    pdf = b"%PDF-1.4\n1 0 obj<</JS(" + PAYLOAD + b")>>endobj\n"
    tagged = jpeg_[:2] + b"\xff\xfe" + struct.pack(">H", 2 + len(pdf)) + pdf + jpeg_[2:]
    return {
        "JPEG and zip": (jpeg_ + archive.getvalue(), "a.jpg", "image/jpeg"),
        "GIF and jar": (gif_ + archive.getvalue(), "a.png", "image/png"),
        "PNG and HTML": (png_ + PAYLOAD, "a.png", "image/png"),
        "PNG with HTML inside": (png_[:33] + text + png_[33:], "a.png", "image/png"),
        "JPEG with HTML inside": (commented, "a.jpg", "image/jpeg"),
        "JPEG and PDF": (tagged, "a.jpg", "image/jpeg"),
        "JPEG with a script in its EXIF": (picture("JPEG", exif=_script()), "a.jpg", "image/jpeg"),
        "MP4 and HTML": (film + free, "a.mp4", "video/mp4"),
        "MP4 and zip": (film + archive.getvalue(), "a.mp4", "video/mp4"),
        "MKV with HTML in its title": (_titled(folder), "a.mkv", "video/mp4"),
    }


def _script() -> Image.Exif:
    exif = Image.Exif()
    exif[0x010E] = exif[0x013B] = PAYLOAD.decode()
    return exif


def _titled(folder: Path) -> bytes:
    def further(out: av.container.OutputContainer) -> None:
        out.add_attachment("page.html", "text/html", PAYLOAD)
        out.set_chapters(
            [
                {
                    "id": 1, "start": 0, "end": 100, "time_base": Fraction(1, 1000),
                    "metadata": {"title": PAYLOAD.decode()},
                }
            ]
        )  # fmt: skip

    return make(folder / "t.mkv", Clip(metadata={"title": PAYLOAD.decode()}, further=further)).read_bytes()
