"""The queue: takes files in, has them redacted one after the other, and deletes them in time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from stream_guard.jobs.job import Deleted, Health, Job
from stream_guard.settings import Settings

Chosen = Mapping[str, Any]
"""What was chosen for a job, by section: {"redact": {"style": "solid"}}."""


class JobQueue:
    """Jobs of one folder and the processes that do them; a context manager. All of it is thread-safe."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        """Name the folder, which is made if need be, and what the server's settings are."""
        self._folder = folder
        self._settings = settings

    def __enter__(self) -> JobQueue:
        """Take up the jobs that are in the folder and start the workers."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the workers; what they were at is queued again when the folder is next taken up."""

    def admit(self, size: int | None) -> None:
        """Tell whether an upload of so many bytes may come; None where nobody knows how many.

        Raises:
            QueueFull, TooLarge, NoRoom
        """
        raise NotImplementedError

    def upload(self, name: str, size: int | None) -> Upload:
        """Begin an upload; a context manager.

        Raises:
            QueueFull, TooLarge, NoRoom
        """
        raise NotImplementedError

    def start(self, job_id: str, settings: Chosen | None = None, verify: bool | None = None) -> Job:
        """Queue a job that is waiting or over; what is not given stays as it was.

        Raises:
            NoSuchJob: or no longer.
            NotDone: it is queued or running already.
            QueueFull
            SettingsError
        """
        raise NotImplementedError

    def cancel(self, job_id: str) -> Job:
        """Stop a job and remove what it wrote; one that is over stays as it is.

        Raises:
            NoSuchJob
        """
        raise NotImplementedError

    def delete(self, job_id: str) -> None:
        """Stop a job and remove all of it, the original too.

        Raises:
            NoSuchJob
        """
        raise NotImplementedError

    def job(self, job_id: str) -> Job:
        """Raises NoSuchJob."""
        raise NotImplementedError

    def jobs(self) -> list[Job]:
        """Return all jobs, the newest first."""
        raise NotImplementedError

    def result(self, job_id: str) -> Path:
        """Raises NoSuchJob, NotDone."""
        raise NotImplementedError

    def original(self, job_id: str) -> Path:
        """Raises NoSuchJob, NotDone (it is still on its way)."""
        raise NotImplementedError

    def report(self, job_id: str) -> Path:
        """Raises NoSuchJob, NotDone."""
        raise NotImplementedError

    def preview(self, job_id: str, time_s: float, settings: Chosen | None = None) -> Path:
        """Return one redacted frame as JPEG.

        Raises:
            NoSuchJob
            NotDone: it is still on its way.
            JobFailed: with the code that the job itself would fail with.
            SettingsError
        """
        raise NotImplementedError

    def example(self, settings: Chosen | None = None) -> bytes:
        """Return the bundled portrait, redacted, as JPEG.

        Raises:
            JobFailed
            SettingsError
        """
        raise NotImplementedError

    def watch(self) -> Watch:
        """Return what tells of changes from now on; a context manager."""
        raise NotImplementedError

    def health(self) -> Health:
        raise NotImplementedError


class Upload:
    """A file on its way in; leaving it before `finish` deletes what has come."""

    def __enter__(self) -> Upload:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        raise NotImplementedError

    @property
    def job(self) -> Job:
        raise NotImplementedError

    def write(self, data: bytes) -> None:
        """Add to the file.

        Raises:
            TooLarge, NoRoom
            NoSuchJob: it was deleted meanwhile.
        """
        raise NotImplementedError

    def finish(self, *, start: bool = True, settings: Chosen | None = None, verify: bool = False) -> Job:
        """Look at what has come and queue it, or let it wait to be started.

        Raises:
            JobFailed: it is neither picture nor video (code not_media).
            SettingsError
        """
        raise NotImplementedError


class Watch:
    """Tells what has changed, each job once with its newest state; a context manager."""

    def __enter__(self) -> Watch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        raise NotImplementedError

    def take(self, timeout_s: float) -> list[Job | Deleted]:
        """Return what changed since the last time, waiting for something; empty where nothing came."""
        raise NotImplementedError
