"""Recordings and HLS, judged by what is on the disk; also after the program was killed."""

from __future__ import annotations

import gc
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import av
import pytest

from stream_guard.errors import OutputError
from stream_guard.outputs.branch import Branches, LiveEncoding
from stream_guard.outputs.encoder import Encoder
from stream_guard.outputs.hls import Hls, hls
from stream_guard.outputs.muxer import Muxer
from stream_guard.outputs.output import Feed
from stream_guard.outputs.record import Recording, record
from stream_guard.outputs.rtp import units
from stream_guard.outputs.sessions import Sessions
from stream_guard.sources.paced import PacedSource
from tests.cameras import clapping_file
from tests.media import Clip, make
from tests.stations import RGB, Feeder, shows_code, until
from tests.watching import on_air

FAST_KEYS = LiveEncoding(key_interval_s=0.3)


@contextmanager
def writing(feeder: Feeder, make_output: Callable[[Feed], Sessions], sound: Any = None) -> Iterator[Sessions]:
    branches = Branches(feeder.hub, FAST_KEYS)
    output = make_output(Feed("cam 1", feeder.hub, branches, lambda: sound))
    output.start()
    try:
        yield output
    finally:
        output.stop()
        branches.close()


def pictures(path: Path) -> list[RGB]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]  # type: ignore[misc]


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("cam-1_*.mp4"))


@contextmanager
def sound_of(path: Path, codec: str) -> Iterator[tuple[Any, Callable[[float], list[Any]]]]:
    """Make a tone; yield its stream, and what returns its packets as they fall due, over and over."""
    rate = 48_000 if codec == "aac" else 8000
    file = make(path.with_suffix(".mov"), Clip(frames=300, sounds=(codec,), sound_rate=rate))
    with av.open(str(file)) as container:
        stream = container.streams.audio[0]
        packets = [packet for packet in container.demux(stream) if packet.size]
        yield stream, _paced(packets)


def _paced(packets: list[Any]) -> Callable[[float], list[Any]]:
    waiting, began_s = iter(packets), time.monotonic()
    held: list[Any] = []

    def due(now_s: float) -> list[Any]:
        found: list[Any] = []
        while (packet := held.pop() if held else next(waiting, None)) is not None:
            if packet.pts * packet.time_base > now_s - began_s:
                held.append(packet)
                break
            found.append(packet)
        return found

    return due


@pytest.mark.parametrize("way", ["record", "hls"])
def test_sound_that_turns_up_later_is_kept_from_then_on(way: str, tmp_path: Path) -> None:
    known: list[Any] = []

    def made(feed: Feed) -> Sessions:
        late = replace(feed, sound=lambda: known[0] if known else None)
        return record(late, Recording(tmp_path)) if way == "record" else hls(late, Hls(tmp_path, 0.3))

    with (
        sound_of(tmp_path / "tone", "aac") as (stream, due),
        Feeder(sound=due) as feeder,
        writing(feeder, made) as output,
    ):
        assert until(lambda: output.status().sent > 15)
        known.append(stream)
        sent = output.status().sent
        assert until(lambda: output.status().sent > sent + 40)
    headers = sorted(tmp_path.glob("cam-1_*_header.mp4" if way == "hls" else "cam-1_*.mp4"))
    sounds = []
    for path in headers:
        with av.open(str(path)) as container:
            sounds.append(len(container.streams.audio))
    assert sounds == [0, 1]


def test_segments_hold_redacted_pictures_and_follow_each_other(tmp_path: Path) -> None:
    with Feeder() as feeder, writing(feeder, lambda f: record(f, Recording(tmp_path / "a", 0.6))) as output:
        assert until(lambda: len(segments(tmp_path / "a")) >= 2)
        assert output.status().reason is None
    files = segments(tmp_path / "a")
    found = [pictures(path) for path in files]
    assert sum(map(len, found)) == output.status().sent
    assert all(12 <= len(one) <= 40 for one in found[:-1])
    assert not any(shows_code(rgb) for one in found for rgb in one)
    assert list((tmp_path / "a").glob(".*")) == []


@pytest.mark.parametrize(("codec", "becomes"), [("aac", "aac"), ("pcm_alaw", "aac")])
def test_sound_is_kept(codec: str, becomes: str, tmp_path: Path) -> None:
    with (
        sound_of(tmp_path / "tone", codec) as (stream, due),
        Feeder(sound=due) as feeder,
        writing(feeder, lambda f: record(f, Recording(tmp_path / "a")), stream) as output,
    ):
        assert until(lambda: output.status().sent > 45)
    with av.open(str(segments(tmp_path / "a")[0])) as container:
        assert container.streams.audio[0].codec_context.name == becomes
        heard: list[Any] = list(container.decode(audio=0))
        seconds = sum(frame.samples / frame.sample_rate for frame in heard)
    assert 1.0 < seconds < 2.2
    assert abs(float(heard[0].time)) < 0.5


def test_a_camera_that_comes_back_is_recorded_with_its_sound(tmp_path: Path) -> None:
    """Its stream of before is gone by then, and the memory with it."""
    source = PacedSource(clapping_file(tmp_path / "x.mov", 2), loop=True)
    with on_air(source) as seen:
        branches = Branches(seen.station.hub, FAST_KEYS)
        feed = Feed("cam 1", seen.station.hub, branches, lambda: seen.station.sound)
        output = record(feed, Recording(tmp_path / "a", 0.8))
        output.start()
        try:
            assert until(lambda: seen.station.status().reconnects >= 3, 20)
            gc.collect()
            complete = len(segments(tmp_path / "a"))
            assert until(lambda: len(segments(tmp_path / "a")) >= complete + 2)
        finally:
            output.stop()
            branches.close()
    heard = []
    for path in segments(tmp_path / "a")[:-1]:
        with av.open(str(path)) as container:
            heard.append(sum(frame.samples for frame in container.decode(audio=0)))
    assert len(heard) >= 5
    assert all(samples > 2000 for samples in heard[1:])


def test_another_size_begins_another_segment(tmp_path: Path) -> None:
    with Feeder() as feeder, writing(feeder, lambda f: record(f, Recording(tmp_path))) as output:
        assert until(lambda: output.status().sent > 10)
        feeder.width, feeder.height = 160, 120
        assert until(lambda: len(segments(tmp_path)) == 1)
        sent = output.status().sent
        assert until(lambda: output.status().sent > sent + 10)
    sizes = [{rgb.shape for rgb in pictures(path)} for path in segments(tmp_path)]
    assert sizes == [{(240, 320, 3)}, {(120, 160, 3)}]


@pytest.mark.parametrize("movflags", ["hybrid_fragmented+frag_keyframe", "empty_moov+frag_keyframe"])
def test_a_slow_camera_is_written_in_one_piece(movflags: str, tmp_path: Path) -> None:
    feeder, encoder, file = Feeder(), Encoder("h264", FAST_KEYS), tmp_path / "x.mp4"
    coded = [one for i in range(90) for one in encoder.encode(feeder.aired(i, 100 + i / 10))]
    sets = {unit for one in coded for unit in units(bytes(one.packet)) if unit[0] & 31 == 7}
    assert len(sets) == 2  # the encoder has learnt the camera's rate
    muxer = Muxer(str(file), "x", {"movflags": movflags}, coded[0])
    for one in coded:
        muxer.write(one)
    muxer.close()
    found = pictures(file)
    assert len(found) == 90
    assert not any(map(shows_code, found))


CHILD = """
import sys, time
from pathlib import Path
from stream_guard.outputs.branch import Branches, LiveEncoding
from stream_guard.outputs.muxer import Muxer
from stream_guard.outputs.output import Feed
from stream_guard.outputs.record import Recording, record
from tests.stations import Feeder
with Feeder() as feeder:
    branches = Branches(feeder.hub, LiveEncoding(key_interval_s=0.3))
    output = record(Feed("cam 1", feeder.hub, branches), Recording(Path(sys.argv[1])))
    output.start()
    while True:
        time.sleep(0.05)
        print(output.status().sent, output.status().reason, flush=True)
"""


def test_what_was_recorded_survives_a_kill_and_is_given_its_name(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    try:
        assert any(int(line.split()[0]) > 60 for line in child.stdout)
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.communicate()
    assert segments(tmp_path) == []
    (draft,) = tmp_path.glob(".*.part")
    assert len(pictures(draft)) > 40
    assert not any(map(shows_code, pictures(draft)))
    with Feeder() as feeder, writing(feeder, lambda f: record(f, Recording(tmp_path))) as output:
        assert until(lambda: output.status().sent > 5)
        assert len(segments(tmp_path)) == 1
        assert len(pictures(segments(tmp_path)[0])) > 40
        (begun,) = tmp_path.glob(".*.part")
        with writing(feeder, lambda f: record(f, Recording(tmp_path))) as second:  # spares what is written to
            assert until(lambda: second.status().sent > 5)
            assert begun.exists()
    assert len(segments(tmp_path)) == 3


def test_a_full_disk_is_reported_and_what_is_there_can_be_read(tmp_path: Path) -> None:
    limited = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))\n" + CHILD
    child = subprocess.Popen(
        [sys.executable, "-c", limited, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    try:
        assert any("cannot be written" in line for line in child.stdout)
    finally:
        child.kill()
        child.communicate()
    shown = 0
    with av.open(str(segments(tmp_path)[0])) as container, suppress(av.InvalidDataError):
        for _ in container.decode(video=0):
            shown += 1
    assert shown > 10


def test_the_oldest_segments_go_and_other_files_stay(tmp_path: Path) -> None:
    others = [
        "cam-1_holiday.mp4",
        "cam-10_20200101T000000-000Z.mp4",
        "cam-1_20200101T000000-000Z.mp4.txt",
        "x.mp4",
    ]
    old = [f"cam-1_2020010{day}T000000-000Z.mp4" for day in range(1, 6)]
    for number, name in enumerate((*others, *old)):
        (tmp_path / name).write_bytes(bytes(1_000_000))
        os.utime(tmp_path / name, (time.time() - 3600 * (100 - number),) * 2)
    recording = Recording(tmp_path, 600, keep_days=3.92, keep_gb=0.0025)  # 94 hours; two of the five fit
    with Feeder() as feeder, writing(feeder, lambda f: record(f, recording)) as output:
        assert until(lambda: output.status().sent > 3)
        left = {path.name for path in tmp_path.iterdir() if not path.name.startswith(".")}
    assert left == {*others, *old[3:]}


def test_a_folder_that_cannot_be_is_an_error_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for output in (record, lambda f, r: hls(f, Hls(r.folder))):
        with Feeder() as feeder, pytest.raises(OutputError, match="file/x cannot be written"):
            output(Feed("cam", feeder.hub, Branches(feeder.hub)), Recording(tmp_path / "file" / "x")).start()


def test_hls_can_be_played_and_stays_small(tmp_path: Path) -> None:
    wanted = Hls(tmp_path, segment_s=0.5, segments=3)
    with Feeder() as feeder, writing(feeder, lambda f: hls(f, wanted)) as output:
        playlist = tmp_path / "cam-1.m3u8"
        assert until(lambda: playlist.exists() and "#EXTINF" in playlist.read_text())
        with av.open(str(playlist)) as container:  # while it is live
            early: list[Any] = [f.to_ndarray(format="rgb24") for f in islice(container.decode(video=0), 5)]
        assert until(lambda: output.status().sent > 100, 15)
        assert len(list(tmp_path.iterdir())) <= 1 + 1 + 3 + 3
    text = playlist.read_text()
    assert text.endswith("#EXT-X-ENDLIST\n")
    assert int(text.split("#EXT-X-MEDIA-SEQUENCE:")[1].split()[0]) > 1_700_000_000
    found = pictures(playlist)
    assert 20 <= len(found) <= 80
    assert not any(map(shows_code, (*early, *found)))
    assert list(tmp_path.glob("*.part")) == []


def test_hls_goes_on_with_another_size_and_sound(tmp_path: Path) -> None:
    with sound_of(tmp_path / "tone", "pcm_alaw") as (stream, due), Feeder(sound=due) as feeder:
        folder = tmp_path / "web"
        with writing(feeder, lambda f: hls(f, Hls(folder, 0.5, 20)), stream) as output:
            assert until(lambda: output.status().sent > 20)
            feeder.width, feeder.height = 160, 120
            assert until(lambda: output.status().sent > 45)
    playlist = folder / "cam-1.m3u8"
    text = playlist.read_text()
    assert (text.count("#EXT-X-MAP"), text.count("#EXT-X-DISCONTINUITY\n")) == (2, 1)
    assert {rgb.shape for rgb in pictures(playlist)} == {(240, 320, 3), (120, 160, 3)}
    assert sum(map(len, stretches(playlist))) == output.status().sent
    with av.open(str(playlist)) as container:
        assert container.streams.audio[0].codec_context.name == "aac"


def stretches(playlist: Path) -> list[list[RGB]]:
    """Decode what has a header in common as one file: FFmpeg loses pictures where the header changes."""
    files: list[bytes] = []
    for line in playlist.read_text().splitlines():
        if header := re.match(r'#EXT-X-MAP:URI="(.*)"', line):
            files.append((playlist.parent / header[1]).read_bytes())
        elif not line.startswith("#"):
            files[-1] += (playlist.parent / line).read_bytes()
    whole = playlist.with_suffix(".mp4")
    found = []
    for content in files:
        whole.write_bytes(content)
        found.append(pictures(whole))
    return found


def test_hls_of_an_earlier_run_is_cleared(tmp_path: Path) -> None:
    for name in ("cam-1_17.m4s", "cam-1_17_header.mp4", "cam-2_17.m4s", "cam-1.txt"):
        (tmp_path / name).write_bytes(b"x")
    with Feeder() as feeder, writing(feeder, lambda f: hls(f, Hls(tmp_path, 0.3))) as output:
        assert until(lambda: output.status().sent > 3)
    assert {path.name for path in tmp_path.iterdir() if path.read_bytes() == b"x"} == {
        "cam-2_17.m4s",
        "cam-1.txt",
    }
