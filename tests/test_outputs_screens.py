"""Motion JPEG and the virtual camera: pictures for those who can have nothing better."""

from __future__ import annotations

import asyncio
import io
import sys
import time
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from stream_guard.errors import OutputError
from stream_guard.outputs import mjpeg
from stream_guard.outputs.branch import Branches, LiveEncoding
from stream_guard.outputs.output import Feed
from stream_guard.outputs.virtual_camera import virtual_camera
from tests.stations import RGB, Feeder, shows_code, until


def opened(jpeg: bytes) -> RGB:
    with Image.open(io.BytesIO(jpeg)) as image:
        assert image.format == "JPEG"
        return np.asarray(image.convert("RGB"))


async def first_parts(branches: Branches, count: int, pause_s: float = 0.0) -> list[bytes]:
    found: list[bytes] = []
    stream = mjpeg.parts(branches)
    async for part in stream:
        found.append(part)
        await asyncio.sleep(pause_s)
        if len(found) == count:
            break
    await stream.aclose()
    return found


def test_parts_are_redacted_jpegs_between_boundaries() -> None:
    with Feeder() as feeder:
        branches = Branches(feeder.hub)
        first, *later = asyncio.run(first_parts(branches, 6))
        branches.close()
    assert mjpeg.CONTENT_TYPE == "multipart/x-mixed-replace; boundary=picture"
    assert first == b"--picture\r\n"
    for part in later:
        head, _, rest = part.partition(b"\r\n\r\n")
        jpeg, end, nothing = rest.partition(b"\r\n--picture\r\n")
        assert f"Content-Length: {len(jpeg)}".encode() in head
        assert (end, nothing) == (b"\r\n--picture\r\n", b"")
        rgb = opened(jpeg)
        assert rgb.shape == (240, 320, 3)
        assert not shows_code(rgb)
        assert abs(int(rgb[:20, :, 1].mean()) - 83) < 6


def test_jpegs_are_made_at_most_so_often_and_once_for_all() -> None:
    async def watch(branches: Branches) -> list[list[bytes]]:
        return list(await asyncio.gather(*(first_parts(branches, 12) for _ in range(4))))

    with Feeder() as feeder:
        branches = Branches(feeder.hub, LiveEncoding(jpeg_fps=10))
        started_s = time.monotonic()
        watched = asyncio.run(watch(branches))
        elapsed_s = time.monotonic() - started_s
        branches.close()
    assert 0.9 < elapsed_s < 2.5
    assert len(set.intersection(*(set(parts) for parts in watched))) >= 10


def test_a_slow_viewer_gets_the_newest_picture() -> None:
    async def watch(branches: Branches) -> list[float]:
        ages = []
        with branches.get("mjpeg").subscribe(1) as pictures:
            for _ in range(4):
                await asyncio.sleep(0.3)
                coded = pictures.take(1)
                assert coded is not None
                ages.append(time.monotonic() - coded.shown_s)
        return ages

    with Feeder() as feeder:
        branches = Branches(feeder.hub, LiveEncoding(jpeg_fps=30))
        ages = asyncio.run(watch(branches))
        branches.close()
    assert max(ages) < 0.2


def test_a_snapshot_is_one_picture_or_none() -> None:
    with Feeder() as feeder:
        branches = Branches(feeder.hub)
        jpeg = asyncio.run(mjpeg.snapshot(branches))
        branches.close()
        assert asyncio.run(mjpeg.snapshot(branches, 0.5)) is None
    assert jpeg is not None
    assert not shows_code(opened(jpeg))


class _Camera:
    """Stands in for the camera that no build machine has."""

    shown: list[RGB]

    def __init__(self, width: int, height: int, fps: float) -> None:
        type(self).shown = []
        self.size = (height, width, 3)

    def __enter__(self) -> _Camera:
        return self

    def __exit__(self, *_: object) -> None: ...

    def send(self, rgb: RGB) -> None:
        assert rgb.shape == self.size
        self.shown.append(rgb)


def _absent(*_: object) -> Any:
    raise RuntimeError("v4l2loopback device not found.\nMore text")


def _installed(monkeypatch: pytest.MonkeyPatch, camera: Any) -> None:
    module = ModuleType("pyvirtualcam")
    module.Camera = camera  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pyvirtualcam", module)


def test_a_virtual_camera_shows_redacted_pictures_of_one_size(monkeypatch: pytest.MonkeyPatch) -> None:
    _installed(monkeypatch, _Camera)
    with Feeder(width=321) as feeder:
        output = virtual_camera(Feed("cam1", feeder.hub, Branches(feeder.hub)))
        output.start()
        assert until(lambda: output.status().sent > 5)
        feeder.width, feeder.height = 160, 120
        assert until(lambda: output.status().sent > 20)
        output.stop()
    assert len(_Camera.shown) > 20
    assert not any(map(shows_code, _Camera.shown))


def test_what_a_virtual_camera_lacks_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with Feeder() as feeder:
        output = virtual_camera(Feed("cam1", feeder.hub, Branches(feeder.hub)))
        monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
        with pytest.raises(OutputError, match=r"install stream-guard\[virtual-camera\]"):
            output.start()
        _installed(monkeypatch, _absent)
        output.start()
        assert until(lambda: output.status().reason is not None)
        assert "v4l2loopback device not found; load" in (output.status().reason or "")
        output.stop()
