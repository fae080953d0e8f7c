"""Every pixel format becomes channels that are views into the frame, upright under every display matrix."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest
from av.video.format import names  # type: ignore[attr-defined]
from numpy.typing import NDArray

from stream_guard.model.geometry import Box, Orientation
from stream_guard.model.picture import Component, Picture
from stream_guard.sources.planes import PlaneEye, Shrinker, layout_of, nearest_format, paintable, picture_of
from stream_guard.sources.pyav import orientation_of
from tests.media import MATRICES, darken, displayed, nine, scene

HARDWARE = {
    "amf", "cuda", "d3d11", "d3d11va_vld", "d3d12", "drm_prime", "dxva2_vld", "mediacodec", "mmal", "ohcodec",
    "opencl", "qsv", "vaapi", "vdpau", "videotoolbox_vld", "vulkan", "xvmc",
}  # fmt: skip
COLORS = {
    frozenset(Component(c) for c in letters.split())
    for letters in ("y", "y a", "y cb cr", "y cb cr a", "r g b", "r g b a")
}


def made(name: str, width: int = 34, height: int = 22) -> Any:
    """Return the test scene in a pixel format; skip what swscale cannot make."""
    return converted(scene(width, height), name)


def converted(rgb: NDArray[np.uint8], name: str) -> Any:
    try:
        return av.VideoFrame.from_ndarray(rgb, "rgb24").reformat(format=name)
    except (av.FFmpegError, ValueError):
        pytest.skip(f"swscale cannot make {name}")


@pytest.mark.parametrize("name", sorted(names - HARDWARE))
def test_every_format_becomes_paintable_without_loss_of_depth(name: str) -> None:
    frame = made(name)
    bits = max(c.bits for c in frame.format.components)
    try:
        picture = picture_of(frame, Orientation())
    except av.FFmpegError:
        pytest.skip(f"swscale cannot read {name}")
    assert {c.component for c in picture.channels} in COLORS
    assert all(c.bits >= min(bits, 16) for c in picture.channels) or frame.format.name.startswith("bayer")
    for channel in picture.channels:
        assert channel.samples.shape == (-(-22 // channel.step_y), -(-34 // channel.step_x))
        assert channel.samples.dtype == (np.uint8 if channel.bits == 8 else np.uint16)
        assert np.shares_memory(channel.samples, _again(picture, channel.component))


def _again(picture: Picture, component: Component) -> Any:
    same = picture_of(picture.handle.frame, picture.handle.orientation)
    return next(c.samples for c in same.channels if c.component is component)


@pytest.mark.parametrize("name", sorted(n for n in names - HARDWARE if layout_of(n)))
def test_painting_a_box_changes_it_and_nothing_else(name: str) -> None:
    picture = picture_of(made(name), Orientation())
    before = [channel.samples.copy() for channel in picture.channels]
    darken(picture, Box(8, 4, 20, 16))
    for channel, was in zip(picture.channels, before, strict=True):
        now = _again(picture, channel.component)
        inside = np.zeros(now.shape, bool)
        inside[4 // channel.step_y : 16 // channel.step_y, 8 // channel.step_x : 20 // channel.step_x] = True
        assert (now[~inside] == was[~inside]).all()
        neutral = 1 << (channel.bits - 1) if channel.component in (Component.CB, Component.CR) else 0
        assert (now[inside] == neutral << channel.shift).all()


@pytest.mark.parametrize(
    "name", sorted(n for n in names - HARDWARE if layout_of(n) and not n.startswith(("gray", "ya")))
)
def test_channels_mean_what_they_say(name: str) -> None:
    red = np.zeros((32, 64, 3), np.uint8)
    red[:, :, 0] = 200  # much Cr, little Cb
    channels = picture_of(converted(red, name), Orientation()).channels
    level = {c.component: float((c.samples >> c.shift)[4, 4]) / c.peak for c in channels}
    if Component.CR in level:
        assert level[Component.CR] > 0.6 > 0.5 > level[Component.CB]
    else:
        assert level[Component.RED] > 0.7 > 0.1 > max(level[Component.GREEN], level[Component.BLUE])


def test_nearest_formats_keep_depth_and_sampling() -> None:
    wanted = {
        "yuyv422": "yuv422p", "yuv422p10be": "yuv422p10le", "pal8": "rgba", "rgb565le": "rgb24",
        "gray16be": "gray16le", "monow": "gray", "gbrpf32le": "gbrp16le", "uyyvyy411": "yuv411p",
        "rgba64be": "gbrap16le", "vuya": "yuva444p", "grayf32le": "gray16le", "y210le": "yuv422p10le",
    }  # fmt: skip
    assert {name: nearest_format(av.VideoFormat(name)) for name in wanted} == wanted


def test_a_paintable_frame_is_not_copied() -> None:
    frame = made("yuv420p")
    assert paintable(frame) is frame


def test_painting_leaves_other_references_alone() -> None:
    frame = made("yuv420p")
    shared = av.VideoFrame.from_dlpack(tuple(frame.planes), format="yuv420p", width=34, height=22)
    darken(picture_of(shared, Orientation()), Box(0, 0, 34, 22))
    assert np.frombuffer(frame.planes[0], np.uint8).max() > 40


@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p", "nv12", "rgb24", "p010le"])
@pytest.mark.parametrize("size", [(34, 22), (33, 21)])
def test_channels_and_view_stand_upright(name: str, pix_fmt: str, size: tuple[int, int]) -> None:
    abcd = MATRICES[name]
    frame = made(pix_fmt, *size)
    rgb = displayed(frame.to_ndarray(format="rgb24"), abcd).astype(int)
    orientation = orientation_of(tuple(nine(abcd)))
    eye = PlaneEye(frame, orientation, None, Shrinker("x"))
    view, grey = eye.view(64, 1.0), eye.grey(64)
    picture = picture_of(frame, orientation)
    assert (picture.height, picture.width) == rgb.shape[:2] == view.bgr.shape[:2]
    assert np.abs(view.bgr[..., ::-1].astype(int) - rgb).mean() < 3
    assert np.abs(grey - rgb @ (0.299, 0.587, 0.114)).mean() < 6
    top = picture.channels[0]
    level = (top.samples >> (top.shift + top.bits - 8)).astype(int)
    grey = rgb @ [77, 150, 29] // 256 if top.component is Component.LUMA else rgb[:, :, 0]
    assert np.corrcoef(level.ravel(), grey.ravel())[0, 1] > 0.99
    for channel in picture.channels:
        rows, columns = -(-picture.height // channel.step_y), -(-picture.width // channel.step_x)
        assert channel.samples.shape == (rows, columns)


@pytest.mark.parametrize("degrees", [3, 80, 100, 181, 275])
def test_crooked_matrices_go_to_the_nearest_right_angle(degrees: int) -> None:
    cos, sin = np.cos(np.radians(degrees)) * 65536, np.sin(np.radians(degrees)) * 65536
    turned = orientation_of((int(cos), int(-sin), 0, int(sin), int(cos), 0, 0, 0, 1 << 30))
    assert turned == Orientation(round(degrees / 90) % 4)


def test_a_matrix_that_collapses_the_picture_is_ignored() -> None:
    assert orientation_of((0,) * 9) == Orientation()


@pytest.mark.parametrize(
    ("aspect", "limit", "upscale", "size", "scale"),
    [
        (None, 32, 1.0, (32, 16), (4.0, 4.0)),
        (None, 256, 1.0, (128, 64), (1.0, 1.0)),
        (None, 256, 1.5, (192, 96), (2 / 3, 2 / 3)),
        (Fraction(2), 128, 1.0, (128, 32), (1.0, 2.0)),
        (Fraction(1, 2), 64, 1.0, (64, 64), (2.0, 1.0)),
        (Fraction(1, 99), 64, 1.0, (64, 32), (2.0, 2.0)),
    ],
)
def test_views_have_square_pixels_and_the_size_asked_for(
    aspect: Fraction | None, limit: int, upscale: float, size: tuple[int, int], scale: tuple[float, float]
) -> None:
    view = PlaneEye(made("yuv420p", 128, 64), Orientation(), aspect, Shrinker("x")).view(limit, upscale)
    assert (view.bgr.shape[1], view.bgr.shape[0]) == size
    assert (view.scale_x, view.scale_y) == pytest.approx(scale)
    assert view.bgr.flags.c_contiguous


@pytest.mark.parametrize("name", ["mirrored", "turned 90", "turned 180"])
def test_turned_chroma_of_odd_sizes_stays_under_its_pixels(name: str) -> None:
    frame = made("yuv420p", 33, 21)
    picture = picture_of(frame, orientation_of(tuple(nine(MATRICES[name]))))
    assert all(picture.width % c.step_x == 0 and picture.height % c.step_y == 0 for c in picture.channels)


@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuvj420p", "yuv422p10le", "nv12", "rgb24", "gray", "p010le"])
def test_close_ups_show_the_upright_pixels(name: str, pix_fmt: str) -> None:
    frame = made(pix_fmt, 64, 48)
    orientation = orientation_of(tuple(nine(MATRICES[name])))
    rgb = displayed(frame.to_ndarray(format="rgb24"), MATRICES[name]).astype(int)
    shown = PlaneEye(frame, orientation, None, Shrinker("x")).closeup(Box(8, 4, 40, 36), 32)
    assert shown.shape == (32, 32, 3)
    assert np.abs(shown[..., ::-1].astype(int) - rgb[4:36, 8:40]).mean() < 6
