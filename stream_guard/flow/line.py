"""Threads that hand items on, and leave none of themselves behind."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")


class _Closed(Exception):  # noqa: N818 - a signal between threads, never seen outside
    """The mailbox takes and gives nothing any more."""


class Mailbox(Generic[T]):
    """A bounded queue between two threads: the producer waits while it is full."""

    def __init__(self, capacity: int) -> None:
        self._items: deque[T] = deque()
        self._capacity = capacity
        self._changed = threading.Condition()
        self._ended = False
        self._stopped = False
        self._error: BaseException | None = None

    def put(self, item: T) -> None:
        with self._changed:
            self._changed.wait_for(lambda: len(self._items) < self._capacity or self._stopped)
            if self._stopped:
                raise _Closed
            self._items.append(item)
            self._changed.notify_all()

    def end(self, error: BaseException | None = None) -> None:
        """Say that no more items come, or why they don't."""
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify_all()

    def stop(self) -> None:
        """Wake and dismiss both sides; what is queued is dropped."""
        with self._changed:
            self._stopped = True
            self._items.clear()
            self._changed.notify_all()

    def __iter__(self) -> Iterator[T]:
        """Yield items until the producer ends; raise what ended it."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._items) or self._ended or self._stopped)
                if self._stopped:
                    raise _Closed
                if not self._items:
                    break
                item = self._items.popleft()
                self._changed.notify_all()
            yield item
            del item  # a queue of four holds four pictures, not five
        if self._error is not None:
            raise self._error


class Line:
    """A nursery of stages: leaving it stops all mailboxes first, then joins all threads."""

    def __init__(self) -> None:
        self._mailboxes: list[Mailbox[object]] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Line:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for mailbox in self._mailboxes:
            mailbox.stop()
        for thread in self._threads:
            thread.join()

    def stage(self, items: Iterable[T], *, name: str, capacity: int) -> Iterator[T]:
        """Run an iterable in a thread of its own and return its items; its exception comes with them.

        The thread that ran a generator also closes it, so a container is closed by the thread that read it.
        """
        mailbox: Mailbox[T] = Mailbox(capacity)
        thread = threading.Thread(target=_run, args=(iter(items), mailbox), name=name, daemon=True)
        self._mailboxes.append(mailbox)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()
        return iter(mailbox)


def _run(items: Iterator[T], mailbox: Mailbox[T]) -> None:
    try:
        for item in items:
            mailbox.put(item)
            del item
    except _Closed:
        mailbox.end()
    except BaseException as exc:  # noqa: BLE001 - carried to the thread that reads, and raised there
        mailbox.end(exc)
    else:
        mailbox.end()
    finally:
        if isinstance(items, Generator):
            items.close()
