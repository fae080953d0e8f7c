"""A job as it is shown, and every reason for which the queue turns somebody away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

from stream_guard.errors import ExitCode, StreamGuardError


class JobState(Enum):
    """Where a job stands."""

    UPLOADING = "uploading"
    WAITING = "waiting"
    """Uploaded, and to be started by somebody."""
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        return self in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


@dataclass(frozen=True, slots=True)
class JobProgress:
    """How far a running job has come."""

    share: float | None
    """0 to 1; None if the end is not known."""
    frames: int
    total: int | None
    fps: float
    times_real_time: float
    left_s: float | None
    faces: int
    """Tracks so far."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came out of a job that is done."""

    faces: int
    """Tracks: one face that leaves and returns may count twice."""
    frames: int
    frames_whole: int
    places: int
    """How many places the report has to look at."""
    verified: bool | None
    """None where that was not asked for."""
    findings: int
    result_name: str
    """What the result is to be called, made from what the client called the original."""
    result_type: str
    """MIME type."""
    bytes_out: int
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Job:
    """One file and what has become of it; times are unix seconds."""

    id: str
    """128 random bits, fit for addresses."""
    name: str
    """What the client calls the file, made fit to be shown; never used as a path."""
    state: JobState
    kind: Literal["picture", "video"] | None
    """By content."""
    duration_s: float | None
    """Of a video, by what it says itself."""
    bytes_in: int
    created_at: float
    started_at: float | None
    finished_at: float | None
    expires_at: float
    """When all of it is deleted; of a job that is running or queued, not before it is over."""
    settings: Mapping[str, Any]
    """What was chosen for it, by section: {"redact": {"style": "solid"}}."""
    verify: bool
    progress: JobProgress | None
    code: str | None
    """Why it failed, in one word for machines."""
    message: str | None
    """Why it failed, in one sentence."""
    exit_code: int | None
    """As the command line's."""
    outcome: Outcome | None


@dataclass(frozen=True, slots=True)
class Deleted:
    """A job that is no more."""

    id: str


@dataclass(frozen=True, slots=True)
class Health:
    """How the queue itself is."""

    workers: int
    """Jobs that may run at once."""
    workers_alive: int
    """Worker processes that are up, the one for previews among them."""
    queued: int
    running: int
    bytes_used: int
    quota_bytes: int
    trouble: str | None
    """What keeps jobs from being run, in one sentence; None where all is well."""
    done: int = 0
    """Jobs that are done and kept."""
    failed: int = 0


class QueueFull(StreamGuardError):  # noqa: N818 - a state of the queue
    """So many jobs wait that no more are taken."""

    code = "queue_full"

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class TooLarge(StreamGuardError):  # noqa: N818 - says it all
    """The upload is larger than is allowed."""

    code = "too_large"
    exit_code = ExitCode.INPUT


class NoRoom(StreamGuardError):  # noqa: N818 - says it all
    """The disk or the quota is used up."""

    code = "no_room"
    exit_code = ExitCode.OUTPUT


class NoSuchJob(StreamGuardError):  # noqa: N818 - says it all
    """There is no job of that id, or no longer."""

    code = "no_such_job"


class NotDone(StreamGuardError):  # noqa: N818 - says it all
    """The job is in a state in which that cannot be had."""

    code = "not_done"


class JobFailed(StreamGuardError):  # noqa: N818 - what happened to it, not to us
    """A worker could not do it; `code` is the word for machines, as in `Job`."""

    def __init__(self, message: str, code: str, exit_code: int) -> None:
        super().__init__(message)
        self.code = code
        self.exit_code = ExitCode(exit_code)
