"""The jobs as they stand: in memory for whoever asks, in the table for the next start."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from stream_guard.jobs.job import Deleted, Job, JobState, NoSuchJob
from stream_guard.jobs.table import Table
from stream_guard.jobs.watch import Watch


class Ledger:
    """All jobs, the line of those that are queued, and those in somebody's hands; thread-safe."""

    def __init__(self, table: Table, keep_s: float) -> None:
        self._table = table
        self._keep_s = keep_s
        self._jobs = {job.id: self._dated(job) for job in table.jobs()}
        self._line: deque[str] = deque()
        self._in_hand: set[str] = set()
        self._watches: set[Watch] = set()
        self._listing = threading.Lock()
        self._stopped = False
        self.changed = threading.Condition(threading.RLock())
        """Held while several steps must be one; notified of every change."""

    # -- what there is --------------------------------------------------------------------------------

    def get(self, job_id: str) -> Job:
        """Raises NoSuchJob."""
        try:
            return self._jobs[job_id]
        except KeyError:
            raise NoSuchJob("There is no such job, or it has been deleted.") from None

    def has(self, job_id: str, *states: JobState) -> bool:
        """Tell whether there is such a job in one of the states."""
        job = self._jobs.get(job_id)
        return job is not None and job.state in states

    def all(self) -> list[Job]:
        with self.changed:
            return list(self._jobs.values())

    def count(self, *states: JobState) -> int:
        return sum(job.state in states for job in self.all())

    def watch(self, wake: Callable[[], None] | None) -> Watch:
        """Return what tells of changes from now on; waits for no write, so that event loops may ask."""
        watch = Watch(self._forget, wake)
        with self._listing:
            self._watches.add(watch)
        return watch

    def _forget(self, watch: Watch) -> None:
        with self._listing:
            self._watches.discard(watch)

    # -- what changes ---------------------------------------------------------------------------------

    def put(self, job: Job) -> Job:
        """Write a job down, then tell of it."""
        with self.changed:
            job = self._dated(job)
            self._table.put(job)
            return self._tell(job)

    def change(self, job_id: str, *expected: JobState, **values: Any) -> Job | None:
        """Change a job if it is in one of the expected states, and return it; else None."""
        with self.changed:
            job = self._jobs.get(job_id)
            if job is None or job.state not in expected:
                return None
            return self.put(replace(job, **values))

    def show(self, job_id: str, **values: Any) -> None:
        """Change what of a running job is not worth writing down."""
        with self.changed:
            job = self._jobs.get(job_id)
            if job is not None and job.state is JobState.RUNNING:
                self._tell(replace(job, **values))

    def remove(self, job_id: str) -> Job:
        """Raises NoSuchJob."""
        with self.changed:
            job = self.get(job_id)
            self._table.remove(job_id)
            del self._jobs[job_id]
            self._spread(Deleted(job_id))
            return job

    def _tell(self, job: Job) -> Job:
        self._jobs[job.id] = job
        self._spread(job)
        return job

    def _spread(self, news: Job | Deleted) -> None:
        with self._listing:
            watches = tuple(self._watches)
        for watch in watches:
            watch.tell(news)
        self.changed.notify_all()

    def _dated(self, job: Job) -> Job:
        return replace(job, expires_at=(job.finished_at or job.created_at) + self._keep_s)

    # -- the line of the queued, and who has one in hand ----------------------------------------------

    def enqueue(self, job: Job) -> Job:
        """Put a job at the end of the line."""
        with self.changed:
            fresh = replace(
                job, state=JobState.QUEUED, started_at=None, finished_at=None,
                progress=None, code=None, message=None, exit_code=None, outcome=None,
            )  # fmt: skip
            written = self.put(fresh)
            self._line.append(job.id)
            return written

    def claim(self, now: Callable[[], float]) -> Job | None:
        """Wait for a job, take it in hand and mark it as running; None when all is to stop."""
        with self.changed:
            while not self._stopped:
                job_id = next((i for i in self._line if i not in self._in_hand), None)
                if job_id is None:
                    self.changed.wait()
                    continue
                self._line.remove(job_id)
                running = {"state": JobState.RUNNING, "started_at": now()}
                job = self.change(job_id, JobState.QUEUED, **running)
                if job is not None:  # else it was cancelled or deleted meanwhile
                    self._in_hand.add(job_id)
                    return job
            return None

    def let_go(self, job_id: str) -> None:
        """Say that nobody is at a job's files any more; one still marked as running is queued again."""
        with self.changed:
            self._in_hand.discard(job_id)
            job = self._jobs.get(job_id)
            if job is not None and job.state is JobState.RUNNING:
                self._line.appendleft(job_id)  # the table may say "running": that is queued again, too
                self._tell(replace(job, state=JobState.QUEUED, started_at=None, progress=None))
            self.changed.notify_all()

    def await_let_go(self, job_id: str, timeout_s: float) -> bool:
        """Wait until nobody has a job in hand, and tell whether that came true."""
        with self.changed:
            return self.changed.wait_for(lambda: job_id not in self._in_hand, timeout_s)

    def await_change(self, timeout_s: Callable[[], float]) -> None:
        """Wait until something changes, or until a time that is asked for once nothing can."""
        with self.changed:
            if not self._stopped:
                self.changed.wait(timeout_s())

    def stop(self) -> None:
        with self.changed:
            self._stopped = True
            self.changed.notify_all()
