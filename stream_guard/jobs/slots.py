"""The places at which jobs are done: each a thread with a worker process of its own."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import PurePath
from typing import Any, Final

from stream_guard.errors import ExitCode, StreamGuardError
from stream_guard.jobs import names
from stream_guard.jobs.choice import laid_over
from stream_guard.jobs.folder import Folder
from stream_guard.jobs.job import Job, JobFailed, JobProgress, JobState, NoRoom, Outcome
from stream_guard.jobs.keeper import Keeper
from stream_guard.jobs.ledger import Ledger
from stream_guard.jobs.process import Told, WorkerProcess
from stream_guard.jobs.room import Room
from stream_guard.jobs.table import outcome_of
from stream_guard.settings import Settings

NICE: Final = 10
_REST_S: Final = (1.0, 2.0, 5.0, 10.0, 30.0)
"""How long to wait after trouble that is the server's own, time after time."""
_READING: Final = ("share", "frames", "total", "fps", "times_real_time", "left_s", "faces")


class Slots:
    """As many slots as jobs may run at once; a class that is started and stopped."""

    def __init__(self, count: int, settings: Settings, ledger: Ledger, folder: Folder, room: Room) -> None:
        self._settings = settings
        self._ledger, self._folder, self._room = ledger, folder, room
        self._slots = [_Slot(self, number) for number in range(count)]
        self.stopped = threading.Event()

    def start(self) -> None:
        for slot in self._slots:
            slot.thread.start()

    def stop(self) -> None:
        """Kill the workers and wait for the threads; their jobs are queued again."""
        self.stopped.set()
        self._ledger.stop()
        for slot in self._slots:
            slot.keeper.stop()
        for slot in self._slots:
            slot.thread.join()

    def kill(self, job_id: str) -> None:
        """End the worker that has a job in hand, if one has."""
        for slot in self._slots:
            slot.kill(job_id)

    @property
    def count(self) -> int:
        return len(self._slots)

    @property
    def alive(self) -> int:
        return sum(slot.keeper.is_up for slot in self._slots)

    @property
    def trouble(self) -> str | None:
        return next((slot.trouble for slot in self._slots if slot.trouble), None)

    # -- one job --------------------------------------------------------------------------------------

    def keeper(self) -> Keeper:
        return Keeper(self._settings.jobs.job_memory_mb, NICE)

    def claim(self) -> Job | None:
        return self._ledger.claim(time.time)

    def is_wanted(self, job: Job) -> bool:
        """Tell whether a job has been neither cancelled nor deleted since it was claimed."""
        return self._ledger.has(job.id, JobState.RUNNING)

    def do(self, job: Job, worker: WorkerProcess) -> bool:
        """Run a job to its end, whatever that is, and tell whether the worker is fit for the next one."""
        try:
            self._folder.clear(job.id, job.name)
            told = worker.ask(
                self._command(job), self._settings.jobs.job_minutes * 60, lambda t: self._progress(job.id, t)
            )
            done = _done(told, job.name)
        except StreamGuardError as exc:
            if not self.stopped.is_set():
                self._end(job, JobState.FAILED, code=exc.code, message=str(exc), exit_code=exc.exit_code)
            return False
        self._end(job, JobState.DONE, **done)
        return True

    def put_away(self, job: Job) -> None:
        """Remove what must not stay of a job that nobody is at any more, and let go of it."""
        try:
            if not self._ledger.has(job.id, *JobState):
                self._folder.remove(job.id)
                self._room.release(job.id)
                return
            if not self._ledger.has(job.id, JobState.DONE):
                self._folder.clear(job.id, job.name)
            self._room.hold(job.id, self._folder.bytes_of(job.id))
        finally:
            self._ledger.let_go(job.id)

    def _end(self, job: Job, state: JobState, **values: Any) -> None:
        self._ledger.change(
            job.id, JobState.RUNNING, state=state, finished_at=time.time(), progress=None, **values
        )

    def _command(self, job: Job) -> dict[str, Any]:
        most_bytes = self._room.left_bytes // max(1, self._ledger.count(JobState.RUNNING))
        if most_bytes < job.bytes_in // 8:
            raise NoRoom("There is no room left for the result; delete what is no longer needed.")
        return {
            "do": "redact",
            "folder": str(self._folder.of(job.id)),
            "original": names.original(job.name),
            "name": job.name,
            "settings": laid_over(self._settings, job.settings),
            "verify": job.verify,
            "most_bytes": most_bytes,
        }

    def _progress(self, job_id: str, told: Told) -> None:
        self._ledger.show(job_id, progress=_progress(told))


def _done(told: Told, name: str) -> dict[str, Any]:
    """Return what to write down of a job that a worker has done.

    Raises:
        JobFailed: it cannot be understood.
    """
    try:
        outcome: Outcome = outcome_of(told["outcome"])
        suffix = PurePath(outcome.result_name).suffix
        outcome = replace(outcome, result_name=names.redacted(name, suffix), result_type=names.TYPES[suffix])
        return {"outcome": outcome, "exit_code": ExitCode(told["exit_code"])}
    except (KeyError, TypeError, ValueError) as exc:
        raise _nonsense() from exc


def _progress(told: Told) -> JobProgress:
    """Raises JobFailed: it cannot be understood."""
    try:
        return JobProgress(**{name: told[name] for name in _READING})
    except KeyError as exc:
        raise _nonsense() from exc


def _nonsense() -> JobFailed:
    return JobFailed(
        "What the process that redacted it says makes no sense; the file may have taken it over. Nothing was "
        "handed out.",
        "crashed",
        ExitCode.INTERNAL,
    )


class _Slot:
    """One thread and its worker, which is replaced after every job that fails: its file may have hurt it."""

    def __init__(self, slots: Slots, number: int) -> None:
        self.thread = threading.Thread(target=self._serve, name=f"jobs-{number}", daemon=True)
        self.keeper = slots.keeper()
        self._slots = slots
        self.trouble: str | None = None
        self._job_id: str | None = None
        self._is_fit = True
        self._lock = threading.Lock()

    def kill(self, job_id: str) -> None:
        """End the worker if it has that job in hand."""
        with self._lock:
            if job_id == self._job_id:
                self.keeper.kill()
                self._is_fit = False

    def _serve(self) -> None:
        failures = 0
        try:
            while not self._slots.stopped.is_set():
                try:
                    self._next()
                    failures = 0
                except StreamGuardError as exc:  # the server's own, not a job's: it stays queued
                    self.trouble = str(exc)
                    self._slots.stopped.wait(_REST_S[min(failures, len(_REST_S) - 1)])
                    failures += 1
        except Exception as exc:
            text = " ".join(str(exc).split())
            self.trouble = f"a slot for jobs has ended ({type(exc).__name__}: {text}); restart the server"
            raise
        finally:
            self.keeper.dismiss()

    def _next(self) -> None:
        worker = self.keeper.ready()
        self.trouble = None
        job = self._slots.claim()
        if job is None:
            return
        with self._lock:
            self._job_id, self._is_fit = job.id, True
        try:
            # asked for only now: whoever cancels it from here on finds it with us, and kills the worker
            if self._slots.is_wanted(job) and worker.is_alive and not self._slots.do(job, worker):
                self._is_fit = False
        finally:
            with self._lock:
                self._job_id = None
            if not self._is_fit:
                self.keeper.dismiss()
            self._slots.put_away(job)
