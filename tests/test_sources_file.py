"""Video files in: every frame once and in order, sound untouched, everything else dropped and named."""

from __future__ import annotations

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from stream_guard.errors import InputError
from stream_guard.model.frame import Frame, Passthrough
from stream_guard.sources.file import FileSource
from stream_guard.sources.kind import sniff
from tests.media import MATRICES, Clip, beep, displayed, frames, make, scene, sound_packets, spoil, times


def opened(path: Path, **options: object) -> FileSource:
    return FileSource(path, **options)  # type: ignore[arg-type]


def seen(path: Path) -> list[Frame]:
    return [item for item in opened(path).items() if isinstance(item, Frame)]


def test_every_frame_comes_once_with_its_time(tmp_path: Path) -> None:
    stamps = [0, 40, 80, 200, 210, 900, 3600_000]
    path = make(tmp_path / "a.mkv", Clip(stamps=stamps))
    found = seen(path)
    assert [f.stamp.time_s for f in found] == [s / 1000 for s in stamps] == times(path)
    assert [f.stamp.index for f in found] == list(range(len(stamps)))
    assert {f.stamp.epoch for f in found} == {0}
    assert not any(f.damaged for f in found)


def test_frames_hold_what_was_decoded(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp4", Clip())
    for ours, theirs in zip(seen(path), frames(path), strict=True):
        assert (ours.picture.channels[0].samples == theirs.to_ndarray()[:48]).all()


def test_painting_a_frame_does_not_reach_the_next(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp4", Clip(frames=30))
    clean = [f.to_ndarray()[:48] for f in frames(path)]
    for frame, expected in zip(opened(path).items(), clean, strict=True):
        assert isinstance(frame, Frame)
        assert (frame.picture.channels[0].samples == expected).all()
        for channel in frame.picture.channels:
            channel.samples[:] = 0


@pytest.mark.parametrize("name", MATRICES)
def test_view_stands_upright(tmp_path: Path, name: str) -> None:
    path = make(tmp_path / "a.mp4", Clip(matrix=MATRICES[name]))
    source = opened(path)
    frame = next(i for i in source.items() if isinstance(i, Frame))
    expected = displayed(scene(64, 48), MATRICES[name])
    assert frame.eye is not None
    assert (source.media.height, source.media.width) == expected.shape[:2]
    assert np.abs(frame.eye.view(64, 1.0).bgr[..., ::-1].astype(int) - expected).mean() < 8


def test_sound_rides_along_byte_for_byte(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mkv", Clip(sounds=["aac", "libopus"]))
    packets = [i.payload for i in opened(path).items() if isinstance(i, Passthrough)]
    for track, index in enumerate((1, 2)):
        assert [bytes(p) for p in packets if p.stream_index == index] == sound_packets(path, track)
    assert not any(isinstance(i, Passthrough) for i in opened(path, keep_audio=False).items())


def test_everything_else_is_named_and_dropped(tmp_path: Path) -> None:
    def further(out: av.container.OutputContainer) -> None:
        out.add_attachment("name-of-a-person.txt", "text/plain", b"canary")
        out.set_chapters(
            [{"id": 1, "start": 0, "end": 100, "time_base": Fraction(1, 1000), "metadata": {"title": "x"}}]
        )

    path = make(
        tmp_path / "a.mkv", Clip(metadata={"title": "secret", "location": "+48+11/"}, further=further)
    )
    dropped = " | ".join(opened(path).media.dropped)
    for phrase in (
        "metadata tag: title",
        "metadata tag: LOCATION",
        "attached file track 1",
        "1 chapter mark",
    ):
        assert phrase in dropped
    for value in ("secret", "+48", "name-of-a-person.txt"):
        assert value not in dropped


def test_raw_streams_get_made_up_times(tmp_path: Path) -> None:
    path = make(tmp_path / "a.h264", Clip(frames=6, options={"crf": "10", "bf": "0"}))
    assert [f.pts for f in frames(path)][:2] == [None, None]
    assert [f.stamp.time_s for f in seen(path)] == pytest.approx([i / 25 for i in range(6)])


def test_a_new_size_starts_a_new_epoch(tmp_path: Path) -> None:
    small = make(tmp_path / "s.ts", Clip(frames=5)).read_bytes()
    large = make(tmp_path / "l.ts", Clip(width=96, height=64, frames=5)).read_bytes()
    path = tmp_path / "both.ts"
    path.write_bytes(small + large)
    found = seen(path)
    assert [(f.stamp.epoch, f.picture.width) for f in found] == [(0, 64)] * 5 + [(1, 96)] * 5


def test_a_file_cut_off_ends_with_a_warning(tmp_path: Path) -> None:
    options = {"crf": "1", "preset": "ultrafast", "g": "5"}
    whole = make(tmp_path / "a.mp4", Clip(frames=60, options=options), movflags="faststart")
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    source = opened(cut)
    found = [i for i in source.items() if isinstance(i, Frame)]
    assert 10 < len(found) < 60
    assert source.warnings


def test_frames_after_damage_are_marked(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mkv", Clip(frames=60, codec="mjpeg", pix_fmt="yuvj420p"))
    spoil(path, 20)
    source = opened(path)
    found = [i for i in source.items() if isinstance(i, Frame)]
    marked = [f.stamp.index for f in found if f.damaged]
    assert len(found) == 59
    assert marked[0] == 20
    assert len(marked) == 16
    assert "1 piece(s)" in source.warnings[0]
    assert "16 frame(s) are damaged or come soon after damage, the first at 0.84 s" in source.warnings[1]


def test_closing_the_items_closes_the_file(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp4", Clip())
    before = len(list(Path("/proc/self/fd").iterdir()))
    items = opened(path).items()
    next(items)
    items.close()  # type: ignore[attr-defined]
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize("name", ["-a.mp4", "a%d.mp4", "a:b.mp4", "ä ☂ 100%.mp4", "concat:a.mp4"])
def test_strange_names_are_taken_literally(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path / "plain.mp4", Clip()).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert len(seen(Path(name))) == 8


def _text(folder: Path) -> Path:
    (folder / "a.mp4").write_text("no film at all\n" * 50)
    return folder / "a.mp4"


def _playlist(folder: Path) -> Path:
    make(folder / "secret.mp4", Clip())
    (folder / "a.mp4").write_text(f"ffconcat version 1.0\nfile {folder}/secret.mp4\n")
    return folder / "a.mp4"


def _hls(folder: Path) -> Path:
    make(folder / "s.ts", Clip())
    (folder / "a.m3u8").write_text(f"#EXTM3U\n#EXTINF:1,\nfile://{folder}/s.ts\n#EXT-X-ENDLIST\n")
    return folder / "a.m3u8"


def _sound(folder: Path) -> Path:
    with av.open(str(folder / "a.mp4"), "w") as out:
        track = out.add_stream("aac", rate=48_000)
        for packet in beep(track, 4800, 48_000, 440):
            out.mux(packet)
    return folder / "a.mp4"


def _empty(folder: Path) -> Path:
    (folder / "a.mp4").touch()
    return folder / "a.mp4"


def _pipe(folder: Path) -> Path:
    os.mkfifo(folder / "a.mp4")
    return folder / "a.mp4"


@pytest.mark.parametrize(
    ("maker", "sentence"),
    [
        (_text, "neither a video nor a picture"),
        (_playlist, "neither a video nor a picture"),
        (_hls, "neither a video nor a picture"),
        (_sound, "holds only sound"),
        (_empty, "is empty"),
        (_pipe, "not a regular file"),
        (lambda folder: folder, "is a folder"),
        (lambda folder: folder / "missing.mp4", "there is no such file"),
        (lambda folder: folder / "bad\0name.mp4", "cannot be opened"),
    ],
)
def test_what_is_no_video_is_refused_in_a_sentence(
    tmp_path: Path, maker: Callable[[Path], Path], sentence: str
) -> None:
    path = maker(tmp_path)
    attempts: tuple[Callable[[Path], object], ...] = (opened, sniff)
    for attempt in attempts:
        with pytest.raises(InputError, match=sentence) as caught:
            attempt(path)
        assert str(caught.value).count("\n") == 0


def test_a_picture_too_large_is_refused_before_decoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream_guard.sources.pyav.MAX_PIXELS", 1000)
    with pytest.raises(InputError, match="64x48 pixels; at most"):
        opened(make(tmp_path / "a.mp4", Clip()))


def test_a_cover_picture_is_not_the_video(footage: Path) -> None:
    source = opened(footage / "odd" / "cover_art_face.mp4")
    assert sum(isinstance(i, Frame) for i in source.items()) == 60
    assert any(phrase.startswith("cover picture") for phrase in source.media.dropped)
    with pytest.raises(InputError, match="a cover picture is not a video"):
        opened(footage / "odd" / "audio_cover_face.mp3")


def test_protected_and_damaged_files(footage: Path) -> None:
    with pytest.raises(InputError, match="protected"):
        opened(footage / "odd" / "fate_wmv_drm.wmv")
    assert len(seen(footage / "odd" / "trunc_tail.mp4")) == 35
    assert any(f.stamp.time_s < 0 for f in seen(footage / "odd" / "pts_wrap.ts"))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("anim.apng", "video"), ("anim.gif", "video"), ("pil_hopper.gif", "still"), ("rot90.mp4", "video"),
        ("exif_orient_6.jpg", "still"), ("avif.avif", "still"), ("heic.heic", "still"),
        ("rgb16.png", "still"),
        ("lzw.tif", "still"), ("alpha50.webp", "still"), ("pil_16bit.cropped.jp2", "still"),
        ("fate_wrong_ext_is_ts.mp4", "video"), ("pil_dispose_bgnd.gif", "video"),
        ("raw_annexb.264", "video"),
    ],
)  # fmt: skip
def test_kinds_are_told_by_content(footage: Path, name: str, kind: str) -> None:
    assert sniff(footage / "odd" / name) == kind
