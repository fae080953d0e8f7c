"""The jobs in a SQLite file: one row a job, written before anybody is told."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Final

from stream_guard.errors import OutputError
from stream_guard.jobs.folder import translated
from stream_guard.jobs.job import Job, JobState, NoRoom, Outcome

_VERSION: Final = 1
_TYPES: Final = {
    "id": "TEXT PRIMARY KEY", "name": "TEXT NOT NULL", "state": "TEXT NOT NULL", "kind": "TEXT",
    "duration_s": "REAL",
    "bytes_in": "INTEGER NOT NULL", "created_at": "REAL NOT NULL", "started_at": "REAL",
    "finished_at": "REAL",
    "settings": "TEXT NOT NULL", "verify": "INTEGER NOT NULL", "code": "TEXT", "message": "TEXT",
    "exit_code": "INTEGER", "outcome": "TEXT",
}  # fmt: skip
_PASSING: Final = {"progress": None, "expires_at": 0.0}
"""What is not kept: it follows from the rest, or is over when the server is."""


class Table:
    """The open table; its methods may be called from any thread, one at a time."""

    def __init__(self, path: Path) -> None:
        """Open it, or make it.

        Raises:
            OutputError: it cannot be written, is damaged, or is from another version.
        """
        self._path = path
        with translated(str(path)):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600))  # SQLite keeps the mode
        with self._sentence():
            self._rows = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._prepare()

    def _prepare(self) -> None:
        columns = ", ".join(f"{name} {kind}" for name, kind in _TYPES.items())
        version = self._rows.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, _VERSION):
            self.close()
            raise OutputError(
                f"{self._path} is of version {version}, but {_VERSION} is known here; name another folder."
            )
        # NORMAL: what is committed survives a killed server, and after a power cut the table is sound
        self._rows.execute("PRAGMA journal_mode = WAL")
        self._rows.execute("PRAGMA synchronous = NORMAL")
        self._rows.execute("PRAGMA secure_delete = ON")
        self._rows.execute(f"CREATE TABLE IF NOT EXISTS jobs ({columns})")
        self._rows.execute(f"PRAGMA user_version = {_VERSION}")

    def close(self) -> None:
        self._rows.close()

    def put(self, job: Job) -> None:
        """Write a job's row.

        Raises:
            NoRoom, OutputError
        """
        marks = ", ".join(f":{name}" for name in _TYPES)
        with self._sentence():
            self._rows.execute(f"INSERT OR REPLACE INTO jobs VALUES ({marks})", _row(job))  # noqa: S608

    def remove(self, job_id: str) -> None:
        with self._sentence():
            self._rows.execute("DELETE FROM jobs WHERE id = ?", (job_id,))

    def jobs(self) -> list[Job]:
        """Return all jobs, the oldest first."""
        names = ", ".join(_TYPES)
        with self._sentence():
            rows = self._rows.execute(f"SELECT {names} FROM jobs ORDER BY created_at, id")  # noqa: S608
            return [_job(dict(zip(_TYPES, row, strict=True))) for row in rows]

    @contextmanager
    def _sentence(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as exc:
            if "full" in str(exc):
                raise NoRoom("The disk is full; delete what is no longer needed.") from exc
            raise OutputError(f"The table of jobs cannot be used: {exc}.") from exc


def _row(job: Job) -> dict[str, Any]:
    values = {field.name: getattr(job, field.name) for field in fields(job)}
    row = {name: values[name] for name in _TYPES}
    outcome = json.dumps(asdict(job.outcome)) if job.outcome else None
    return row | {"state": job.state.value, "settings": json.dumps(job.settings), "outcome": outcome}


def _job(row: dict[str, Any]) -> Job:
    outcome = json.loads(row["outcome"]) if row["outcome"] else None
    read = {
        "state": JobState(row["state"]),
        "settings": json.loads(row["settings"]),
        "verify": bool(row["verify"]),
        "outcome": outcome_of(outcome) if outcome else None,
    }
    return Job(**{**row, **read, **_PASSING})


def outcome_of(told: dict[str, Any]) -> Outcome:
    """Return an outcome from plain data."""
    return Outcome(**{**told, "warnings": tuple(told["warnings"])})
