"""Writes a file under a hidden temporary name and gives it its real name only when it is complete."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from stream_guard.errors import OutputError


class Draft:
    """A file in the making beside its target: `path` until `publish`, gone after `discard`."""

    def __init__(self, target: Path, source: Path | None, overwrite: bool) -> None:
        """Check the target and create the temporary file, readable by its owner only.

        Raises:
            OutputError: the target is the input, exists, or its folder cannot be written to.
        """
        self._target = target.absolute()
        self._overwrite = overwrite
        with translated(self._target):
            self._require_target(source)
        stem = f".{self._target.stem[:60]}"
        for stale in self._target.parent.glob(
            f"{_escaped(stem)}.????????.part{_escaped(self._target.suffix)}"
        ):
            _remove_if_abandoned(stale)
        self.path = self._target.with_name(f"{stem}.{secrets.token_hex(4)}.part{self._target.suffix}")
        with translated(self._target):
            self._lock = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _require_target(self, source: Path | None) -> None:
        target, folder = self._target, self._target.parent
        if source is not None and _same_file(target, source):
            raise OutputError(f"{target} is the input itself; choose another name for the output.")
        if target.is_dir():
            raise OutputError(f"{target} is a folder; name a file in it.")
        if not folder.is_dir():
            raise OutputError(
                f"{target} cannot be written: the folder {folder} does not exist; create it first."
            )
        if not os.access(folder, os.W_OK | os.X_OK):
            raise OutputError(f"{target} cannot be written: no permission to write to {folder}.")
        self._require_free()

    def _require_free(self) -> None:
        if os.path.lexists(self._target) and not self._overwrite:
            raise OutputError(f"{self._target} exists; use --overwrite to replace it.")

    def publish(self) -> None:
        """Flush to the disk and rename.

        Raises:
            OutputError: the disk is full or the name was taken meanwhile; the temporary file is removed.
        """
        try:
            self._require_free()
            with translated(self._target):
                os.fchmod(self._lock, usual_mode())
                os.fsync(self._lock)
                self.path.replace(self._target)
                _sync_folder(self._target.parent)
        except BaseException:
            self.discard()
            raise
        os.close(self._lock)

    def publish_as(self, content: bytes) -> None:
        """Write the whole content and publish it.

        Raises:
            OutputError: as `publish`.
        """
        try:
            with translated(self._target):
                self.path.write_bytes(content)
        except BaseException:
            self.discard()
            raise
        self.publish()

    def discard(self) -> None:
        """Remove the temporary file; harmless when it has been published or removed already."""
        with suppress(FileNotFoundError):
            self.path.unlink()
            os.close(self._lock)


@contextmanager
def translated(target: Path) -> Iterator[None]:
    """Turn errors of the file system into one sentence about the output `target`."""
    try:
        yield
    except OSError as exc:  # PyAV's errors with an errno are OSErrors too
        raise OutputError(f"{target} cannot be written: {exc.strerror or exc}.") from exc


def _same_file(a: Path, b: Path) -> bool:
    try:
        return a.samefile(b)
    except OSError:
        return False


def _escaped(text: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in text)


def _remove_if_abandoned(path: Path) -> None:
    """Remove what a killed run left; a living run holds a lock on its file."""
    with suppress(OSError):
        handle = os.open(path, os.O_RDWR)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
        finally:
            os.close(handle)


def usual_mode() -> int:
    """Return the permissions that the user gives to new files."""
    mask = os.umask(0o077)  # there is no way to read it without setting it
    os.umask(mask)
    return 0o666 & ~mask


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # some network file systems cannot
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
