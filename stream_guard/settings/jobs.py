"""The settings of jobs: files that are uploaded, redacted by processes of their own, and deleted in time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import Field

from stream_guard.errors import SettingsError
from stream_guard.settings.sections import Section


class Jobs(Section):
    """How many jobs there may be, and what each of them may use."""

    jobs_folder: str = Field(
        default="",
        description="Folder for uploads and results; empty means stream-guard/jobs in the state folder.",
    )
    workers: int = Field(
        default=0, ge=0, le=64, description="Jobs that run at once; 0 means one less than there are cores."
    )
    queue: int = Field(default=200, ge=1, le=100_000, description="Jobs that may wait; more are turned away.")
    upload_gb: float = Field(default=4.0, gt=0, le=100_000, description="Gigabytes of one upload at most.")
    quota_gb: float = Field(
        default=50.0, gt=0, le=1_000_000, description="Gigabytes of uploads and results together at most."
    )
    keep_hours: float = Field(
        default=24.0, gt=0, le=87_600, description="Hours after which a job's files are deleted."
    )
    job_minutes: float = Field(
        default=720.0, gt=0, le=100_000, description="Minutes that one job may take before it is ended."
    )
    job_memory_mb: int = Field(
        default=4096, ge=512, le=1_000_000, description="Megabytes of memory that one job may use."
    )
    video_hours: float = Field(
        default=12.0, gt=0, le=1000, description="Hours that an uploaded video may last."
    )


def folder_for(chosen: Jobs, environ: Mapping[str, str]) -> Path:
    """Return the folder for jobs.

    Raises:
        SettingsError: none was chosen, and there is no home folder either.
    """
    if chosen.jobs_folder:
        return Path(chosen.jobs_folder).expanduser()
    base = environ.get("XDG_STATE_HOME") or (f"{home}/.local/state" if (home := environ.get("HOME")) else "")
    if not base:
        raise SettingsError("there is no home folder to keep jobs in; give --jobs-folder")
    return Path(base, "stream-guard", "jobs")
