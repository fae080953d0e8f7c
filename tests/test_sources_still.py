"""Pictures in and out: the same pixels upright, the colour profile, and no other word about anyone."""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from stream_guard.errors import InputError, OutputError, PipelineError
from stream_guard.model.frame import Frame
from stream_guard.model.geometry import Box
from stream_guard.sinks.still import SUFFIXES, StillSink
from stream_guard.sources.kind import sniff
from stream_guard.sources.still import StillSource
from tests.media import displayed, run, scene

TURNS = {
    1: (1, 0, 0, 1), 2: (-1, 0, 0, 1), 3: (-1, 0, 0, -1), 4: (1, 0, 0, -1), 5: (0, 1, 1, 0), 6: (0, 1, -1, 0),
    7: (0, -1, -1, 0), 8: (0, -1, 1, 0),
}  # fmt: skip
"""EXIF orientation to a, b, c, d of x' = a x + c y, y' = b x + d y."""
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
LOSSLESS = [".png", ".bmp", ".tif"]


def picture(mode: str = "RGB", width: int = 64, height: int = 48) -> Image.Image:
    image = Image.fromarray(scene(width, height))
    if "A" in mode:
        image.putalpha(Image.linear_gradient("L").resize((width, height)))
    return image.convert(mode)


def passed(source: Path, target: Path, box: Box | None = None) -> StillSink:
    origin = StillSource(source)
    sink = StillSink(target, origin.media)
    run(origin, sink, box)
    return sink


def pixels(path: Path) -> Any:
    with Image.open(path) as image:
        return np.asarray(image).astype(int)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA"])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_pixels_are_kept(tmp_path: Path, mode: str, suffix: str) -> None:
    picture(mode).save(tmp_path / "a.png")
    sink = passed(tmp_path / "a.png", tmp_path / f"b{suffix}")
    expected = picture(mode)
    if suffix in (".jpg", ".jpeg", ".bmp") and "A" in mode:
        assert sink.notes == [f"transparency laid on white: {SUFFIXES[suffix]} holds none"]
        white = Image.new("RGBA", expected.size, "white")
        expected = Image.alpha_composite(white, expected.convert("RGBA")).convert("RGB")
    with Image.open(tmp_path / f"b{suffix}") as image:
        got = np.asarray(image.convert(expected.mode)).astype(int)
    difference = np.abs(got - np.asarray(expected))
    assert difference.mean() < 3
    if suffix in LOSSLESS and "A" not in mode:
        assert not difference.any()


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_exif_orientation_is_baked_in(tmp_path: Path, orientation: int, suffix: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture().save(tmp_path / f"a{suffix}", exif=exif, quality=95)
    passed(tmp_path / f"a{suffix}", tmp_path / f"b{suffix}")
    expected = displayed(scene(64, 48), TURNS[orientation])
    got = pixels(tmp_path / f"b{suffix}")
    assert got.shape == expected.shape
    assert np.abs(got - expected).mean() < 4
    with Image.open(tmp_path / f"b{suffix}") as image:
        assert not image.getexif()


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_painting_changes_the_box_and_nothing_else(tmp_path: Path, suffix: str) -> None:
    picture().save(tmp_path / f"a{suffix}")
    passed(tmp_path / f"a{suffix}", tmp_path / f"b{suffix}", Box(8, 4, 20, 16))
    got = pixels(tmp_path / f"b{suffix}")
    assert (got[4:16, 8:20] == 0).all()
    expected = scene(64, 48)
    expected[4:16, 8:20] = 0
    assert (got == expected).all()


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".avif"])
def test_metadata_is_dropped_and_named_the_profile_kept(tmp_path: Path, suffix: str) -> None:
    exif = Image.Exif()
    exif[0x010E] = "CANARY-DESCRIPTION"
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 8.0, 0.0), 3: "E", 4: (11.0, 34.0, 0.0)})
    text = PngImagePlugin.PngInfo()
    text.add_text("Author", "CANARY-AUTHOR")
    options: dict[str, Any] = {"pnginfo": text} if suffix == ".png" else {}
    if suffix == ".jpg":
        options = {"comment": b"CANARY-COMMENT", "xmp": b"<x>CANARY-XMP</x>"}
    picture().save(tmp_path / f"a{suffix}", exif=exif, icc_profile=PROFILE, **options)
    assert b"CANARY" in (tmp_path / f"a{suffix}").read_bytes()
    origin = StillSource(tmp_path / f"a{suffix}")
    run(origin, StillSink(tmp_path / f"b{suffix}", origin.media))
    assert b"CANARY" not in (tmp_path / f"b{suffix}").read_bytes()
    assert "EXIF data" in origin.media.dropped
    assert ("GPS position" in origin.media.dropped) is (suffix != ".tif")  # Pillow writes no GPS to TIFF
    assert not any("CANARY" in phrase for phrase in origin.media.dropped)
    with Image.open(tmp_path / f"b{suffix}") as image:
        assert image.info["icc_profile"] == PROFILE
        assert not image.getexif().get_ifd(0x8825)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(("source", "target"), [(".png", ".png"), (".tif", ".tif"), (".png", ".jpg")])
def test_sixteen_bits(tmp_path: Path, channels: int, source: str, target: str) -> None:
    deep = np.random.default_rng(1).integers(0, 65536, (48, 64, channels), np.uint16)
    cv2.imwrite(str(tmp_path / f"a{source}"), deep)
    sink = passed(tmp_path / f"a{source}", tmp_path / f"b{target}")
    got = cv2.imread(str(tmp_path / f"b{target}"), cv2.IMREAD_UNCHANGED)
    assert got is not None
    if target == ".jpg":
        assert "16 bits a colour reduced to 8: JPEG holds no more" in sink.notes
    else:
        assert (got.reshape(deep.shape) == deep).all()


def test_sixteen_bits_keep_the_profile(tmp_path: Path) -> None:
    deep = np.zeros((8, 8, 3), np.uint16)
    data = cv2.imencode(".png", deep)[1].tobytes()
    body = b"iCCPx\0\0" + zlib.compress(PROFILE)
    chunk = (len(body) - 4).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
    (tmp_path / "a.png").write_bytes(data[:33] + chunk + data[33:])
    passed(tmp_path / "a.png", tmp_path / "b.png")
    with Image.open(tmp_path / "b.png") as image:
        assert image.info["icc_profile"] == PROFILE


@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_jpeg_keeps_its_tables(tmp_path: Path, subsampling: int) -> None:
    picture().save(tmp_path / "a.jpg", quality=71, subsampling=subsampling)
    passed(tmp_path / "a.jpg", tmp_path / "b.jpg")
    with Image.open(tmp_path / "a.jpg") as before, Image.open(tmp_path / "b.jpg") as after:
        assert before.quantization == after.quantization  # type: ignore[attr-defined]
        assert before.layer == after.layer  # type: ignore[attr-defined]


@pytest.mark.parametrize("mode", ["CMYK", "P", "1"])
def test_other_modes_come_out_as_they_look(tmp_path: Path, mode: str) -> None:
    name = "a.jpg" if mode == "CMYK" else "a.png"
    picture().convert(mode).save(tmp_path / name, quality=95)
    passed(tmp_path / name, tmp_path / "b.png")
    with Image.open(tmp_path / name) as before, Image.open(tmp_path / "b.png") as after:
        assert (
            np.abs(np.asarray(before.convert("RGB")).astype(int) - np.asarray(after.convert("RGB"))).max()
            <= 1
        )


def test_what_is_cut_off_is_kept_as_far_as_it_goes(tmp_path: Path) -> None:
    picture(width=256, height=256).save(tmp_path / "a.jpg", quality=95)
    data = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(data[: len(data) * 6 // 10])
    source = StillSource(tmp_path / "a.jpg")
    (frame,) = source.items()
    assert isinstance(frame, Frame)
    assert source.warnings == ["the picture is damaged or cut off: what could be decoded is kept"]
    assert np.abs(frame.picture.channels[0].samples[:64].astype(int) - scene(256, 256)[:64, :, 0]).mean() < 6


@pytest.mark.parametrize(
    ("size", "side", "upscale", "view"), [((64, 48), 32, 1.0, (24, 32)), ((64, 48), 96, 2.0, (72, 96))]
)
def test_the_view_has_the_size_asked_for(
    tmp_path: Path, size: tuple[int, int], side: int, upscale: float, view: tuple[int, int]
) -> None:
    picture("L", *size).save(tmp_path / "a.png")
    (frame,) = StillSource(tmp_path / "a.png").items()
    assert isinstance(frame, Frame)
    assert frame.eye is not None
    shown = frame.eye.view(side, upscale)
    assert shown.bgr.shape == (*view, 3)
    assert shown.scale_x == size[0] / view[1]
    assert frame.eye.grey(side).shape == (min(view[0], size[1]), min(view[1], size[0]))


def _bomb(folder: Path) -> Path:
    Image.new("1", (13_400, 13_400)).save(folder / "a.png")
    return folder / "a.png"


def _animated(folder: Path) -> Path:
    first, *rest = (Image.fromarray(scene(32, 32, i)) for i in range(3))
    first.save(folder / "a.webp", save_all=True, append_images=rest)
    return folder / "a.webp"


def _garbage(folder: Path) -> Path:
    (folder / "a.jpg").write_bytes(b"\xff\xd8\xff" + bytes(500))
    return folder / "a.jpg"


@pytest.mark.parametrize(
    ("maker", "sentence"),
    [
        (_bomb, "refused as unsafe"),
        (_animated, "animated WebP"),
        (_garbage, "not a picture of a kind"),
        (lambda folder: folder / "a.png", "there is no such file"),
        (lambda folder: folder, "is a folder"),
    ],
)
def test_what_is_no_picture_is_refused_in_a_sentence(tmp_path: Path, maker: Any, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        StillSource(maker(tmp_path))


@pytest.mark.parametrize(
    ("samples", "sentence"),
    [
        (np.linspace(0, 1, 64, dtype=np.float32), "holds floating-point samples of unknown range"),
        (np.linspace(0, 65_536, 64, dtype=np.int32), "holds values from 0 to 65536"),
        (np.linspace(-1, 255, 64, dtype=np.int32), "holds values from -1 to 255"),
    ],
)
def test_what_would_come_out_black_or_white_is_refused(
    tmp_path: Path, samples: np.ndarray[Any, Any], sentence: str
) -> None:
    Image.fromarray(np.tile(samples, (48, 1))).save(tmp_path / "a.tif")
    with pytest.raises(InputError, match=sentence):
        StillSource(tmp_path / "a.tif")


def test_thirty_two_bits_that_sixteen_hold_are_kept(tmp_path: Path) -> None:
    Image.fromarray(np.tile(np.linspace(0, 65_535, 64, dtype=np.int32), (48, 1))).save(tmp_path / "a.tif")
    (frame,) = StillSource(tmp_path / "a.tif").items()
    assert isinstance(frame, Frame)
    assert (int(frame.picture.channels[0].samples.min()), int(frame.picture.channels[0].samples.max())) == (
        0,
        65_535,
    )


@pytest.mark.parametrize("length", [6, 10, 12, 13, 20])
def test_a_gif_that_was_cut_short_is_refused(tmp_path: Path, length: int) -> None:
    whole = io.BytesIO()
    picture().save(whole, "GIF")
    (tmp_path / "a.gif").write_bytes(whole.getvalue()[:length])
    assert sniff(tmp_path / "a.gif") == "still"
    with pytest.raises(InputError):
        StillSource(tmp_path / "a.gif")


def test_what_cannot_be_written_is_refused_at_once(tmp_path: Path) -> None:
    picture().save(tmp_path / "a.png")
    media = StillSource(tmp_path / "a.png").media
    (tmp_path / "b.png").touch()
    for name, sentence in (
        ("a.png", "the input itself"),
        ("b.png", "--overwrite"),
        ("b.mp4", "not known for"),
    ):
        with pytest.raises(OutputError, match=sentence):
            StillSink(tmp_path / name, media, overwrite=name == "a.png")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_one_redacted_frame_and_no_more(tmp_path: Path) -> None:
    picture().save(tmp_path / "a.png")
    source = StillSource(tmp_path / "a.png")
    sink = StillSink(tmp_path / "b.png", source.media)
    (frame,) = source.items()
    with pytest.raises(PipelineError):
        sink.write(frame)  # type: ignore[arg-type]
    with pytest.raises(OutputError, match="there was no picture"):
        sink.finish()
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_a_large_picture_is_read_back_without_a_warning(tmp_path: Path) -> None:
    """Warnings are errors in tests."""
    Image.new("L", (10_000, 9_000)).save(tmp_path / "a.png")
    passed(tmp_path / "a.png", tmp_path / "b.png")


def test_heic_and_sixteen_bit_samples(footage: Path, tmp_path: Path) -> None:
    for name, mean in (("heic.heic", 25), ("heif_sample.heif", 25), ("rgb16.png", 25)):
        source = StillSource(footage / "odd" / name)
        run(source, StillSink(tmp_path / f"{name}.png", source.media))
        assert pixels(tmp_path / f"{name}.png").std() > mean


def test_the_source_is_read_only_once(tmp_path: Path) -> None:
    data = io.BytesIO()
    picture().save(data, "PNG")
    (tmp_path / "a.png").write_bytes(data.getvalue())
    source = StillSource(tmp_path / "a.png")
    (tmp_path / "a.png").unlink()
    run(source, StillSink(tmp_path / "b.png", source.media))
    assert (pixels(tmp_path / "b.png") == scene(64, 48)).all()
