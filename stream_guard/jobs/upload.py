"""A file on its way in."""

from __future__ import annotations

import os
from collections.abc import Callable
from types import TracebackType
from typing import Final, Protocol

from stream_guard.jobs.choice import Chosen
from stream_guard.jobs.folder import translated
from stream_guard.jobs.job import Job, NotDone, TooLarge
from stream_guard.jobs.ledger import Ledger
from stream_guard.jobs.room import Room

GB: Final = 1_000_000_000


class Finish(Protocol):
    """Takes what has come as a job."""

    def __call__(self, job_id: str, size: int, start: bool, settings: Chosen, verify: bool) -> Job: ...


class Upload:
    """Writes a file to the disk as it comes; leaving it before `finish` deletes what has come."""

    def __init__(
        self,
        job: Job,
        handle: int,
        most_bytes: int,
        ledger: Ledger,
        room: Room,
        finish: Finish,
        discard: Callable[[str], None],
    ) -> None:
        self._id = job.id
        self._handle = handle
        self._most_bytes = most_bytes
        self._ledger, self._room = ledger, room
        self._finish, self._discard = finish, discard
        self._size = 0
        self._held = job.bytes_in
        self._is_kept = False

    def __enter__(self) -> Upload:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()
        if not self._is_kept:
            self._discard(self._id)

    @property
    def job(self) -> Job:
        """Raises NoSuchJob: it was deleted meanwhile."""
        return self._ledger.get(self._id)

    def write(self, data: bytes) -> None:
        """Add to the file.

        Raises:
            TooLarge, NoRoom
            NoSuchJob: it was deleted meanwhile.
        """
        self._ledger.get(self._id)  # raises if it is gone
        size = self._size + len(data)
        require_size(size, self._most_bytes)
        if size > self._held:  # more than was said, or nobody said
            self._claim(size)
        with translated():
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._handle, rest) :]
        self._size = size

    def _claim(self, size: int) -> None:
        with self._ledger.changed:  # what is deleted before this must not hold room for ever
            self._ledger.get(self._id)
            self._room.claim(self._id, size)
        self._held = size

    def finish(self, *, start: bool = True, settings: Chosen | None = None, verify: bool = False) -> Job:
        """Look at what has come and queue it, or let it wait to be started.

        Raises:
            JobFailed: it is neither picture nor video (code not_media), or lasts too long (too_long).
            SettingsError
            NoSuchJob: it was deleted meanwhile.
        """
        if self._is_kept:
            raise NotDone("This upload is finished already.")
        self._close()
        job = self._finish(self._id, self._size, start, settings or {}, verify)
        self._is_kept = True
        return job

    def _close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def require_size(size: int, most_bytes: int) -> None:
    """Raises TooLarge."""
    if size > most_bytes:
        raise TooLarge(
            f"The file is larger than {most_bytes / GB:g} GB, the most that is taken; cut it into parts, or "
            "raise upload_gb."
        )
