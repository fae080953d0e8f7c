"""Video files out: the same frames and sound at the same times, and nothing else."""

from __future__ import annotations

import os
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from stream_guard.model.frame import Passthrough
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


def test_no_encoder_takes_the_machine_for_itself(tmp_path: Path) -> None:
    """SVT-AV1 run by root makes the process a real-time one, and what it starts too."""
    before = os.sched_getscheduler(0)
    assert "av1" in available_encoders()
    copied(make(tmp_path / "a.mp4", Clip()), tmp_path / "b.mp4", Encoding(codec="av1", preset="ultrafast"))
    threads = (int(path.name) for path in Path("/proc/self/task").iterdir())
    assert {os.sched_getscheduler(thread) for thread in threads} == {before}
