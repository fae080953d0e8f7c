"""How many bytes the jobs hold, and how many are left to them."""

from __future__ import annotations

import threading
from collections.abc import Callable

from stream_guard.jobs.job import NoRoom


class Room:
    """The quota and what each job holds of it; its methods may be called from any thread."""

    def __init__(self, quota_bytes: int, disk_bytes: Callable[[], int]) -> None:
        """`disk_bytes` tells what the disk has left."""
        self.quota_bytes = quota_bytes
        self._disk_bytes = disk_bytes
        self._held: dict[str, int] = {}
        self._lock = threading.Lock()
        self._used = 0

    @property
    def used_bytes(self) -> int:
        return self._used

    @property
    def left_bytes(self) -> int:
        return max(0, min(self.quota_bytes - self._used, self._disk_bytes()))

    def require(self, more_bytes: int) -> None:
        """Raises NoRoom: quota or disk would be exceeded."""
        if more_bytes > self.left_bytes:
            raise NoRoom(
                f"There is room for {self.left_bytes / 1e9:.1f} GB more, but not for "
                f"{more_bytes / 1e9:.1f}; delete what is no longer needed, or raise quota_gb."
            )

    def hold(self, job_id: str, bytes_: int) -> None:
        """Take note of what a job holds now."""
        with self._lock:
            self._used += bytes_ - self._held.get(job_id, 0)
            self._held[job_id] = bytes_

    def claim(self, job_id: str, bytes_: int) -> None:
        """Let a job hold so many bytes; raises NoRoom if there is no room for what it has not yet."""
        with self._lock:
            more = bytes_ - self._held.get(job_id, 0)
            if more > 0:
                self.require(more)
            self._used += more
            self._held[job_id] = bytes_

    def release(self, job_id: str) -> None:
        with self._lock:
            self._used -= self._held.pop(job_id, 0)
