"""Tells the last frame of a stretch, so that the observer looks at it whatever its cadence."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace

from stream_guard.model.frame import Frame, Item


def mark_last(items: Iterable[Item]) -> Iterator[Item]:
    """Yield all items, each frame one frame late, with `last` set where its epoch or the stream ends.

    Without it a face that shows only in the frames after the last look would stay uncovered.
    """
    held: deque[Item] = deque()
    for item in items:
        if isinstance(item, Frame) and held:
            ended = held[0].stamp.epoch != item.stamp.epoch if isinstance(held[0], Frame) else False
            yield from _let_go(held, last=ended)
        if isinstance(item, Frame) or held:
            held.append(item)
        else:
            yield item
    yield from _let_go(held, last=True)


def _let_go(held: deque[Item], *, last: bool) -> Iterator[Item]:
    while held:
        item = held.popleft()
        yield replace(item, last=last) if isinstance(item, Frame) else item
