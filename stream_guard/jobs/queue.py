"""The queue: takes files in, has them redacted one after the other, and deletes them in time."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path, PurePath
from types import TracebackType
from typing import Any, Final

from stream_guard.errors import StreamGuardError
from stream_guard.jobs import names
from stream_guard.jobs.choice import Chosen, laid_over
from stream_guard.jobs.desk import Desk
from stream_guard.jobs.folder import REPORT, TABLE, Folder
from stream_guard.jobs.job import Health, Job, JobState, NoSuchJob, NotDone, QueueFull
from stream_guard.jobs.ledger import Ledger
from stream_guard.jobs.room import Room
from stream_guard.jobs.slots import Slots
from stream_guard.jobs.table import Table
from stream_guard.jobs.upload import GB, Upload, require_size
from stream_guard.jobs.watch import Watch
from stream_guard.settings import Settings

_RETRY_AFTER_S: Final = 30
_KILL_S: Final = 30.0
"""A killed worker is gone within so long, even one that waits for a slow disk."""
_MOST_PREVIEWS: Final = 8
"""Of a job, kept."""
_MOST_EXAMPLES: Final = 64
_PREVIEW_BYTES: Final = 64 << 20
_GLANCE_S: Final = 30.0
"""Between two looks at what has expired, at most."""
_TRY_AGAIN_S: Final = 5.0
"""After a deletion that failed."""


class JobQueue:
    """Jobs of one folder and the processes that do them; a context manager. All of it is thread-safe."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        """Take the folder, which is made if need be, and what is in it.

        Raises:
            OutputError: it cannot be used, or another server uses it.
        """
        self._settings, self._limits = settings, settings.jobs
        self._examples: dict[str, bytes] = {}
        self._trouble: str | None = None
        self._undeleted: str | None = None
        self._stopped = threading.Event()
        self._upkeep = threading.Thread(target=self._keep_up, name="jobs-upkeep", daemon=True)
        with ExitStack() as undo:
            self._folder = Folder(folder)
            undo.callback(self._folder.close)
            table = Table(self._folder.path / TABLE)
            undo.callback(table.close)
            self._ledger = Ledger(table, self._limits.keep_hours * 3600)
            self._room = Room(int(self._limits.quota_gb * GB), self._folder.free_bytes)
            self._desk = Desk(self._limits.job_memory_mb)
            self._slots = Slots(_workers(settings), settings, self._ledger, self._folder, self._room)
            self._take_up()
            self._undo = undo.pop_all()

    def __enter__(self) -> JobQueue:
        """Start the workers."""
        self._desk.start()
        self._slots.start()
        self._upkeep.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the workers; what they were at is queued again when the folder is next taken up."""
        self._stopped.set()
        with self._undo:
            self._slots.stop()
            self._desk.stop()
            self._upkeep.join()

    def _take_up(self) -> None:
        """Go on where the last server stopped, or was killed."""
        for job in self._ledger.all():
            has_original = (self._folder.of(job.id) / names.original(job.name)).is_file()
            if job.state is JobState.UPLOADING or not has_original:
                self._ledger.remove(job.id)
            elif job.state in (JobState.QUEUED, JobState.RUNNING) or not self._is_whole(job):
                self._ledger.enqueue(job)
        self._folder.tidy({job.id for job in self._ledger.all()})
        for job in self._ledger.all():
            self._room.hold(job.id, self._folder.bytes_of(job.id))

    def _is_whole(self, job: Job) -> bool:
        return job.state is not JobState.DONE or self._result(job).is_file()

    # -- in -------------------------------------------------------------------------------------------

    def admit(self, size: int | None) -> None:
        """Tell whether an upload of so many bytes may come; None where nobody knows how many.

        Raises:
            QueueFull, TooLarge, NoRoom
        """
        self._require_place(JobState.UPLOADING, JobState.QUEUED)
        require_size(size or 0, int(self._limits.upload_gb * GB))
        self._room.require(size or 1)

    def _require_place(self, *states: JobState) -> None:
        if self._ledger.count(*states) >= self._limits.queue:
            raise QueueFull(
                f"{self._limits.queue} jobs wait already; try again when some of them are done.",
                _RETRY_AFTER_S,
            )

    def upload(self, name: str, size: int | None) -> Upload:
        """Begin an upload; a context manager.

        Raises:
            QueueFull, TooLarge, NoRoom
        """
        with ExitStack() as undo:
            with self._ledger.changed:  # so that no two get the last place, and none is deleted half-made
                self.admit(size)
                job = self._ledger.put(_new(names.shown(name), size or 0))
                undo.callback(self._discard, job.id)
                self._room.claim(job.id, job.bytes_in)
                handle = self._folder.create(job.id, job.name)
            undo.pop_all()
        most_bytes = int(self._limits.upload_gb * GB)
        return Upload(job, handle, most_bytes, self._ledger, self._room, self._take_in, self._discard)

    def _discard(self, job_id: str) -> None:
        with suppress(NoSuchJob):  # somebody has deleted it meanwhile
            self.delete(job_id)

    def _take_in(self, job_id: str, size: int, start: bool, settings: Chosen, verify: bool) -> Job:
        found = self._inspect(self._ledger.get(job_id), settings)
        with self._ledger.changed:
            job = replace(self._ledger.get(job_id), **found, bytes_in=size, settings=settings, verify=verify)
            self._room.hold(job_id, size)
            return self._ledger.enqueue(job) if start else self._ledger.put(_waiting(job))

    def _inspect(self, job: Job, settings: Chosen) -> Any:
        errand = self._errand("inspect", settings, job) | {"most_hours": self._limits.video_hours}
        told = self._desk.ask(errand)
        return {"kind": told.get("kind"), "duration_s": told.get("duration_s")}

    def start(self, job_id: str, settings: Chosen | None = None, verify: bool | None = None) -> Job:
        """Queue a job that is waiting or over; what is not given stays as it was.

        Raises:
            NoSuchJob: or no longer.
            NotDone: it is uploading, queued or running.
            QueueFull
            SettingsError
        """
        if settings is not None:
            self._desk.ask(self._errand("inspect", settings, None))
        with self._ledger.changed:
            job = self._ledger.get(job_id)
            if not (job.state.is_over or job.state is JobState.WAITING):
                raise NotDone(f"This job is {job.state.value}; wait for it, or cancel it first.")
            self._require_place(JobState.QUEUED)
            chosen = job.settings if settings is None else settings
            return self._ledger.enqueue(
                replace(job, settings=chosen, verify=job.verify if verify is None else verify)
            )

    # -- out ------------------------------------------------------------------------------------------

    def cancel(self, job_id: str) -> Job:
        """Stop a job and remove what it wrote; one that is over, or uploading, stays as it is.

        Raises:
            NoSuchJob
        """
        told = {"code": "cancelled", "message": "It was cancelled; the original is kept until it expires."}
        states = JobState.WAITING, JobState.QUEUED, JobState.RUNNING
        cancelled = self._ledger.change(
            job_id, *states, state=JobState.CANCELLED, finished_at=time.time(), progress=None, **told
        )
        if cancelled is not None:
            self._take_out_of_hands(job_id)
        return self._ledger.get(job_id)

    def delete(self, job_id: str) -> None:
        """Stop a job and remove all of it, the original too.

        Raises:
            NoSuchJob
        """
        self._ledger.remove(job_id)
        self._take_out_of_hands(job_id)
        self._erase(job_id)

    def _erase(self, job_id: str) -> None:
        self._folder.remove(job_id)
        self._room.release(job_id)

    def _take_out_of_hands(self, job_id: str) -> None:
        self._slots.kill(job_id)
        if not self._ledger.await_let_go(job_id, _KILL_S):
            self._trouble = "a worker could not be ended within half a minute; look at the disk"

    def _keep_up(self) -> None:
        try:
            while not self._stopped.is_set():
                self._ledger.await_change(self._until_next_s)
                self._delete_due()
                if self._desk.trouble:
                    self._desk.start()
        except Exception as exc:
            self._trouble = (
                f"nothing is deleted in time any more ({type(exc).__name__}: {exc}); restart the server"
            )
            raise

    def _delete_due(self) -> None:
        """Delete what has expired, and what earlier deletions have left; one that fails holds up no other."""
        failures: list[StreamGuardError] = []
        for job in self._ledger.all():
            if _may_expire(job) and job.expires_at <= time.time():
                with _noting(failures):
                    self._discard(job.id)
        with _noting(failures):
            for job_id in self._folder.left_behind():
                with _noting(failures):
                    self._erase(job_id)
        self._undeleted = (
            f"what should be deleted is still on the disk, and is tried again: {failures[0]}"
            if failures
            else None
        )

    def _until_next_s(self) -> float:
        if self._undeleted is not None:
            return _TRY_AGAIN_S
        times = [job.expires_at for job in self._ledger.all() if _may_expire(job)]
        return min([_GLANCE_S, *(max(0.1, t - time.time()) for t in times)])

    # -- what there is --------------------------------------------------------------------------------

    def job(self, job_id: str) -> Job:
        """Raises NoSuchJob."""
        return self._ledger.get(job_id)

    def jobs(self) -> list[Job]:
        """Return all jobs, the newest first."""
        return sorted(self._ledger.all(), key=lambda job: job.created_at, reverse=True)

    def result(self, job_id: str) -> Path:
        """Raises NoSuchJob, NotDone."""
        return self._result(self._done(job_id))

    def report(self, job_id: str) -> Path:
        """Raises NoSuchJob, NotDone."""
        return self._folder.of(self._done(job_id).id) / REPORT

    def original(self, job_id: str) -> Path:
        """Raises NoSuchJob, NotDone (it is still on its way)."""
        job = self._uploaded(job_id)
        return self._folder.of(job.id) / names.original(job.name)

    def _done(self, job_id: str) -> Job:
        job = self._ledger.get(job_id)
        if job.state is not JobState.DONE:
            raise NotDone(f"This job is {job.state.value}: it has no result.")
        return job

    def _uploaded(self, job_id: str) -> Job:
        job = self._ledger.get(job_id)
        if job.state is JobState.UPLOADING:
            raise NotDone("This file is still on its way.")
        return job

    def _result(self, job: Job) -> Path:
        suffix = PurePath(job.outcome.result_name).suffix if job.outcome else ""
        return self._folder.of(job.id) / names.result(suffix)

    # -- to look at -----------------------------------------------------------------------------------

    def preview(self, job_id: str, time_s: float, settings: Chosen | None = None) -> Path:
        """Return one redacted frame as JPEG; `time_s` counts from the start of a video.

        Raises:
            NoSuchJob
            NotDone: it is still on its way.
            JobFailed: with the code that the job itself would fail with.
            SettingsError
        """
        job = self._uploaded(job_id)
        errand = self._errand("preview", job.settings if settings is None else settings, job)
        path = self._folder.preview(job_id, _digest([errand["settings"], time_s]))
        if not path.is_file():
            self._folder.forget_previews(job_id, _MOST_PREVIEWS - 1)
            self._desk.ask(errand | {"time_s": time_s, "output": path.name})
        return path

    def example(self, settings: Chosen | None = None) -> bytes:
        """Return the bundled portrait, redacted, as JPEG.

        Raises:
            JobFailed
            SettingsError
        """
        errand = self._errand("example", settings or {}, None)
        key = _digest(errand["settings"])
        if key not in self._examples:
            path = self._folder.path / f".example-{key}.jpg"
            try:
                self._desk.ask(errand | {"output": str(path)})
                picture = path.read_bytes()
            finally:
                path.unlink(missing_ok=True)
            while len(self._examples) >= _MOST_EXAMPLES:
                self._examples.pop(next(iter(self._examples)), None)
            self._examples[key] = picture
        return self._examples[key]

    def _errand(self, what: str, settings: Chosen, job: Job | None) -> dict[str, Any]:
        return {
            "do": what,
            "settings": laid_over(self._settings, settings),
            "folder": None if job is None else str(self._folder.of(job.id)),
            "original": None if job is None else names.original(job.name),
            "name": None if job is None else job.name,
            "most_bytes": min(_PREVIEW_BYTES, self._room.left_bytes),
        }

    # -- how it is ------------------------------------------------------------------------------------

    def watch(self, wake: Callable[[], None] | None = None) -> Watch:
        """Return what tells of changes from now on; a context manager.

        `wake` is called, from any thread, when there is something to take; it must be quick.
        """
        return self._ledger.watch(wake)

    def health(self) -> Health:
        return Health(
            workers=self._slots.count,
            workers_alive=self._slots.alive + self._desk.alive,
            queued=self._ledger.count(JobState.QUEUED),
            running=self._ledger.count(JobState.RUNNING),
            bytes_used=self._room.used_bytes,
            quota_bytes=self._room.quota_bytes,
            done=self._ledger.count(JobState.DONE),
            failed=self._ledger.count(JobState.FAILED),
            trouble=self._trouble or self._undeleted or self._slots.trouble or self._desk.trouble,
        )


def _workers(settings: Settings) -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return settings.jobs.workers or max(1, cores - 1)


def _new(name: str, size: int) -> Job:
    return Job(
        id=names.new_id(), name=name, state=JobState.UPLOADING, kind=None, duration_s=None, bytes_in=size,
        created_at=time.time(), started_at=None, finished_at=None, expires_at=0.0, settings={}, verify=False,
        progress=None, code=None, message=None, exit_code=None, outcome=None,
    )  # fmt: skip


def _waiting(job: Job) -> Job:
    return replace(job, state=JobState.WAITING)


def _may_expire(job: Job) -> bool:
    return job.state.is_over or job.state is JobState.WAITING


@contextmanager
def _noting(failures: list[StreamGuardError]) -> Iterator[None]:
    """Note what goes wrong, and go on."""
    try:
        yield
    except StreamGuardError as exc:
        failures.append(exc)


def _digest(what: object) -> str:
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:32]
