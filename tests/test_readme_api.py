"""The README's examples of the API run, as they stand, against a real server."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.servers import SAMPLES, TOKEN, Served, served
from tests.test_readme import blocks
from tests.webs import offer

(CURL,) = [code for code in blocks("sh") if "curl" in code]
JOBS, WEBRTC = [code for code in blocks("python") if "httpx" in code]
CAMERA = """
[sources.door]
url = "test:320x240@5"
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("readme")
    (folder / "settings.toml").write_text(CAMERA, encoding="utf-8")
    config = {"STREAM_GUARD_CONFIG": str(folder / "settings.toml")}
    with served(folder / "jobs", token=TOKEN, **config) as running:
        yield running


def run(server: Served, folder: Path, *command: str) -> str:
    """Run an example for this server; it must succeed."""
    (folder / "samples").symlink_to(SAMPLES)
    done = subprocess.run(
        [word.replace("http://127.0.0.1:8000", server.address) for word in command],
        cwd=folder,
        env=os.environ | {"STREAM_GUARD_WEB_TOKEN": TOKEN},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_curl(server: Served, tmp_path: Path) -> None:
    (tmp_path / "walk.mp4").write_bytes((SAMPLES / "walk.mp4").read_bytes())
    (tmp_path / "offer.sdp").write_text(asyncio.run(offer()), encoding="utf-8")
    said = run(server, tmp_path, "bash", "-euc", CURL)
    assert '"state":"done"' in said
    assert "stream_guard_" in said
    for name in ("walk.redacted.mp4", "walk.report.json", "walk.preview.jpg", "icon.jpg", "door.jpg"):
        assert (tmp_path / name).stat().st_size > 100, name
    assert (tmp_path / "walk.original.mp4").read_bytes() == (SAMPLES / "walk.mp4").read_bytes()
    assert (tmp_path / "answer.sdp").read_text(encoding="utf-8").startswith("v=0")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert archive.namelist() == ["walk.redacted.mp4", "walk.redacted.mp4.report.json"]


def test_python(server: Served, tmp_path: Path) -> None:
    said = run(server, tmp_path, sys.executable, "-c", JOBS)
    assert said.startswith("done")
    assert (tmp_path / "walk.redacted.mp4").is_file()


def test_a_viewer(server: Served, tmp_path: Path) -> None:
    assert re.fullmatch(r"\d+ \d+\n", run(server, tmp_path, sys.executable, "-c", WEBRTC))


def test_every_route_of_the_api_is_shown(server: Served) -> None:
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    document = httpx.get(f"{server.address}/openapi.json", headers=bearer).json()
    tags = {operation["tags"][0] for one in document["paths"].values() for operation in one.values()}
    assert tags == {"jobs", "settings", "streams", "webrtc", "supervision"}
    for path in document["paths"]:
        if path.startswith(("/api/jobs", "/api/settings")) and path != "/api/jobs/events":
            known = path.replace("{job_id}", "$job")
            assert f"$at{known}" in CURL, path
