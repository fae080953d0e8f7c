"""A station shows redacted frames or a card, whatever its camera and its detector do."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path
from threading import Event

import av
import pytest

from stream_guard.errors import SourceLostError
from stream_guard.live import station
from stream_guard.live.session import Judges, Session
from stream_guard.model.address import SafeUrl
from stream_guard.model.frame import Frame, Item
from stream_guard.model.live import State
from stream_guard.model.ports import Redactor
from stream_guard.model.redacted import RedactedFrame
from stream_guard.model.verdict import Cover, Detection
from stream_guard.sources.camera import Framer
from stream_guard.sources.handed import HandedSource
from stream_guard.sources.rtsp import RtspSource
from tests.cameras import Fault, Faulty, RtspCamera, TestBench, painter, planted_file, require_rtsp_server
from tests.stations import planted, shows_code, until
from tests.watching import on_air

CANARY = "Canary-9031"


class Planted:
    """A live source that shows the planted code at 25 frames per second."""

    label = "planted"
    idle = False

    def __init__(self, sizes: Sequence[tuple[int, int]] = ((320, 240),), each: int = 10**9) -> None:
        self._sizes, self._each = list(sizes), each
        self._count = 0

    def items(self, stopped: Event) -> Iterator[Item]:
        framer, start_s, first = Framer(self.label), time.monotonic(), self._count
        while not stopped.wait(max(0.0, start_s + (self._count - first) / 25 - time.monotonic())):
            size = self._sizes[min(self._count // self._each, len(self._sizes) - 1)]
            raw = av.VideoFrame.from_ndarray(planted(*size, self._count), "rgb24")
            self._count += 1
            yield framer.frame(raw.reformat(format="yuv420p"))


def test_the_watcher_would_see_the_code() -> None:
    assert shows_code(planted())


def test_frames_come_out_covered_with_the_delay_that_was_asked_for() -> None:
    with on_air(Planted()) as seen:
        assert until(lambda: seen.is_live() and len(seen.frames) > 60)
        status = seen.station.status()
    assert status.faces == 1
    assert (status.width, status.height) == (320, 240)
    assert 20 <= status.fps <= 27
    assert 0.2 <= sorted(status.latency_s)[len(status.latency_s) // 2] <= 0.6  # six frames at 25 a second


def _raises(late: int, right: Sequence[Detection]) -> Sequence[Detection]:
    raise RuntimeError("out of memory")


def _nan(late: int, right: Sequence[Detection]) -> Sequence[Detection]:
    return [Detection(right[0].box, float("nan"), "faulty")] if right else right


def _bursts(late: int, right: Sequence[Detection]) -> Sequence[Detection]:
    return right if late % 12 < 6 else ()


@pytest.mark.parametrize(("fault", "state"), [(_raises, "degraded"), (_nan, "degraded"), (_bursts, "live")])
def test_a_faulty_detector_shows_nobody(fault: Fault, state: str) -> None:
    with on_air(Planted(), TestBench(lambda: Faulty(fault))) as seen:
        assert until(seen.is_live)
        after = len(seen.frames) + 100
        assert until(lambda: len(seen.frames) > after)
        assert seen.station.status().state.value == state


class Fickle(Planted):
    """A camera that is lost after twenty frames, and is there again at once."""

    def items(self, stopped: Event) -> Iterator[Item]:
        yield from islice(super().items(stopped), 20)
        raise SourceLostError("it was lost", at_once=True)


def _held() -> list[object]:
    return [one for one in gc.get_objects() if isinstance(one, (Session, Frame, SourceLostError))]


def test_a_lost_camera_leaves_no_pictures_behind() -> None:
    """Python's cycle collector comes seldom, and a camera that flaps loses a session every few seconds."""
    gc.collect()
    before = _held()  # other tests have errors as parameters
    gc.disable()
    try:
        with on_air(Fickle()) as seen:
            assert until(lambda: seen.station.status().reconnects >= 3, 20)
        left = [type(one) for one in _held() if not any(one is known for known in before)]
    finally:
        gc.enable()
    assert left == []


def test_a_detector_that_hangs_brings_a_card_and_is_replaced() -> None:
    hangs, again = Event(), Event()

    def fault(late: int, right: Sequence[Detection]) -> Sequence[Detection]:
        if not again.is_set():
            hangs.set()
            again.wait(60)
        return right

    bench = TestBench(lambda: Faulty(fault))
    with on_air(Planted(), bench) as seen:
        assert hangs.wait(20)
        began_s = time.monotonic()
        assert until(lambda: seen.has_card_since(began_s), 3.5)
        assert seen.station.status().reason == "the detector does not answer"
        assert until(lambda: bench.abandoned > 0, 12)
        again.set()
        assert until(seen.is_live)


def test_detectors_that_all_hang_are_not_loaded_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(station, "_DEAD_S", 0.6)
    monkeypatch.setattr(station, "_MOST_HANGING", 2)
    again = Event()

    def fault(late: int, right: Sequence[Detection]) -> Sequence[Detection]:
        again.wait(60)
        return right

    bench = TestBench(lambda: Faulty(fault, spared=0))
    with on_air(Planted(), bench) as seen:
        assert until(lambda: "one after the other" in (seen.station.status().reason or ""), 20)
        assert (seen.station.status().state, bench.abandoned) == (State.FAILED, 2)
        assert all(card for _, card in seen.frames)
        again.set()


def test_detectors_that_cannot_be_loaded_at_first_are_tried_again() -> None:
    class Scarce(TestBench):
        def judges(self) -> Judges:
            self.abandoned += 1
            if self.abandoned == 1:
                raise MemoryError
            return super().judges()

    with on_air(Planted(), Scarce()) as seen:
        assert until(lambda: "cannot be loaded (MemoryError)" in (seen.station.status().reason or ""))
        assert until(seen.is_live)


def test_a_driver_that_never_gives_its_reader_back_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(station, "_LEAVES_WITHIN_S", 0.3)
    gives_back = Event()

    class Stuck(Planted):
        def items(self, stopped: Event) -> Iterator[Item]:
            yield from islice(super().items(stopped), 20)
            gives_back.wait(60)

    with on_air(Stuck()) as seen:
        assert until(lambda: seen.station.status().state is State.STALLED)
        began_s = time.monotonic()
    assert time.monotonic() - began_s < 5
    assert not [thread for thread in threading.enumerate() if thread.name == "guard"]
    gives_back.set()


def test_the_delay_counts_the_time_in_which_a_frame_waits_for_the_guard() -> None:
    looks, go_on = Event(), Event()

    def fault(late: int, right: Sequence[Detection]) -> Sequence[Detection]:
        looks.set()
        go_on.wait(20)
        return right

    taken: list[float | None] = []
    judges = TestBench(lambda: Faulty(fault, spared=0), lag=0).judges()
    session = Session(judges, lambda _session, _item, taken_s: taken.append(taken_s))
    framer = Framer("cam")
    raw = [av.VideoFrame.from_ndarray(planted(index=k), "rgb24").reformat(format="yuv420p") for k in range(2)]
    session.put(framer.frame(raw[0]))
    assert looks.wait(20)
    session.put(framer.frame(raw[1]))
    put_s = time.monotonic()
    go_on.set()
    assert until(lambda: len(taken) == 2)
    assert session.end()
    assert taken[1] is not None
    assert taken[1] <= put_s


def test_a_picture_that_changes_its_size_is_covered_all_along() -> None:
    with on_air(Planted([(320, 240), (480, 360), (320, 240)], each=50)) as seen:
        assert until(lambda: seen.station.status().width == 480)
        assert until(lambda: seen.station.status().width == 320 and seen.station.status().reconnects == 2)


def test_nobody_publishes_then_somebody_does_and_leaves() -> None:
    class Counted(TestBench):
        judged = 0

        def judges(self) -> Judges:
            self.judged += 1
            return super().judges()

    source, bench = HandedSource("browser"), Counted()
    with on_air(source, bench) as seen:
        assert until(lambda: len(seen.frames) >= 3)
        status = seen.station.status()
        assert (status.state, status.reason) == (State.STALLED, "browser: nobody publishes")
        assert (status.idle, status.reconnects, bench.judged) == (True, 0, 0)
        assert all(card for _, card in seen.frames)
        assert all(b - a > 0.9 for (a, _), (b, _) in pairwise(seen.frames))
        for index in range(75):
            raw = av.VideoFrame.from_ndarray(planted(index=index), "rgb24").reformat(format="yuv420p")
            source.hand(raw)
            time.sleep(0.04)
        assert seen.is_live()
        assert not seen.station.status().idle
        gone_s = time.monotonic()
        source.hang_up()
        assert until(lambda: seen.station.status().idle, 1)
        assert until(lambda: seen.has_card_since(gone_s), 3)
        assert (seen.station.status().reconnects, bench.judged) == (0, 1)


class _Counted:
    """A redactor that knows how many frames it has painted."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self.painted = 0

    def render(self, frame: Frame, cover: Cover) -> RedactedFrame:
        self.painted += 1
        return self._redactor.render(frame, cover)


def test_frames_that_were_not_final_are_never_shown_and_not_even_painted() -> None:
    """The source ends for good while its last frames wait for their covers."""
    redactor = _Counted(painter())

    class Bench(TestBench):
        def judges(self) -> Judges:
            return replace(super().judges(), redactor=redactor)

    def final() -> int:
        return 20 - 6 - seen.station.status().dropped

    def real() -> int:
        return sum(not card for _, card in seen.frames)

    class Short(Planted):
        def items(self, stopped: Event) -> Iterator[Item]:
            if not self._count:
                yield from islice(super().items(stopped), 20)
                assert until(lambda: real() == final())
            raise SourceLostError("planted was lost")

    with on_air(Short(), Bench()) as seen:
        assert until(lambda: seen.station.status().reason == "planted was lost")
    assert 0 < real() == redactor.painted == final()


def test_what_a_hanging_detector_says_at_last_is_not_shown() -> None:
    looks, go_on = Event(), Event()

    def fault(late: int, right: Sequence[Detection]) -> Sequence[Detection]:
        looks.set()
        go_on.wait(20)
        return right

    shown: list[object] = []
    judges = TestBench(lambda: Faulty(fault, spared=0), lag=0).judges()
    session = Session(judges, lambda _session, item, _taken_s: shown.append(item))
    session.put(
        Framer("cam").frame(av.VideoFrame.from_ndarray(planted(), "rgb24").reformat(format="yuv420p"))
    )
    assert looks.wait(20)
    assert not session.end()
    go_on.set()
    assert until(lambda: not session.hangs)
    assert shown == []


@pytest.fixture(scope="module")
def footage_of_code(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    require_rtsp_server()
    folder = tmp_path_factory.mktemp("cameras")
    return {
        "usual": planted_file(folder / "usual.mp4", 60),
        "larger": planted_file(folder / "larger.mp4", 60, 640, 480),
    }


def _source(camera: RtspCamera, password: str = CANARY) -> RtspSource:
    return RtspSource(SafeUrl.parsed(camera.url, "viewer", password))


@pytest.mark.parametrize("trouble", ["kill", "freeze"])
def test_a_camera_that_goes_brings_a_card_and_comes_back(
    footage_of_code: dict[str, Path], trouble: str
) -> None:
    with (
        RtspCamera(footage_of_code["usual"], login=("viewer", CANARY)) as camera,
        on_air(_source(camera)) as seen,
    ):
        for file in ("usual", "larger"):
            assert until(seen.is_live)
            gone_s = time.monotonic()
            getattr(camera, trouble)()
            assert until(lambda gone_s=gone_s: seen.has_card_since(gone_s), 3.5)  # type: ignore[misc]
            assert until(lambda: seen.station.status().state is State.STALLED, 8)
            camera.kill()
            with RtspCamera(footage_of_code[file], camera.port, ("viewer", CANARY)):
                assert until(seen.is_live, 5)
            camera.start()
        assert CANARY not in repr(seen.station.status())


def test_a_wrong_password_is_said_without_the_password(
    footage_of_code: dict[str, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    with (
        RtspCamera(footage_of_code["usual"], login=("viewer", "right")) as camera,
        on_air(_source(camera)) as seen,
    ):
        assert until(lambda: seen.station.status().state is State.FAILED)
        status = seen.station.status()
    assert status.reason is not None
    assert "refuses the user or the password" in status.reason
    assert CANARY not in repr(status) + "".join(capfd.readouterr())


def test_a_camera_that_is_not_there_is_said_to_be_so() -> None:
    source = RtspSource(SafeUrl.parsed("rtsp://127.0.0.1:9/cam", "viewer", CANARY))
    with pytest.raises(SourceLostError, match=r"^rtsp://127.0.0.1:9/cam refuses the connection") as caught:
        next(iter(source.items(Event())))
    assert CANARY not in repr(caught.getrepr())
    assert caught.value.__cause__ is None or CANARY not in repr(caught.value.__cause__)


def test_restarts_leave_no_thread_and_no_descriptor_behind(footage_of_code: dict[str, Path]) -> None:
    before = set(threading.enumerate())
    descriptors = []
    with RtspCamera(footage_of_code["usual"]) as camera:
        for _ in range(4):
            with on_air(RtspSource(SafeUrl.parsed(camera.url))) as seen:
                assert until(seen.is_live)
            descriptors.append(len(list(Path("/proc/self/fd").iterdir())) if Path("/proc").is_dir() else 0)
    assert set(threading.enumerate()) <= before
    assert descriptors[-1] == descriptors[0]
