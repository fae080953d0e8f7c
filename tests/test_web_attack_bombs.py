"""Small files that unpack to something huge, or last for years: refused, and nobody else notices."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests import hostile
from tests.servers import Served, over, redacted, served, upload

PICTURES: dict[str, Callable[[], bytes]] = {
    "PNG of 60000 by 60000": lambda: hostile.png(hostile.HUGE, hostile.HUGE),
    "PNG that is wide": lambda: hostile.png(200_000_000, 1),
    "PNG beyond what the format allows": lambda: hostile.png(0x7FFFFFFF, 3),
    "GIF": hostile.gif,
    "WebP": hostile.webp,
    "BMP": hostile.bmp,
    "JPEG": hostile.jpeg,
    "PPM": hostile.ppm,
    "TIFF": hostile.tiff,
    "JPEG 2000": hostile.jpeg2000,
    "raw video": hostile.y4m,
}
REFUSALS = {"too_many_pixels", "not_media", "too_long", "unreadable", "out_of_memory", "timed_out", "crashed"}
PATIENCE_S = 20.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("bombs") / "jobs"
    with served(folder, STREAM_GUARD_JOBS_JOB_MINUTES="0.08") as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Served) -> Iterator[httpx.Client]:
    with server.client() as open_:
        yield open_


def peak_mb(server: Served) -> float:
    """Return the most memory that the server process itself has had."""
    status = Path(f"/proc/{server.process.pid}/status").read_text(encoding="ascii")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) / 1024


def refused(client: httpx.Client, data: bytes, name: str) -> str:
    """Return the word for why a file is not redacted, which must come soon."""
    start_s = time.monotonic()
    answer = upload(client, data, name)
    assert answer.status_code in (201, 413, 415, 422), answer.text
    found = over(client, answer.json()) if answer.status_code == 201 else answer.json()
    assert time.monotonic() - start_s < PATIENCE_S
    assert found["code"], found
    if answer.status_code == 201:
        assert found["state"] == "failed"
        assert re.search(r"\S.*\.$", found["message"])
        assert client.get(f"/api/jobs/{found['id']}/result").status_code == 409
    return str(found["code"])


@pytest.fixture(autouse=True)
def nobody_notices(server: Served, client: httpx.Client) -> Iterator[None]:
    """Hold that the server is well after each bomb and has not grown."""
    before_mb = peak_mb(server)
    yield
    assert client.get("/healthz").status_code == 200
    assert peak_mb(server) - before_mb < 64


@pytest.mark.parametrize("name", PICTURES)
def test_too_many_pixels_are_refused_before_they_are_unpacked(client: httpx.Client, name: str) -> None:
    assert refused(client, PICTURES[name](), "a.png") in REFUSALS


@pytest.mark.parametrize("kind", ["text", "profile"])
def test_what_is_packed_beside_the_picture_is_not_unpacked(client: httpx.Client, kind: str) -> None:
    swollen = hostile.swollen_text(400) if kind == "text" else hostile.swollen_profile(400)
    job = redacted(client, hostile.png(64, 64, swollen, grey_bits=8), "a.png")
    assert job["state"] == "done" or job["code"] in REFUSALS
    if job["state"] == "done":
        assert job["outcome"]["bytes_out"] < 100_000


def test_a_zip_is_no_picture(client: httpx.Client) -> None:
    assert refused(client, hostile.zip_bomb(), "a.png") == "not_media"


@pytest.mark.parametrize("maker", [hostile.everlasting, hostile.boastful], ids=["frames", "head"])
def test_a_video_of_years_is_refused(
    client: httpx.Client, tmp_path: Path, maker: Callable[[Path], bytes]
) -> None:
    assert refused(client, maker(tmp_path), "a.mp4") == "too_long"


def test_a_video_that_grows_beyond_all_bounds_hurts_its_own_job_at_most(
    client: httpx.Client, tmp_path: Path
) -> None:
    job = redacted(client, hostile.growing(tmp_path), "a.ts")
    assert job["state"] == "done" or job["code"] in REFUSALS


def test_a_picture_that_flickers_for_ever_ends_with_its_time(client: httpx.Client) -> None:
    assert refused(client, hostile.flickering_gif(), "a.gif") in REFUSALS | {"too_long"}


def test_after_all_of_that_the_next_picture_is_redacted(client: httpx.Client) -> None:
    assert redacted(client, hostile.picture())["state"] == "done"
