"""The private folder of the jobs: one folder a job, nothing in it named by a client."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from stream_guard.errors import OutputError
from stream_guard.jobs import names
from stream_guard.jobs.job import NoRoom

TABLE: Final = "jobs.sqlite"
REPORT: Final = "report.json"
_LOCK: Final = "lock"
_GONE: Final = ".gone-"
_PREVIEW: Final = "preview-"
_RESERVE_BYTES: Final = 256 << 20
"""Of the disk, left to others."""
_OUT_OF_ROOM: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Folder:
    """The folder while it is ours alone; a context manager that lets go of it."""

    def __init__(self, path: Path) -> None:
        """Make the folder if need be, readable by its owner only, and take it.

        Raises:
            OutputError: it cannot be made, is somebody else's, or another server uses it.
        """
        self.path = path.absolute()
        self._removing = threading.Lock()
        with translated(str(self.path)):
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self.path.stat().st_uid != os.geteuid():
                raise OutputError(f"{self.path} belongs to another user; name another folder for jobs.")
            self.path.chmod(0o700)
            self._lock = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            os.close(self._lock)
            raise OutputError(
                f"{self.path} is used by another server; stop it, or name another folder for jobs."
            ) from exc

    def close(self) -> None:
        os.close(self._lock)

    def of(self, job_id: str) -> Path:
        """Return the folder of a job."""
        return self.path / job_id

    def create(self, job_id: str, name: str) -> int:
        """Make the folder of a job and return its original, empty, to be written to."""
        with translated():
            self.of(job_id).mkdir(mode=0o700)
            path = self.of(job_id) / names.original(name)
            return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)

    def clear(self, job_id: str, name: str) -> None:
        """Remove all that a job has, but not its original."""
        with translated():
            for path in self.of(job_id).iterdir():
                if path.name == names.original(name):
                    continue
                if path.is_dir() and not path.is_symlink():  # no worker of ours makes one
                    shutil.rmtree(path)
                else:
                    path.unlink()

    def remove(self, job_id: str) -> None:
        """Remove a job's folder, or the rest of it; renamed first, so that nobody can add to it meanwhile."""
        gone = self.path / f"{_GONE}{job_id}"
        with translated(), self._removing:
            if self.of(job_id).exists():
                self.of(job_id).rename(gone)
            if gone.exists():
                shutil.rmtree(gone)

    def left_behind(self) -> list[str]:
        """Return the jobs of whose folders `remove` has left something."""
        with translated():
            return [path.name.removeprefix(_GONE) for path in self.path.glob(f"{_GONE}*")]

    def tidy(self, known: set[str]) -> None:
        """Remove what belongs to no job: left behind where a server was killed."""
        with translated():
            for path in self.path.iterdir():
                is_job = names.ID.fullmatch(path.name) and path.name not in known
                if path.is_dir() and (is_job or path.name.startswith(_GONE)):
                    shutil.rmtree(path)

    def bytes_of(self, job_id: str) -> int:
        with translated():
            return sum(path.lstat().st_size for path in self.of(job_id).iterdir())

    def preview(self, job_id: str, digest: str) -> Path:
        """Return where a preview of that digest goes, or is."""
        return self.of(job_id) / f"{_PREVIEW}{digest}.jpg"

    def forget_previews(self, job_id: str, most: int) -> None:
        """Remove the oldest previews beyond so many."""
        found = sorted(self.of(job_id).glob(f"{_PREVIEW}*.jpg"), key=lambda path: path.stat().st_mtime)
        for path in found[: max(0, len(found) - most)]:
            path.unlink(missing_ok=True)

    def free_bytes(self) -> int:
        """Return what the disk has, less what is left to others."""
        found = os.statvfs(self.path)
        return max(0, found.f_bavail * found.f_frsize - _RESERVE_BYTES)


@contextmanager
def translated(what: str = "The folder for jobs") -> Iterator[None]:
    """Turn errors of the file system into one sentence, which clients may read: it names no path.

    Raises:
        NoRoom: the disk is full.
        OutputError: anything else.
    """
    try:
        yield
    except OSError as exc:
        if is_out_of_room(exc):
            raise NoRoom("The disk is full; delete what is no longer needed.") from exc
        raise OutputError(f"{what} cannot be used: {exc.strerror}.") from exc


def is_out_of_room(error: BaseException | None) -> bool:
    """Tell whether an error, or what it came from, is about a full disk, quota or file size."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _OUT_OF_ROOM:
            return True
        error = error.__cause__
    return False
