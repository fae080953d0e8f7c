"""What has changed since somebody last looked."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType

from stream_guard.jobs.job import Deleted, Job


class Watch:
    """Tells what has changed, each job once with its newest state; a context manager."""

    def __init__(self, forget: Callable[[Watch], None], wake: Callable[[], None] | None = None) -> None:
        """`wake` is called, from any thread, when there is something to take; it must be quick."""
        self._forget = forget
        self._wake = wake
        self._news: dict[str, Job | Deleted] = {}
        self._changed = threading.Condition()

    def __enter__(self) -> Watch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._forget(self)

    def take(self, timeout_s: float) -> list[Job | Deleted]:
        """Return what changed since the last time, waiting for something; empty where nothing came."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._news), timeout_s)
            news, self._news = self._news, {}
            return list(news.values())

    def tell(self, news: Job | Deleted) -> None:
        with self._changed:
            self._news[news.id] = news
            self._changed.notify_all()
        if self._wake is not None:
            try:
                self._wake()
            except RuntimeError:  # its event loop has ended: nobody is left to be woken
                self._wake = None
