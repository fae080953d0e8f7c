"""Live sources yield frames in order at their pace, and say in one sentence why they end."""

from __future__ import annotations

import gc
import socket
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from threading import Event
from traceback import format_exception

import av
import pytest

from stream_guard.errors import SettingsError, SourceLostError
from stream_guard.live.load import LAST_STEP, STEPS, Load
from stream_guard.live.mailbox import NewestWins
from stream_guard.model.address import SafeUrl, is_loopback
from stream_guard.model.frame import Frame, Item, Passthrough
from stream_guard.model.ports import LiveSource
from stream_guard.settings.live import Camera
from stream_guard.sources.camera import Framer, camera_items
from stream_guard.sources.paced import PacedSource
from stream_guard.sources.pattern import PatternSource
from stream_guard.sources.rtsp import RtspSource
from stream_guard.sources.sound import is_same_sound, own_stream
from stream_guard.sources.webcam import WebcamSource
from stream_guard.stations import UNNAMED, camera_of, source_of
from tests.cameras import RtspCamera, clapping_file, planted_file, require_rtsp_server
from tests.media import Clip, make
from tests.stations import planted

CANARY = "Canary-5520"
SAMPLES = Path(__file__).parents[1] / "samples"


def frames_of(source: LiveSource, count: int) -> Iterator[Frame]:
    stopped = Event()
    for item in source.items(stopped):
        if isinstance(item, Frame):
            yield item
            count -= 1
        if count <= 0:
            stopped.set()


def taken(source: LiveSource, count: int) -> list[Frame]:
    return list(frames_of(source, count))


def until_lost(items: Iterator[Item]) -> tuple[list[Item], SourceLostError]:
    """Take all items; return them and why there are no more."""
    got: list[Item] = []
    try:
        got.extend(items)
    except SourceLostError as lost:
        return got, lost
    raise AssertionError("a live source ended without a reason")


def test_the_test_picture_comes_at_its_pace_in_its_size() -> None:
    began_s = time.monotonic()
    frames = taken(PatternSource.parsed("test:320x180@20", SAMPLES / "portrait.jpg"), 21)
    assert 0.9 <= time.monotonic() - began_s <= 3
    assert {(f.picture.width, f.picture.height) for f in frames} == {(320, 180)}
    assert frames[20].stamp.time_s == pytest.approx(1.0, abs=0.06)


@pytest.mark.parametrize("text", ["test:1x1", "test:640", "test:640x360@0", "testing"])
def test_a_wrong_test_picture_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="is no test picture"):
        PatternSource.parsed(text, SAMPLES / "portrait.jpg")


def test_a_file_is_played_at_its_pace_and_then_has_ended(tmp_path: Path) -> None:
    path = planted_file(tmp_path / "x.mp4", 1.0)
    began_s = time.monotonic()
    items, lost = until_lost(PacedSource(path).items(Event()))
    assert (str(lost), lost.needs_a_person, lost.at_once) == ("x.mp4 has ended", True, False)
    assert len(items) == 25
    assert 0.8 <= time.monotonic() - began_s <= 3


def test_a_webcam_that_is_not_there_is_said_to_be_so() -> None:
    with pytest.raises(SourceLostError, match="webcam 77 cannot be opened") as caught:
        next(iter(WebcamSource("77").items(Event())))
    assert caught.value.needs_a_person


def test_a_change_of_size_ends_a_session() -> None:
    framer = Framer("cam")
    framer.frame(av.VideoFrame.from_ndarray(planted(), "rgb24"))
    with pytest.raises(SourceLostError, match="cam changed its picture to 640x480") as caught:
        framer.frame(av.VideoFrame.from_ndarray(planted(640, 480), "rgb24"))
    assert caught.value.at_once


def test_time_runs_on_where_time_stamps_leap_or_are_missing() -> None:
    framer, times = Framer("cam"), []
    for pts in (0, 3600, 7200, None, 10**9, 5, 3605):
        raw = av.VideoFrame.from_ndarray(planted(), "rgb24")
        raw.pts = pts
        if pts is not None:
            raw.time_base = Fraction(1, 90_000)
        times.append(framer.frame(raw).stamp.time_s)
    steps = [b - a for a, b in pairwise(times)]
    assert all(0 < step < 1 for step in steps)
    assert steps[0] == pytest.approx(0.04)


def test_frames_after_damage_are_marked_until_a_key_frame(tmp_path: Path) -> None:
    path = planted_file(tmp_path / "x.ts", 3.0)
    broken = bytearray(path.read_bytes())
    middle = len(broken) // 2
    broken[middle : middle + 188 * 3] = bytes(188 * 3)
    path.write_bytes(broken)
    items, _ = until_lost(camera_items(av.open(str(path)), "cam", Event(), keep_audio=False))
    damaged = [item.damaged for item in items if isinstance(item, Frame)]
    assert any(damaged)
    assert not damaged[0]
    assert not damaged[-1]


@pytest.mark.parametrize("lose", [29, 200])
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_every_frame_after_a_lost_packet_is_marked(tmp_path: Path, transport: str, lose: int) -> None:
    """Decoding is exact to the bit: a frame that can be trusted is one of the file's."""
    require_rtsp_server()
    path = planted_file(tmp_path / "x.mp4", 5.0, 640, 480)
    with av.open(path) as container:
        right = {hash(frame.to_ndarray().tobytes()) for frame in container.decode(video=0)}
    with RtspCamera(path, lose=lose) as camera:
        source = RtspSource(SafeUrl.parsed(camera.url), transport)
        damaged, trusted = 0, []
        for frame in frames_of(source, 100):
            damaged += frame.damaged
            if not frame.damaged:
                trusted.append(hash(frame.picture.handle.frame.to_ndarray().tobytes()))
    assert damaged
    assert trusted or lose < 100
    assert set(trusted) <= right


def test_a_camera_that_sends_only_sound_any_more_is_lost(tmp_path: Path) -> None:
    require_rtsp_server()
    path = clapping_file(tmp_path / "x.mov", 30)
    with RtspCamera(path, sound=True, stall_s=3) as camera:
        source = RtspSource(SafeUrl.parsed(camera.url))
        items, lost = until_lost(source.items(Event()))
    assert "sends sound, but no picture any more" in str(lost)
    assert sum(isinstance(item, Frame) for item in items) >= 40
    late = items[max(i for i, item in enumerate(items) if isinstance(item, Frame)) :]
    heard_s = sum(item.payload.size for item in late if isinstance(item, Passthrough)) / 8000
    assert 2.5 < heard_s < 5


def sounding_file(path: Path, codec: str) -> Path:
    """Write a second of two tones, the first one in that codec."""
    return make(path.with_suffix(CONTAINERS[codec]), Clip(frames=25, sounds=(codec, codec), sound_rate=8000))


CONTAINERS = {"pcm_alaw": ".mov", "aac": ".mkv", "g726": ".avi"}


@pytest.mark.parametrize("codec", CONTAINERS)
@pytest.mark.parametrize("way", ["camera", "file"])
def test_the_sound_of_a_source_can_be_decoded_when_the_source_is_gone(
    way: str, codec: str, tmp_path: Path
) -> None:
    path = sounding_file(tmp_path / "x", codec)
    if way == "file":
        items, _ = until_lost(PacedSource(path).items(Event()))
    else:
        items, _ = until_lost(camera_items(av.open(path), "cam", Event(), keep_audio=True))
    packets = [item.payload for item in items if isinstance(item, Passthrough)]
    del items
    gc.collect()
    for _ in range(2):  # who hears it decodes it himself
        decoder = own_stream(packets[0].stream).codec_context
        assert decoder.name == codec
        samples = sum(frame.samples for packet in packets for frame in decoder.decode(packet))
        assert samples == pytest.approx(8000, abs=2100)


def test_sound_is_the_same_until_its_codec_changes(tmp_path: Path) -> None:
    streams = []
    for number, codec in enumerate(("aac", "aac", "pcm_alaw")):
        path = sounding_file(tmp_path / str(number), codec)
        items, _ = until_lost(camera_items(av.open(path), "cam", Event(), keep_audio=True))
        streams.append(next(item.payload.stream for item in items if isinstance(item, Passthrough)))
    assert is_same_sound(*streams[:2])
    assert not is_same_sound(*streams[1:])
    assert not is_same_sound(streams[0], None)
    assert is_same_sound(None, None)


# -- addresses and settings ----------------------------------------------------------------------------


def test_an_address_is_shown_without_its_secrets() -> None:
    url = SafeUrl.parsed(f"rtsp://admin:{CANARY}@10.0.0.7:554/h264?token={CANARY}")
    assert str(url) == "rtsp://10.0.0.7:554/h264"
    assert CANARY not in f"{url}"
    assert CANARY not in repr(url)
    xm = SafeUrl.parsed(f"rtsp://10.0.0.7/user=admin_password={CANARY}_channel=1_stream=0.sdp?real")
    assert str(xm) == "rtsp://10.0.0.7/user=admin_password=***"
    assert url.with_secrets == f"rtsp://admin:{CANARY}@10.0.0.7:554/h264?token={CANARY}"
    assert SafeUrl.parsed("rtsp://h/x", "a b", "p@/:").with_secrets == "rtsp://a%20b:p%40%2F%3A@h/x"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "::1", "localhost", "LOCALHOST"])
def test_only_this_machine_reaches_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "10.0.0.7", "localhost.example", "127.0.0.1.example"])  # noqa: S104
def test_others_reach_every_other_host(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize("password", [CANARY, f"12/{CANARY}", f"a/b{CANARY}"])
def test_a_password_on_the_command_line_is_refused(password: str) -> None:
    with pytest.raises(SettingsError, match="can be read by everybody") as caught:
        camera_of(f"rtsp://admin:{password}@10.0.0.7/x", {})
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("password", [f"12/{CANARY}", f"{CANARY}/b"])
def test_a_slash_in_a_password_shows_nothing_of_it(password: str) -> None:
    with pytest.raises(SettingsError, match="is no RTSP address") as caught:
        source_of(Camera(url=f"rtsp://admin:{password}@10.0.0.7/x"), "door")
    assert CANARY not in "".join(format_exception(caught.value))


def test_a_camera_that_falls_silent_gives_no_password_away(tmp_path: Path) -> None:
    require_rtsp_server()
    path = planted_file(tmp_path / "x.mp4", 5.0)
    with RtspCamera(path, login=("viewer", CANARY)) as camera:
        items = RtspSource(SafeUrl.parsed(camera.url, "viewer", CANARY)).items(Event())
        next(items)
        camera.freeze()
        _, lost = until_lost(items)
    assert str(lost) == f"{camera.url} stopped sending"
    assert CANARY not in "".join(format_exception(lost))


def test_a_camera_that_takes_a_connection_and_says_nothing_does_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"rtsp://127.0.0.1:{silent.getsockname()[1]}/x"
        _, lost = until_lost(RtspSource(SafeUrl.parsed(address)).items(Event()))
    assert str(lost) == f"{address} does not answer"


def test_sources_are_found_by_name_or_address() -> None:
    door = Camera(url="rtsp://10.0.0.7/x")
    assert camera_of("door", {"door": door}) == ("door", door)
    assert camera_of("test:", {})[0] == UNNAMED
    with pytest.raises(SettingsError, match="did you mean door"):
        camera_of("dor", {"door": door})
    kinds = {
        "rtsp://h/x": RtspSource, "webcam:1": WebcamSource, "/dev/video3": WebcamSource,
        "test:": PatternSource,
    }  # fmt: skip
    assert all(isinstance(source_of(Camera(url=url), "cam"), kind) for url, kind in kinds.items())
    with pytest.raises(SettingsError, match="has no source that is known"):
        source_of(Camera(url="gopher://x"), "cam")


# -- between source and guard ---------------------------------------------------------------------------


def _frame() -> Frame:
    return Framer("cam").frame(av.VideoFrame.from_ndarray(planted(), "rgb24"))


def _taken(box: NewestWins, count: int) -> list[Item]:
    """Take all that waits, which must be so many items, and end the mailbox."""
    got: list[Item] = []
    reader = threading.Thread(target=lambda: got.extend(box))
    reader.start()
    assert _until(lambda: len(got) == count)
    box.end()
    reader.join()
    return got


def test_the_newest_frame_wins_and_no_sound_is_dropped_for_it() -> None:
    box, frames = NewestWins(patience_s=0), [_frame() for _ in range(3)]
    for item in (frames[0], Passthrough("a"), frames[1], Passthrough("b"), frames[2]):
        box.put(item)
    got = _taken(box, 3)
    assert [item.payload if isinstance(item, Passthrough) else "frame" for item in got] == ["a", "b", "frame"]
    assert got[2] is frames[2]
    assert box.dropped == 2


def test_sound_that_nobody_takes_pushes_out_the_oldest_sound_and_no_frame() -> None:
    box = NewestWins()
    box.put(_frame())
    for number in range(502):
        box.put(Passthrough(number))
    frame, *sound = _taken(box, 500)
    assert isinstance(frame, Frame)
    assert [item.payload for item in sound if isinstance(item, Passthrough)] == list(range(3, 502))
    assert box.dropped == 0


def test_frames_of_the_last_moment_wait_for_a_look_that_takes_long() -> None:
    box, frames = NewestWins(patience_s=0.2), [_frame() for _ in range(4)]
    box.put(frames[0])
    time.sleep(0.25)
    for frame in frames[1:]:
        box.put(frame)
    got = _taken(box, 3)
    assert all(one is other for one, other in zip(got, frames[1:], strict=True))
    assert box.dropped == 1


def _until(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + 5
    while not condition() and time.monotonic() < end:
        time.sleep(0.005)
    return condition()


def test_load_is_shed_step_by_step_and_taken_back_in_calm() -> None:
    load, came, dropped = Load(), 0, 0
    steps = []
    for second in range(12):
        came, dropped = came + 30, dropped + 10
        load.note(float(second), came, dropped)
        steps.append(load.step)
    assert steps[-1] == LAST_STEP
    assert all(b - a in (0, 1) for a, b in pairwise(steps))
    assert STEPS[LAST_STEP].every == 2
    for second in range(12, 100):
        came += 30
        load.note(float(second), came, dropped)
    assert load.step == 0


def test_a_camera_that_comes_and_goes_sheds_no_load() -> None:
    load = Load()
    for session in range(5):
        for second in range(9):
            load.note(10.0 * session + second, 1 + 30 * second, 0)
    assert load.step == 0
