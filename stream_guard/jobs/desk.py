"""Short errands that somebody waits for: what a file is, a preview, an example; their worker is their own."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final

from stream_guard.errors import ExitCode, SettingsError
from stream_guard.jobs.job import JobFailed
from stream_guard.jobs.keeper import Keeper
from stream_guard.jobs.process import Told

_PATIENCE_S: Final = 60.0
_HARMLESS: Final = {"not_media", "settings", "too_long", "no_such_time"}
"""Refusals after which the worker is as good as before."""


class Desk:
    """One worker that is up while jobs take hours in the others; started and stopped by the queue."""

    def __init__(self, memory_mb: int) -> None:
        self._keeper = Keeper(memory_mb, nice=0)
        # a thread that stays: the worker dies with the one that started it
        self._thread = ThreadPoolExecutor(1, "jobs-desk")
        self._warming: Future[None] | None = None

    def start(self) -> None:
        """Begin to load the models, unless that is going on."""
        if self._warming is None or self._warming.done():
            self._warming = self._thread.submit(self._warm)

    def stop(self) -> None:
        self._keeper.stop()
        self._thread.shutdown(cancel_futures=True)
        self._keeper.dismiss()

    @property
    def alive(self) -> int:
        return int(self._keeper.is_up)

    @property
    def trouble(self) -> str | None:
        return self._keeper.trouble

    def ask(self, errand: Mapping[str, Any]) -> Told:
        """Have an errand done, after those that were asked for before, and return what came of it.

        Raises:
            JobFailed, SettingsError
        """
        try:
            told = self._thread.submit(self._ask, errand)
        except RuntimeError as exc:  # it takes no errands any more
            raise _stopped() from exc
        try:
            return told.result()
        except CancelledError as exc:
            raise _stopped() from exc

    def _ask(self, errand: Mapping[str, Any]) -> Told:
        worker = self._keeper.ready()
        try:
            return worker.ask(errand, _PATIENCE_S)
        except JobFailed as exc:
            if exc.code not in _HARMLESS:
                self._keeper.dismiss()
                self.start()
            if exc.code == "settings":
                raise SettingsError(str(exc)) from exc
            raise

    def _warm(self) -> None:
        with suppress(JobFailed):  # the keeper tells of it, and the next errand tries again
            self._keeper.ready()


def _stopped() -> JobFailed:
    return JobFailed("The server is being stopped; try again later.", "stopped", ExitCode.STOPPED)
