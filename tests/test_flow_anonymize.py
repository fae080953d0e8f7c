"""The generator: every frame once, in order, under its own cover, or an error."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_guard.errors import PipelineError
from stream_guard.flow.anonymize import anonymize
from stream_guard.flow.lookahead import mark_last
from stream_guard.model.frame import Frame, Item, Passthrough
from stream_guard.model.geometry import Box
from stream_guard.model.ports import Tracker
from stream_guard.model.redacted import RedactedFrame
from stream_guard.model.verdict import Cover, Observation, Origin, Region
from stream_guard.redact.mask import Margins
from stream_guard.redact.render import MaskRedactor
from stream_guard.redact.styles.solid import solid
from stream_guard.track.replay import Replay
from stream_guard.track.smoother import FixedLagSmoother
from tests.streams import GROUND, Knowing, frame, packet

TIGHT = Margins(side=0, above=0, below=0, radius=0, least_px=1)


def _redactor() -> MaskRedactor:
    return MaskRedactor(solid((0, 0, 0)), key=b"k" * 32, margins=TIGHT)


def _through(items: Iterable[Item], tracker: Tracker) -> list[RedactedFrame | Passthrough]:
    return list(anonymize(items, Knowing(), tracker, _redactor()))


def _identities(items: Iterable[RedactedFrame | Item]) -> list[object]:
    return [item.payload if isinstance(item, Passthrough) else item.stamp for item in items]


@st.composite
def _streams(draw: st.DrawFn) -> list[Item]:
    """Frames of rising epochs with packets among them."""
    items: list[Item] = []
    epoch = index = 0
    for kind in draw(st.lists(st.sampled_from(["frame", "frame", "frame", "packet", "epoch"]), max_size=30)):
        match kind:
            case "frame":
                items.append(frame(index, epoch))
                index += 1
            case "packet":
                items.append(packet(f"packet {len(items)}"))
            case "epoch":
                epoch += 1
    return items


@given(items=_streams(), lag=st.integers(0, 12))
def test_everything_comes_out_once_and_in_order(items: list[Item], lag: int) -> None:
    assert _identities(_through(items, FixedLagSmoother(lag))) == _identities(items)


@given(items=_streams())
def test_the_picture_that_comes_out_is_the_one_that_went_in(items: list[Item]) -> None:
    out = [item.picture for item in _through(items, FixedLagSmoother(3)) if isinstance(item, RedactedFrame)]
    assert [id(p) for p in out] == [id(item.picture) for item in items if isinstance(item, Frame)]


def test_each_frame_is_painted_under_its_own_cover() -> None:
    boxes = {i: Box(8 * i, 0, 8 * i + 8, 8) for i in range(10)}
    tracker = Replay({i: (Region(1, box, Origin.PLANNED),) for i, box in boxes.items()})
    for item in _through([frame(i) for i in range(10)], tracker):
        assert isinstance(item, RedactedFrame)
        samples = item.picture.channels[0].samples
        painted = {int(x) // 8 for x in (samples[0] != GROUND).nonzero()[0]}
        assert painted == {item.stamp.index}


def test_a_frame_is_given_out_at_most_lag_frames_late() -> None:
    asked = 0

    def counted() -> Iterable[Item]:
        nonlocal asked
        for i in range(20):
            asked += 1
            yield frame(i)

    for item in anonymize(counted(), Knowing(), FixedLagSmoother(4), _redactor()):
        assert isinstance(item, RedactedFrame)
        assert asked - 1 - item.stamp.index <= 4


class _Through:
    """A tracker of lag 0 whose answers are changed on the way."""

    lag = 0

    def __init__(self, change: Callable[[list[Cover]], Sequence[Cover]], owed: Sequence[Cover] = ()) -> None:
        self._change = change
        self._owed = owed

    def push(self, observation: Observation) -> Sequence[Cover]:
        return self._change([Cover(observation.stamp)])

    def flush(self) -> Sequence[Cover]:
        return self._owed


class _Swapping:
    """Gives the covers of each two frames in the wrong order."""

    lag = 1

    def __init__(self) -> None:
        self._held: list[Cover] = []

    def push(self, observation: Observation) -> Sequence[Cover]:
        self._held.append(Cover(observation.stamp))
        if len(self._held) < 2:
            return ()
        swapped, self._held = self._held[::-1], []
        return swapped

    def flush(self) -> Sequence[Cover]:
        return self._held


BROKEN: dict[str, Tracker] = {
    "loses all": _Through(lambda covers: ()),
    "loses the first": _Through(lambda covers: [c for c in covers if c.stamp.index != 0]),
    "loses the last": _Through(lambda covers: [c for c in covers if c.stamp.index != 3]),
    "repeats each": _Through(lambda covers: covers * 2),
    "repeats at the end": _Through(lambda covers: covers, [Cover(frame(3).stamp)]),
    "reorders": _Swapping(),
    "names another epoch": _Through(lambda covers: [Cover(frame(c.stamp.index, 1).stamp) for c in covers]),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_tracker_that_breaks_its_contract_ends_the_run(name: str) -> None:
    with pytest.raises(PipelineError, match=r"the output is discarded|is not waiting"):
        _through([frame(i) for i in range(4)], BROKEN[name])


def test_a_cover_that_is_late_does_not_reach_into_the_next_epoch() -> None:
    late = _Through(lambda covers: ())
    with pytest.raises(PipelineError, match="no cover for 2 frame"):
        _through([frame(0), packet("a"), frame(1, epoch=1)], late)


def test_a_new_epoch_gets_all_frames_of_the_old_one_out_first() -> None:
    items: list[Item] = [frame(0), frame(1), packet("a"), frame(2, epoch=1)]
    out = anonymize(items, Knowing(), FixedLagSmoother(10), _redactor())
    before = [next(out) for _ in range(3)]
    assert _identities(before) == _identities(items[:3])


@given(items=_streams())
def test_the_last_frame_of_each_epoch_is_marked_and_no_other(items: list[Item]) -> None:
    out = list(mark_last(items))
    assert _identities(out) == _identities(items)
    frames = [item for item in out if isinstance(item, Frame)]
    epochs = [this.stamp.epoch for this in frames]
    ends = [after != this for this, after in zip(epochs, [*epochs[1:], None], strict=False)]
    assert [this.last for this in frames] == ends


def test_marking_waits_for_one_frame_only() -> None:
    asked: list[int] = []

    def counted() -> Iterable[Item]:
        for i in range(6):
            asked.append(i)
            yield frame(i)

    for item in mark_last(counted()):
        assert isinstance(item, Frame)
        assert len(asked) <= item.stamp.index + 2
