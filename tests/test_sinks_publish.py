"""An output file appears complete or not at all: aborts, full disks, kills and names that are refused."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stream_guard.errors import OutputError, PipelineError
from stream_guard.model.frame import Frame
from stream_guard.sinks.encoding import Encoding
from stream_guard.sinks.file import FileSink
from stream_guard.sources.file import FileSource
from tests.media import Clip, frames, make, run
from tests.test_sinks_file import BEST, copied


def test_the_output_appears_only_when_complete(tmp_path: Path) -> None:
    source = FileSource(make(tmp_path / "a.mp4", Clip()))
    folder = tmp_path / "out"
    folder.mkdir()
    sink = FileSink(folder / "b.mp4", source.media, BEST)
    (draft,) = folder.iterdir()
    assert draft.name.startswith(".b.")
    assert draft.stat().st_mode & 0o777 == 0o600
    run(source, sink)
    (output,) = folder.iterdir()
    mask = os.umask(0o022)
    os.umask(mask)
    assert output.name == "b.mp4"
    assert output.stat().st_mode & 0o777 == 0o666 & ~mask


def test_abort_leaves_nothing(tmp_path: Path) -> None:
    source = FileSource(make(tmp_path / "a.mp4", Clip()))
    sink = FileSink(tmp_path / "b.mp4", source.media, BEST)
    sink.abort()
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]


def test_a_raw_frame_is_refused(tmp_path: Path) -> None:
    source = FileSource(make(tmp_path / "a.mp4", Clip()))
    sink = FileSink(tmp_path / "b.mp4", source.media, BEST)
    frame = next(source.items())
    assert isinstance(frame, Frame)
    with pytest.raises(PipelineError, match="only redacted frames"):
        sink.write(frame)  # type: ignore[arg-type]
    sink.abort()


def test_no_frame_at_all_is_an_error(tmp_path: Path) -> None:
    source = FileSource(make(tmp_path / "a.mp4", Clip()))
    sink = FileSink(tmp_path / "b.mp4", source.media, BEST)
    with pytest.raises(OutputError, match="there was no frame"):
        sink.finish()
    assert not (tmp_path / "b.mp4").exists()


def test_a_frame_lost_by_the_file_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = FileSource(make(tmp_path / "a.mp4", Clip()))
    sink = FileSink(tmp_path / "b.mp4", source.media, BEST)
    real, muxed = sink._mux, []

    def forgetful(packets: list[Any]) -> None:
        muxed.extend(packets)
        real([p for p in packets if len(muxed) != 3])

    monkeypatch.setattr(sink, "_mux", forgetful)
    with pytest.raises(OutputError, match="8 frames went in"):
        run(source, sink)
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]


def _refusals(folder: Path) -> Iterator[tuple[Path, Encoding, str]]:
    (folder / "link.mp4").symlink_to("a.mp4")
    (folder / "hard.mp4").hardlink_to(folder / "a.mp4")
    (folder / "there.mp4").touch()
    (folder / "folder.mp4").mkdir()
    forced = Encoding(overwrite=True)
    yield folder / "a.mp4", forced, "is the input itself"
    yield folder / "link.mp4", forced, "is the input itself"
    yield folder / "hard.mp4", forced, "is the input itself"
    yield folder / "there.mp4", Encoding(), "use --overwrite"
    yield folder / "folder.mp4", forced, "is a folder"
    yield folder / "no" / "b.mp4", Encoding(), "does not exist; create it"
    yield folder / "b.xyz", Encoding(), "use one of .mp4"
    yield folder / "b", Encoding(), "without an extension"
    yield folder / "b.webm", Encoding(codec="hevc"), "cannot hold hevc; choose vp9"
    yield folder / "b.mp4", Encoding(preset="warp"), "choose one of ultrafast"


def test_what_cannot_be_written_is_refused_at_once(tmp_path: Path) -> None:
    source = FileSource(make(tmp_path / "a.mp4", Clip()))
    before = (tmp_path / "a.mp4").read_bytes()
    for target, encoding, sentence in _refusals(tmp_path):
        with pytest.raises(OutputError, match=sentence):
            FileSink(target, source.media, encoding)
    assert (tmp_path / "a.mp4").read_bytes() == before
    assert not [p for p in tmp_path.iterdir() if ".part" in p.name]


def test_overwriting_on_request(tmp_path: Path) -> None:
    source = make(tmp_path / "a.mp4", Clip())
    (tmp_path / "b.mp4").write_text("old")
    copied(source, tmp_path / "b.mp4", replace(BEST, overwrite=True))
    assert len(frames(tmp_path / "b.mp4")) == 8


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission(tmp_path: Path) -> None:
    source = FileSource(make(tmp_path / "a.mp4", Clip()))
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    with pytest.raises(OutputError, match="no permission"):
        FileSink(locked / "b.mp4", source.media, BEST)


@contextmanager
def small_disk(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
@pytest.mark.parametrize("size", [100, 20_000])
def test_a_full_disk_leaves_nothing(tmp_path: Path, suffix: str, size: int) -> None:
    def noise(width: int, height: int, index: int) -> Any:
        return np.random.default_rng(index).integers(0, 255, (height, width, 3), np.uint8)

    source = FileSource(make(tmp_path / "a.mp4", Clip(frames=40, paint=noise)))
    with small_disk(size), pytest.raises(OutputError, match="cannot be written"):
        run(source, FileSink(tmp_path / f"b{suffix}", source.media, BEST))
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]


KILLED = """
import os, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from stream_guard.flow.anonymize import anonymize
from stream_guard.model.frame import Frame
from stream_guard.sinks.encoding import Encoding
from stream_guard.sinks.file import FileSink
from stream_guard.sources.file import FileSource
from tests.media import Blind, Brush, Prompt
source = FileSource(Path({source!r}))
sink = FileSink(Path({target!r}), source.media, Encoding())
for item in anonymize(source.items(), Blind(), Prompt(), Brush()):
    sink.write(item)
os.kill(os.getpid(), 9)
"""


def test_what_a_kill_leaves_can_be_read_and_is_cleared_away(tmp_path: Path) -> None:
    source, target = make(tmp_path / "a.mp4", Clip(frames=600)), tmp_path / "b.mp4"
    script = KILLED.format(root=str(Path(__file__).parents[1]), source=str(source), target=str(target))
    ended = subprocess.run([sys.executable, "-c", script], check=False, timeout=60)
    assert ended.returncode == -signal.SIGKILL
    (left,) = tmp_path.glob(".b.*.part.mp4")
    assert len(frames(left)) >= 250
    assert not target.exists()
    copied(source, target)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mp4", "b.mp4"]


def test_a_running_neighbour_is_left_alone(tmp_path: Path) -> None:
    source = make(tmp_path / "a.mp4", Clip())
    origin = FileSource(source)
    first = FileSink(tmp_path / "b.mp4", origin.media, BEST)
    second = FileSink(tmp_path / "b.mp4", origin.media, BEST)
    second.abort()
    run(origin, first)
    assert len(frames(tmp_path / "b.mp4")) == 8
