"""Keeps one worker process at hand: started at need, replaced when it has died, ended for good."""

from __future__ import annotations

from threading import RLock

from stream_guard.errors import ExitCode
from stream_guard.jobs.job import JobFailed
from stream_guard.jobs.process import WorkerProcess


class Keeper:
    """One worker or none; `trouble` says why none could be had last time. All from any thread."""

    def __init__(self, memory_mb: int, nice: int) -> None:
        self.trouble: str | None = None
        self._memory_mb, self._nice = memory_mb, nice
        self._worker: WorkerProcess | None = None
        self._stopped = False
        self._lock = RLock()

    @property
    def is_up(self) -> bool:
        worker = self._worker
        return worker is not None and worker.is_up

    def ready(self) -> WorkerProcess:
        """Return the worker with its models loaded. It dies with the thread that starts it.

        Raises:
            JobFailed: it cannot load what it needs, or not in time, or all is to stop.
        """
        with self._lock:
            if self._stopped:
                raise JobFailed("The server is being stopped.", "stopped", ExitCode.STOPPED)
            worker = self._worker
            if worker is not None and worker.is_alive:
                return worker
            self.dismiss()
            worker = self._worker = WorkerProcess(self._memory_mb, self._nice)
        try:
            worker.await_ready()
        except BaseException as exc:
            self.trouble = str(exc)
            self.dismiss()
            raise
        self.trouble = None
        return worker

    def kill(self) -> None:
        """End the worker at once; whoever waits for its answer gets a JobFailed."""
        with self._lock:
            if self._worker is not None:
                self._worker.kill()

    def stop(self) -> None:
        """Kill it and start no other; `dismiss` is still to be called where it was used."""
        with self._lock:
            self._stopped = True
            self.kill()

    def dismiss(self) -> None:
        """End the worker and let go of it."""
        with self._lock:
            if self._worker is not None:
                self._worker.close()
                self._worker = None
