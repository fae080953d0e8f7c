"""Threads: bounded, ended by every kind of end, and none left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any, cast

import pytest

from stream_guard.errors import PipelineError
from stream_guard.flow.line import Line
from stream_guard.flow.progress import Meter
from stream_guard.flow.run import run
from stream_guard.model.frame import Item
from stream_guard.model.media import Media
from stream_guard.model.verdict import Cover, Observation
from stream_guard.redact.render import MaskRedactor
from stream_guard.redact.styles.solid import solid
from stream_guard.track.smoother import FixedLagSmoother
from tests.streams import FPS, HEIGHT, WIDTH, Knowing, frame, new_threads, packet


class OopsError(Exception):
    """What goes wrong in these tests."""


def _numbers(count: int, fail_at: int | None = None) -> Iterator[int]:
    for i in range(count):
        if i == fail_at:
            raise OopsError(f"at {i}")
        yield i


def _doubled(items: Iterable[int], fail_at: int | None = None) -> Iterator[int]:
    for item in items:
        if item == fail_at:
            raise OopsError(f"at {item}")
        yield 2 * item


def _chain(
    line: Line, count: int = 50, first_fails_at: int | None = None, second_fails_at: int | None = None
) -> Iterator[int]:
    first = line.stage(_numbers(count, first_fails_at), name="first", capacity=3)
    return line.stage(_doubled(first, second_fails_at), name="second", capacity=3)


def test_two_stages_hand_everything_on_in_order() -> None:
    before = set(threading.enumerate())
    with Line() as line:
        assert list(_chain(line)) == [2 * i for i in range(50)]
    assert new_threads(before) == set()


@pytest.mark.parametrize("place", [{"first_fails_at": 20}, {"second_fails_at": 20}])
def test_what_was_made_before_a_failure_comes_out_and_then_the_failure(place: dict[str, int]) -> None:
    before = set(threading.enumerate())
    got = []
    with pytest.raises(OopsError, match="at 20"), Line() as line:  # noqa: PT012 - what came before matters
        for item in _chain(line, **place):
            got.append(item)  # noqa: PERF402
    assert got == [2 * i for i in range(20)]
    assert new_threads(before) == set()


def test_an_iterable_that_cannot_even_start_fails_in_the_caller() -> None:
    class Unready:
        def __iter__(self) -> Iterator[int]:
            raise OopsError("not ready")

    with pytest.raises(OopsError, match="not ready"), Line() as line:
        list(line.stage(Unready(), name="unready", capacity=3))


@pytest.mark.parametrize("taken", [0, 1, 7])
def test_a_caller_who_leaves_early_leaves_no_thread(taken: int) -> None:
    before = set(threading.enumerate())
    with Line() as line:
        items = _chain(line, count=10**9)
        for _ in range(taken):
            next(items)
    assert new_threads(before) == set()


def test_a_caller_who_fails_keeps_its_own_error() -> None:
    before = set(threading.enumerate())
    with pytest.raises(OopsError, match="mine"), Line() as line:  # noqa: PT012 - leaving is what is tested
        next(_chain(line, count=10**9))
        raise OopsError("mine")
    assert new_threads(before) == set()


@pytest.mark.parametrize("early", [True, False])
def test_a_generator_is_closed_by_the_thread_that_ran_it(early: bool) -> None:
    closed_by: list[str] = []

    def source() -> Iterator[int]:
        try:
            yield from range(10**9 if early else 5)
        finally:
            closed_by.append(threading.current_thread().name)

    with Line() as line:
        generator = source()  # referred to until the end, so that it is closed and not just forgotten
        items = line.stage(generator, name="reader", capacity=2)
        next(items)
        if not early:
            list(items)
    assert closed_by == ["reader"]


def test_a_full_mailbox_makes_its_producer_wait() -> None:
    made = 0

    def source() -> Iterator[int]:
        nonlocal made
        for i in range(100):
            made += 1
            yield i

    with Line() as line:
        items = line.stage(source(), name="source", capacity=4)
        for taken in range(1, 6):
            next(items)
            end = time.monotonic() + 1
            while made < taken + 5 and time.monotonic() < end:
                time.sleep(0.001)
            time.sleep(0.02)
            assert made == taken + 5  # taken by us, 4 in the mailbox, 1 in the producer's hand


# -- the whole run --------------------------------------------------------------------------------


class _Stream:
    """A source of frames and packets that may fail, and notes whether it was closed."""

    media = Media("stream", None, "test", WIDTH, HEIGHT, FPS, frame_count=40)

    def __init__(self, fail_at: int | None = None) -> None:
        self._fail_at = fail_at
        self.closed = False

    def items(self) -> Iterator[Item]:
        try:
            for i in range(40):
                if i == self._fail_at:
                    raise OopsError("the source broke")
                yield frame(i)
                yield packet(str(i))
        finally:
            self.closed = True


def test_the_observer_learns_which_frame_is_the_last() -> None:
    class Noting(Knowing):
        def observe(self, frame: Any) -> Observation:
            if frame.last:
                marked.append(frame.stamp.index)
            return super().observe(frame)

    marked: list[int] = []
    _run(_Stream(), lambda item: None, observer=Noting())
    assert marked == [39]


class _FailingObserver(Knowing):
    def observe(self, frame: Any) -> Observation:
        if frame.stamp.index == 9:
            raise OopsError("the observer broke")
        return super().observe(frame)


class _Forgetful(FixedLagSmoother):
    def flush(self) -> list[Cover]:
        return list(super().flush())[1:]


def _run(
    source: _Stream, take: Any, observer: Knowing | None = None, tracker: FixedLagSmoother | None = None
) -> Any:
    redactor = MaskRedactor(solid((0, 0, 0)), key=b"k" * 32)
    meter = Meter(source.media, None, time.monotonic)
    return run(source, observer or Knowing(), tracker or FixedLagSmoother(5), redactor, take, meter)


def test_a_run_counts_what_it_brings_to_the_sink() -> None:
    taken: list[Any] = []
    before = set(threading.enumerate())
    source = _Stream()
    account = _run(source, taken.append)
    assert (account.frames_in, account.frames, len(taken)) == (40, 40, 80)
    assert source.closed
    assert new_threads(before) == set()


def _refuse(item: object) -> None:
    raise OopsError("the sink broke")


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"source": _Stream(fail_at=17)}, "the source broke"),
        ({"observer": _FailingObserver()}, "the observer broke"),
        ({"take": _refuse}, "the sink broke"),
    ],
)
def test_a_failure_in_any_part_reaches_the_caller(parts: dict[str, Any], says: str) -> None:
    before = set(threading.enumerate())
    source = cast("_Stream", parts.pop("source", None)) or _Stream()
    with pytest.raises(OopsError, match=says):
        _run(source, parts.pop("take", lambda item: None), **parts)
    assert source.closed
    assert new_threads(before) == set()


def test_a_lost_frame_is_an_error_also_across_threads() -> None:
    with pytest.raises(PipelineError):
        _run(_Stream(), lambda item: None, tracker=_Forgetful(5))


def test_being_interrupted_in_the_sink_ends_all_threads() -> None:
    def interrupt(item: object) -> None:
        raise KeyboardInterrupt

    before = set(threading.enumerate())
    with pytest.raises(KeyboardInterrupt):
        _run(_Stream(), interrupt)
    assert new_threads(before) == set()
