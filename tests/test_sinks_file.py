"""Video files out: the same frames and sound at the same times, nothing else; complete or not at all."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from stream_guard.errors import OutputError, PipelineError
from stream_guard.model.frame import Frame, Passthrough
from stream_guard.model.geometry import Box
from stream_guard.sinks.audio import without_comments
from stream_guard.sinks.encoding import Encoding
from stream_guard.sinks.file import FileSink
from stream_guard.sinks.pyav import available_encoders
from stream_guard.sources.file import FileSource
from stream_guard.sources.pyav import display_matrix_of, orientation_of
from tests.media import MATRICES, Clip, displayed, frames, make, run, scene, sound_packets, times

BEST = Encoding(quality=5, preset="ultrafast")


def copied(source: Path, target: Path, encoding: Encoding = BEST, box: Box | None = None) -> FileSink:
    """Run source through to target and return the finished sink."""
    origin = FileSource(source)
    sink = FileSink(target, origin.media, encoding)
    run(origin, sink, box)
    return sink


def shown(path: Path) -> list[np.ndarray[Any, Any]]:
    """Return the frames as a player shows them, RGB."""
    out = []
    for frame in frames(path):
        rgb = frame.to_ndarray(format="rgb24")
        out.append(np.asarray(orientation_of(display_matrix_of(frame)).upright(rgb)))
    return out


@pytest.mark.parametrize("suffix", [".mp4", ".m4v", ".mov", ".mkv", ".ts", ".webm"])
@pytest.mark.parametrize("start", [0, 700])
def test_time_stamps_are_kept(tmp_path: Path, suffix: str, start: int) -> None:
    stamps = [start + t for t in (0, 40, 80, 200, 210, 300, 1500, 3600_000)]
    source = make(tmp_path / "a.mkv", Clip(stamps=stamps))
    target = tmp_path / f"b{suffix}"
    copied(source, target)
    got = times(target)
    offset = got[0] - start / 1000 if suffix == ".ts" else 0  # MPEG-TS begins a little after 0
    assert [t - offset for t in got] == pytest.approx([s / 1000 for s in stamps], abs=0.001)


def test_avi_keeps_constant_rates(tmp_path: Path) -> None:
    source = make(tmp_path / "a.mp4", Clip(frames=20))
    sink = copied(source, tmp_path / "b.avi")
    assert times(tmp_path / "b.avi") == pytest.approx(times(source), abs=0.001)
    assert sink.notes == ["video coded as mpeg4: .avi files do not hold H.264 well"]


def test_a_clock_that_goes_back_runs_on(tmp_path: Path) -> None:
    piece = make(tmp_path / "s.ts", Clip(frames=50, sounds=["aac"])).read_bytes()
    (tmp_path / "a.ts").write_bytes(piece + piece)
    sink = copied(tmp_path / "a.ts", tmp_path / "b.mp4")
    got = times(tmp_path / "b.mp4")
    assert len(got) == 100
    assert np.diff(got) == pytest.approx(0.04, abs=0.001)
    assert any("the clock went back at frame 50" in note for note in sink.notes)
    assert len(sound_packets(tmp_path / "b.mp4")) >= 2 * (len(sound_packets(tmp_path / "s.ts")) - 1)


@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".ts", ".avi", ".webm"])
def test_orientation_is_kept_or_baked_in(tmp_path: Path, name: str, suffix: str) -> None:
    source = make(tmp_path / "a.mp4", Clip(matrix=MATRICES[name], frames=2))
    copied(source, tmp_path / f"b{suffix}")
    expected = displayed(scene(64, 48), MATRICES[name])
    got = shown(tmp_path / f"b{suffix}")
    assert got[0].shape == expected.shape
    assert np.abs(got[0].astype(int) - expected).mean() < 8


@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("suffix", [".mp4", ".ts"])
def test_what_is_painted_upright_shows_upright(tmp_path: Path, name: str, suffix: str) -> None:
    source = make(tmp_path / "a.mp4", Clip(matrix=MATRICES[name], frames=2))
    copied(source, tmp_path / f"b{suffix}", box=Box(4, 8, 16, 24))
    picture = shown(tmp_path / f"b{suffix}")[0]
    assert picture[9:23, 5:15].max() < 40
    picture[6:26, 2:18] = 255
    assert picture.max(-1).min() > 40


@pytest.mark.parametrize(
    ("pix_fmt", "suffix", "codec", "expected"),
    [
        ("yuv420p", ".mp4", "h264", "yuv420p"), ("yuv422p", ".mp4", "h264", "yuv422p"),
        ("yuv444p", ".mp4", "h264", "yuv444p"), ("yuvj420p", ".mp4", "h264", "yuvj420p"),
        ("yuv420p10le", ".mp4", "h264", "yuv420p10le"), ("yuv422p10le", ".mov", "h264", "yuv422p10le"),
        ("yuv420p12le", ".mkv", "h264", "yuv420p10le"), ("yuv420p12le", ".mkv", "hevc", "yuv420p12le"),
        ("bgr0", ".mp4", "h264", "yuv444p"), ("gray", ".mp4", "h264", "yuvj420p"),
        ("yuv411p", ".mkv", "h264", "yuv422p"), ("yuva420p", ".mkv", "h264", "yuv420p"),
        ("yuv422p10le", ".avi", "h264", "yuv420p"), ("yuv420p10le", ".mkv", "ffv1", "yuv420p10le"),
        ("yuv420p10le", ".mkv", "av1", "yuv420p10le"), ("yuvj420p", ".mkv", "hevc", "yuvj420p"),
    ],
)  # fmt: skip
def test_depth_sampling_and_range_are_kept(
    tmp_path: Path, pix_fmt: str, suffix: str, codec: str, expected: str
) -> None:
    source = make(
        tmp_path / "a.mkv", Clip(codec="ffv1" if pix_fmt != "yuvj420p" else "mjpeg", pix_fmt=pix_fmt)
    )
    copied(source, tmp_path / f"b{suffix}", replace(BEST, codec=codec))
    assert frames(tmp_path / f"b{suffix}")[0].format.name == expected
    for ours, theirs in zip(shown(tmp_path / f"b{suffix}"), shown(source), strict=True):
        difference = ours.astype(int) - theirs
        assert np.abs(difference.mean((0, 1))).max() < 2
        assert np.abs(difference).mean() < 4


@pytest.mark.parametrize("size", [(65, 49), (64, 49), (33, 2), (6, 6)])
@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".ts"])
def test_odd_sizes_are_kept(tmp_path: Path, size: tuple[int, int], suffix: str) -> None:
    clip = Clip(*size, codec="ffv1", frames=20)
    copied(make(tmp_path / "a.mkv", clip), tmp_path / f"b{suffix}")
    assert {(f.width, f.height) for f in frames(tmp_path / f"b{suffix}")} == {size}


@pytest.mark.parametrize("colors", [(1, 1, 1, 1), (2, 1, 1, 1), (1, 9, 16, 9)])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_color_tags_and_aspect_are_kept(
    tmp_path: Path, colors: tuple[int, int, int, int], suffix: str
) -> None:
    source = make(tmp_path / "a.mp4", Clip(colors=colors, aspect=Fraction(4, 3)))
    copied(source, tmp_path / f"b{suffix}")
    with av.open(str(tmp_path / f"b{suffix}")) as container:
        video: Any = container.streams.video[0]
        frame = next(container.decode(video))
        assert video.sample_aspect_ratio == Fraction(4, 3)
    assert (frame.color_range, frame.color_primaries, frame.color_trc, frame.colorspace) == colors


def test_frames_of_another_size_are_scaled_to_the_first(tmp_path: Path) -> None:
    small = make(tmp_path / "s.ts", Clip(frames=5)).read_bytes()
    large = make(
        tmp_path / "l.ts", Clip(width=96, height=64, frames=5, stamps=range(1000, 1200, 40))
    ).read_bytes()
    (tmp_path / "a.ts").write_bytes(small + large)
    sink = copied(tmp_path / "a.ts", tmp_path / "b.mp4")
    assert {(f.width, f.height) for f in frames(tmp_path / "b.mp4")} == {(64, 48)}
    assert sink.notes == ["5 frame(s) of another size scaled to the first one's"]


@pytest.mark.parametrize(
    ("codecs", "source", "target", "same"),
    [
        (("aac",), ".mp4", ".mp4", True), (("aac", "aac"), ".mkv", ".mp4", True),
        (("libopus",), ".mkv", ".webm", True), (("pcm_s16le",), ".avi", ".avi", True),
        (("pcm_mulaw",), ".mov", ".mp4", False), (("pcm_mulaw",), ".mov", ".mov", True),
        (("aac",), ".mp4", ".webm", False), (("mp2",), ".ts", ".ts", True), (("flac",), ".mkv", ".mp4", True),
        (("pcm_alaw", "aac"), ".mov", ".ts", False), (("mp2",), ".mkv", ".mp4", True),
    ],
)  # fmt: skip
def test_sound_is_copied_where_it_can_be(
    tmp_path: Path, codecs: tuple[str, ...], source: str, target: str, same: bool
) -> None:
    path = make(tmp_path / f"a{source}", Clip(frames=50, sounds=codecs, codec="mpeg4"))
    sink = copied(path, tmp_path / f"b{target}")
    with av.open(str(tmp_path / f"b{target}")) as container:
        assert len(container.streams.audio) == len(codecs)
        length = sum(f.samples / f.sample_rate for f in container.decode(container.streams.audio[0]))
    assert length == pytest.approx(2, abs=0.1)
    if same:
        for track in range(len(codecs)):
            assert sound_packets(tmp_path / f"b{target}", track) == sound_packets(path, track)
    assert any("converted" in note for note in sink.notes) is not same


def test_sound_keeps_its_time(tmp_path: Path) -> None:
    source = make(tmp_path / "a.mp4", Clip(frames=50, sounds=["aac"]))

    def starts(path: Path) -> list[float]:
        with av.open(str(path)) as container:
            return [float(p.pts * p.time_base) for p in container.demux(audio=0) if p.size]  # type: ignore[operator]

    copied(source, tmp_path / "b.mp4")
    assert starts(source)[0] < 0  # the encoder's priming
    assert starts(tmp_path / "b.mp4") == pytest.approx(starts(source), abs=0.001)


def test_sound_is_dropped_on_request(tmp_path: Path) -> None:
    source = make(tmp_path / "a.mp4", Clip(sounds=["aac"]))
    copied(source, tmp_path / "b.mp4", replace(BEST, audio="drop"))
    with av.open(str(tmp_path / "b.mp4")) as container:
        assert [s.type for s in container.streams] == ["video"]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm", ".ts", ".avi"])
def test_no_canary_reaches_the_output(tmp_path: Path, suffix: str) -> None:
    cover = b"CANARY-COVER" * 20

    def further(out: Any) -> None:
        out.add_attachment("CANARY-NAME.jpg", "image/jpeg", cover)
        title = {"title": "CANARY-CHAPTER"}
        out.set_chapters([{"id": 1, "start": 0, "end": 9, "time_base": Fraction(1, 1000), "metadata": title}])
        for stream in out.streams:
            stream.metadata.update({"title": "CANARY-STREAM", "language": "CANARY-LANGUAGE"})

    tags = {"title": "CANARY-TITLE", "location": "+48.1+011.6/CANARY", "comment": "CANARY-COMMENT"}
    source = make(tmp_path / "a.mkv", Clip(sounds=["aac"], metadata=tags, further=further))
    assert source.read_bytes().count(b"CANARY") > 20
    copied(source, tmp_path / f"b{suffix}")
    assert b"CANARY" not in (tmp_path / f"b{suffix}").read_bytes()


def test_vorbis_comments_are_emptied() -> None:
    identification, setup = b"\x01vorbis" + bytes(23), b"\x05vorbis" + bytes(300)
    comment = b"\x03vorbis" + b"TITLE=CANARY" * 50
    lacing = bytes((2, len(identification), 255, 255, len(comment) - 510))
    cleaned = without_comments(lacing + identification + comment + setup)
    assert b"CANARY" not in cleaned
    assert cleaned.endswith(setup)
    assert cleaned[1] == len(identification)
    assert cleaned[3 : 3 + len(identification)] == identification


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
    yield folder / "b.mp4", Encoding(codec="h265"), "is unknown; choose one of h264"
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


def test_encoders_that_open_are_listed() -> None:
    found = available_encoders()
    assert "h264" in found
    assert not [name for name in found if name.endswith("_nvenc")] or Path("/dev/nvidiactl").exists()


def test_sound_of_an_unknown_track_is_ignored(tmp_path: Path) -> None:
    source = make(tmp_path / "a.mp4", Clip(sounds=["aac"]))
    origin = FileSource(source)
    silent = FileSource(source, keep_audio=False)
    sink = FileSink(tmp_path / "b.mp4", silent.media, BEST)
    run(origin, sink)
    with av.open(str(tmp_path / "b.mp4")) as container:
        assert not container.streams.audio


def test_odd_footage_keeps_frames_times_and_sound(footage: Path, tmp_path: Path) -> None:
    for name in ("pts_wrap.ts", "mp_failing_audio.mp4", "vfr.mkv", "iphone_rot90_vfr_face.mov", "anim.gif"):
        source = footage / "odd" / name
        target = tmp_path / (name if source.suffix != ".gif" else f"{name}.mp4")
        copied(source, target, Encoding(preset="ultrafast"))
        ours, theirs = times(target), times(source)
        assert np.subtract(ours, ours[0]) == pytest.approx(np.subtract(theirs, theirs[0]), abs=0.001), name
        with av.open(str(source), metadata_errors="ignore") as container:
            tracks = len(container.streams.audio)
        for track in range(tracks):
            assert sound_packets(target, track) == sound_packets(source, track), name


def test_nothing_is_forced_on_the_encoder(tmp_path: Path) -> None:
    every_frame_a_key = make(tmp_path / "a.mkv", Clip(frames=30, codec="mjpeg", pix_fmt="yuvj420p"))
    copied(every_frame_a_key, tmp_path / "b.mp4", Encoding())
    assert sum(f.key_frame for f in frames(tmp_path / "b.mp4")) == 1


def test_passthrough_may_come_before_the_first_frame(tmp_path: Path) -> None:
    source = make(tmp_path / "a.mkv", Clip(stamps=range(1000, 2000, 40), sounds=["aac"], frames=50))
    origin = FileSource(source)
    assert isinstance(next(FileSource(source).items()), Passthrough)
    run(origin, FileSink(tmp_path / "b.mkv", origin.media, BEST))
    assert times(tmp_path / "b.mkv") == pytest.approx(times(source), abs=0.001)
