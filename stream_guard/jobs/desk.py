"""Short errands that somebody waits for: what a file is, a preview, an example; their worker is their own."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from threading import RLock
from typing import Any, Final

from stream_guard.errors import ExitCode, SettingsError
from stream_guard.jobs.job import JobFailed
from stream_guard.jobs.process import Told, WorkerProcess

_PATIENCE_S: Final = 60.0
_HARMLESS: Final = {"not_media", "settings", "too_long", "no_such_time"}
"""Refusals after which the worker is as good as before."""


class Desk:
    """One worker that is up while jobs take hours in the others; started and stopped by the queue."""

    def __init__(self, memory_mb: int) -> None:
        self.trouble: str | None = None
        self._memory_mb = memory_mb
        # a thread that stays: the worker dies with the one that started it
        self._thread = ThreadPoolExecutor(1, "jobs-desk")
        self._worker: WorkerProcess | None = None
        self._warming: Future[None] | None = None
        self._stopped = False
        self._lock = RLock()

    def start(self) -> None:
        """Begin to load the models, unless that is going on."""
        if self._warming is None or self._warming.done():
            self._warming = self._thread.submit(self._warm)

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            if self._worker is not None:
                self._worker.kill()
        self._thread.shutdown(cancel_futures=True)
        self._dismiss()

    @property
    def alive(self) -> int:
        worker = self._worker
        return int(worker is not None and worker.is_alive)

    def ask(self, errand: Mapping[str, Any]) -> Told:
        """Have an errand done, after those that were asked for before, and return what came of it.

        Raises:
            JobFailed, SettingsError
        """
        try:
            return self._thread.submit(self._ask, errand).result()
        except (CancelledError, RuntimeError) as exc:
            raise JobFailed(
                "The server is being stopped; try again later.", "stopped", ExitCode.STOPPED
            ) from exc

    def _ask(self, errand: Mapping[str, Any]) -> Told:
        worker = self._ready()
        try:
            return worker.ask(errand, _PATIENCE_S)
        except JobFailed as exc:
            if exc.code not in _HARMLESS:
                self._dismiss()
                self.start()
            if exc.code == "settings":
                raise SettingsError(str(exc)) from exc
            raise

    def _warm(self) -> None:
        try:
            self._ready()
        except JobFailed as exc:
            self.trouble = str(exc)

    def _ready(self) -> WorkerProcess:
        with self._lock:
            if self._stopped:
                raise JobFailed("The server is being stopped.", "stopped", ExitCode.STOPPED)
            worker = self._worker
            if worker is not None and worker.is_alive:
                return worker
            self._dismiss()
            worker = self._worker = WorkerProcess(self._memory_mb, nice=0)
        try:
            worker.await_ready()
        except JobFailed:
            self._dismiss()
            raise
        self.trouble = None
        return worker

    def _dismiss(self) -> None:
        with self._lock:
            if self._worker is not None:
                self._worker.close()
                self._worker = None
