"""The product: an ordered stream of frames in, the same stream with every face covered out."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from stream_guard.errors import PipelineError
from stream_guard.model.frame import Frame, Item, Passthrough
from stream_guard.model.ports import Observer, Redactor, Tracker
from stream_guard.model.redacted import RedactedFrame
from stream_guard.model.verdict import Cover


def anonymize(
    items: Iterable[Item], observer: Observer, tracker: Tracker, redactor: Redactor
) -> Iterator[RedactedFrame | Passthrough]:
    """Yield every item of the stream in order, each frame rendered under its own final cover.

    Raises:
        PipelineError: the tracker lost, repeated or reordered a frame.
    """
    waiting: deque[Item] = deque()
    epoch = None
    for item in items:
        if isinstance(item, Frame):
            if epoch not in (None, item.stamp.epoch):
                yield from _release(waiting, tracker.flush(), redactor)
                _require_no_frame(waiting)
            epoch = item.stamp.epoch
            covers = tracker.push(observer.observe(item))
            waiting.append(item)
            yield from _release(waiting, covers, redactor)
        elif waiting:
            waiting.append(item)
        else:
            yield item
    yield from _release(waiting, tracker.flush(), redactor)
    _require_no_frame(waiting)


def _release(
    waiting: deque[Item], covers: Sequence[Cover], redactor: Redactor
) -> Iterator[RedactedFrame | Passthrough]:
    for cover in covers:
        if not waiting or not isinstance(frame := waiting.popleft(), Frame):
            raise PipelineError(
                f"the tracker gave a cover for frame {cover.stamp.index}, which is not waiting"
            )
        yield redactor.render(frame, cover)
        while waiting and isinstance(waiting[0], Passthrough):
            yield waiting.popleft()  # type: ignore[misc]


def _require_no_frame(waiting: deque[Item]) -> None:
    if waiting:
        raise PipelineError(f"the tracker gave no cover for {len(waiting)} frame(s); the output is discarded")
