"""Every way out shows redacted frames only, slows nobody when its receiver freezes, and leaves nothing."""

from __future__ import annotations

import ast
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from types import ModuleType
from typing import Any

import av
import pytest

import stream_guard
from stream_guard import broadcast
from stream_guard.broadcast import Ways
from stream_guard.outputs import rtsp_publisher
from stream_guard.outputs.branch import Branches
from stream_guard.outputs.hls import Hls
from stream_guard.outputs.muxer import Muxer
from stream_guard.outputs.output import Feed, Output
from stream_guard.outputs.record import Recording
from stream_guard.outputs.registry import OUTPUTS
from stream_guard.outputs.rtsp_server import RtspServing
from stream_guard.outputs.target import target_of
from tests.stations import RGB, Feeder, shows_code, until
from tests.streams import new_threads
from tests.test_outputs_files import pictures
from tests.test_outputs_push import consents_then_freezes, needs_server, recorded, recorder, rude
from tests.test_outputs_rtsp import Talker, watched

PACKAGE = Path(stream_guard.__file__).parent
ENOUGH = 15
"""Pictures that are looked at."""


@dataclass(frozen=True)
class Walk:
    """An output that was made, and how to look at what its receiver got once the output has run."""

    output: Output
    received: Callable[[], list[RGB]]


@contextmanager
def through_rtsp_server(feed: Feed, folder: Path, frozen: bool) -> Iterator[Walk]:
    server: Any = OUTPUTS["rtsp_serve"]({feed.name: feed}, RtspServing(port=0))
    seen: list[RGB] = []
    talkers: list[Talker] = []

    def watch() -> None:
        seen.extend(watched(f"rtsp://127.0.0.1:{server.port}/{feed.name}", "tcp", ENOUGH))

    def freeze() -> None:
        talkers.append(Talker(server.port))
        assert talkers[0].status("SETUP", Transport="RTP/AVP/TCP;unicast;interleaved=0-1") == 200
        assert talkers[0].status("PLAY") == 200

    yield Walk(_Follower(server, freeze if frozen else watch), lambda: seen)
    for talker in talkers:
        talker.socket.close()


@dataclass
class _Follower:
    """An output, and what is to be done once it has started."""

    inner: Output
    then: Callable[[], None]
    name: str = "rtsp"

    def start(self) -> None:
        self.inner.start()
        self.then()

    def stop(self) -> None:
        self.inner.stop()

    def status(self) -> Any:
        return self.inner.status()


@contextmanager
def through_push(feed: Feed, folder: Path, frozen: bool) -> Iterator[Walk]:
    if frozen:
        with rude(consents_then_freezes) as port:
            yield Walk(OUTPUTS["push"](feed, target_of(f"rtsp://127.0.0.1:{port}/cam1")), list)
        return
    file = folder / "got.h264"
    with recorder(file) as server:
        output = OUTPUTS["push"](feed, target_of(server.url))
        yield Walk(output, lambda: recorded(file, ENOUGH))


@contextmanager
def through_hls(feed: Feed, folder: Path, frozen: bool) -> Iterator[Walk]:
    with _frozen_disk() if frozen else nullcontext():
        yield Walk(OUTPUTS["hls"](feed, Hls(folder, 0.5)), lambda: pictures(folder / "cam1.m3u8"))


@contextmanager
def through_record(feed: Feed, folder: Path, frozen: bool) -> Iterator[Walk]:
    with _frozen_disk() if frozen else nullcontext():
        yield Walk(OUTPUTS["record"](feed, Recording(folder)), lambda: pictures(next(folder.glob("*.mp4"))))


@contextmanager
def _frozen_disk() -> Iterator[None]:
    thaw = threading.Event()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Muxer, "write", lambda *_: thaw.wait())
        patch.setattr("stream_guard.outputs.sessions._JOIN_S", 0.1)
        yield
        patch.undo()
        thaw.set()


@contextmanager
def through_virtual_camera(feed: Feed, folder: Path, frozen: bool) -> Iterator[Walk]:
    thaw = threading.Event()
    seen: list[RGB] = []

    class Camera(nullcontext[None]):
        def __init__(self, *_: object) -> None:
            super().__init__()

        def send(self, rgb: RGB) -> None:
            seen.append(rgb)
            if frozen:
                thaw.wait()

    module = ModuleType("pyvirtualcam")
    module.Camera = Camera  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "pyvirtualcam", module)
        patch.setattr("stream_guard.outputs.sessions._JOIN_S", 0.1 if frozen else 5)
        yield Walk(OUTPUTS["virtual_camera"](feed), lambda: seen)
        thaw.set()


Through = Callable[[Feed, Path, bool], AbstractContextManager[Walk]]
WALKS: dict[str, Through] = {
    "rtsp_serve": through_rtsp_server,
    "push": through_push,
    "hls": through_hls,
    "record": through_record,
    "virtual_camera": through_virtual_camera,
}
WALKED_ELSEWHERE = {
    "outputs/mjpeg.py": "test_outputs_screens.py",
    "outputs/webrtc.py": "test_outputs_whip.py",
    "outputs/whip_push.py": "test_outputs_whip.py",
    "web/streams.py": "test_web_figures.py",
    "web/whep.py": "test_web_whep.py",
}
"""Modules that hand pictures on but do not run by themselves, and the tests that look for the code there."""
NO_WAY_OUT = {"outputs/branch.py", "web/figures.py"}
"""Take pictures to code them for the others, and to measure their age."""

each = pytest.mark.parametrize(
    "way", [pytest.param(w, marks=needs_server) if w == "push" else w for w in WALKS]
)


@contextmanager
def fed(feeder: Feeder) -> Iterator[Feed]:
    branches = Branches(feeder.hub)
    with feeder:
        yield Feed("cam1", feeder.hub, branches)
        branches.close()


@each
@pytest.mark.parametrize("covered", [True, False])
def test_the_planted_code_arrives_only_where_nothing_was_covered(
    way: str, covered: bool, tmp_path: Path
) -> None:
    with fed(Feeder(covered=covered)) as feed, WALKS[way](feed, tmp_path, False) as walk:
        walk.output.start()
        assert until(lambda: walk.output.status().sent >= ENOUGH, 20)
        walk.output.stop()
        if way == "push":
            assert until(lambda: len(_attempt(walk.received)) >= 10)
        shown = walk.received()
    assert len(shown) >= 10
    assert [shows_code(rgb) for rgb in shown] == [not covered] * len(shown)


def _attempt(received: Callable[[], list[RGB]]) -> list[RGB]:
    with suppress(av.FFmpegError, OSError):
        return received()
    return []


@each
def test_a_frozen_receiver_slows_nobody(way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtsp_publisher, "_KERNEL_BYTES", 4096)
    feeder = Feeder()
    with fed(feeder) as feed, WALKS[way](feed, tmp_path, True) as walk:
        walk.output.start()
        with feed.branches.get("h264").subscribe() as other:
            published, started_s = feeder.published, time.monotonic()
            for _ in range(30):
                assert other.take(1) is not None
            assert time.monotonic() - started_s < 2
            assert feeder.published - published >= 25
            assert other.dropped == 0
        assert feeder.slowest_s < 0.2
        stopping_s = time.monotonic()
        walk.output.stop()
        assert time.monotonic() - stopping_s < 2


@each
def test_nothing_is_left_behind(way: str, tmp_path: Path) -> None:
    with fed(Feeder()) as feed:
        with feed.branches.get("h264").subscribe() as warm:  # the encoder's own thread is no output's
            assert warm.take(5) is not None
            before = set(threading.enumerate())
            with WALKS[way](feed, tmp_path, False) as walk:
                for round_ in range(3):
                    walk.output.start()
                    assert until(lambda: walk.output.status().sent > 0)
                    assert walk.output.status().running
                    walk.output.stop()
                    assert not walk.output.status().running
                    if round_ == 0:
                        open_before = _descriptors()
                assert until(lambda: _descriptors() <= open_before)
            walk.output.stop()  # once more than needed
        assert {t for t in new_threads(before) if "encoder" not in t.name} == set()


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@each
def test_an_output_ends_with_its_station(way: str, tmp_path: Path) -> None:
    feeder = Feeder()
    with fed(feeder) as feed, WALKS[way](feed, tmp_path, False) as walk:
        walk.output.start()
        assert until(lambda: walk.output.status().sent > 0)
        feeder.hub.close()
        if way != "rtsp_serve":  # which serves other stations too
            assert until(lambda: not walk.output.status().running)
        walk.output.stop()


def takers(source: str) -> list[int]:
    """Return the lines that take pictures: from a hub, a branch, as a WebRTC track, or as JPEGs."""
    names = {"tap", "subscribe", "CodedTrack", "jpegs", "parts", "snapshot"}
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return [call.lineno for call in calls if _called(call) in names and not _takes_sound_only(call)]


def _called(call: ast.Call) -> str:
    function = call.func
    return str(getattr(function, "attr", None) or getattr(function, "id", ""))


def _takes_sound_only(call: ast.Call) -> bool:
    return any(
        word.arg == "pictures" and isinstance(word.value, ast.Constant) and word.value.value is False
        for word in call.keywords
    )


def _needing_a_walk() -> set[str]:
    modules = {
        path.relative_to(PACKAGE).as_posix(): path.read_text(encoding="utf-8")
        for folder in ("outputs", "web")
        for path in (PACKAGE / folder).rglob("*.py")
    }
    return {name for name, source in modules.items() if takers(source)}


def _walked() -> set[str]:
    """Return the modules of registered outputs, with those beside them in a package of their own."""
    found = set(WALKED_ELSEWHERE) | NO_WAY_OUT
    for factory in OUTPUTS.values():
        module = Path(sys.modules[factory.__module__].__file__ or "")
        beside = module.parent.rglob("*.py") if module.parent.name != "outputs" else [module]
        found |= {path.relative_to(PACKAGE).as_posix() for path in beside}
    return found | {"outputs/rtsp_push.py"}  # what `push` chooses from


def test_every_way_out_is_walked() -> None:
    assert set(WALKS) == set(OUTPUTS) == {field.name for field in fields(Ways)} - {"web"}
    assert _needing_a_walk() - _walked() == set()


def test_a_live_run_makes_no_output_but_the_registered_ones() -> None:
    source = Path(broadcast.__file__ or "").read_text(encoding="utf-8")
    imported = {node.module for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)}
    known = {"chosen", "branch", "output", "registry"}
    named = {module for module in imported if module and module.startswith("stream_guard.outputs")}
    assert named <= {"stream_guard.outputs", *(f"stream_guard.outputs.{name}" for name in known)}


@pytest.mark.parametrize(("module", "test"), WALKED_ELSEWHERE.items())
def test_what_is_walked_elsewhere_is_looked_at_there(module: str, test: str) -> None:
    assert (PACKAGE / module).is_file()
    assert "shows_code" in (Path(__file__).parent / test).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "source",
    ["for a in hub.tap(): send(a)", "with b.get('vp8').subscribe() as s: s", "CodedTrack(b)", "jpegs(b)"],
)
def test_a_new_way_out_is_noticed(source: str) -> None:
    assert takers(source)


def test_the_walk_sees_what_there_is() -> None:
    known = {"outputs/hls.py", "outputs/record.py", "outputs/rtsp_push.py", "outputs/virtual_camera.py"}
    assert known <= _needing_a_walk()
