"""Job queues over real worker processes, for the tests of jobs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from stream_guard.detect.models import bundled_folder
from stream_guard.jobs.job import Job
from stream_guard.jobs.queue import JobQueue
from stream_guard.settings import Settings

PORTRAIT: Final = bundled_folder("samples") / "portrait.jpg"
WALK: Final = bundled_folder("samples") / "walk.mp4"
"""Five seconds of people."""
PATIENCE_S: Final = 120.0


def queue(folder: Path, **jobs: Any) -> JobQueue:
    """Return a queue with one worker, and settings of the section `jobs`."""
    return JobQueue(folder, Settings.model_validate({"jobs": {"workers": 1, **jobs}}))


def hand_in(
    jobs: JobQueue,
    path: Path,
    *,
    start: bool = True,
    name: str = "",
    settings: Mapping[str, Any] | None = None,
    verify: bool = False,
) -> Job:
    with jobs.upload(name or path.name, path.stat().st_size) as upload:
        upload.write(path.read_bytes())
        return upload.finish(start=start, settings=settings, verify=verify)


def until(jobs: JobQueue, job_id: str, holds: Callable[[Job], bool]) -> Job:
    """Wait until something holds of a job, and return it then."""
    end_s = time.monotonic() + PATIENCE_S
    with jobs.watch() as watch:
        while not holds(job := jobs.job(job_id)):
            assert time.monotonic() < end_s, f"it came to {job}, {jobs.health()}"
            watch.take(1.0)
    return job


def is_over(job: Job) -> bool:
    return job.state.is_over


def over(jobs: JobQueue, job_id: str) -> Job:
    return until(jobs, job_id, is_over)


def eventually(holds: Callable[[], bool]) -> None:
    """Wait until something holds that nobody tells of."""
    end_s = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end_s
        time.sleep(0.05)


def workers_of(pid: int) -> list[int]:
    """Return the process numbers of the workers that a process has started."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            told = (folder / "stat").read_text() if folder.name.isdigit() else ""
            words = (folder / "cmdline").read_bytes() if told else b""
        except OSError:  # it has just ended
            continue
        if b"stream_guard.jobs.worker" in words and int(told.rpartition(")")[2].split()[1]) == pid:
            found.append(int(folder.name))
    return sorted(found)


def is_running(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
