"""A worker process as the queue sees it: started, asked, watched, and killed if need be."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from stream_guard.errors import ExitCode
from stream_guard.jobs.job import JobFailed
from stream_guard.settings import PREFIX

_START_S: Final = 120.0
"""A worker loads its models within so long, even where all cores are busy."""
_MOST_LINE: Final = 1 << 20
_CHUNK: Final = 1 << 16

Told = Mapping[str, Any]


class WorkerProcess:
    """One running worker; `close` ends it, with all that it may have started."""

    def __init__(self, memory_mb: int, nice: int) -> None:
        """Start it; `await_ready` waits until its models are loaded."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "stream_guard.jobs.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={name: value for name, value in os.environ.items() if not name.startswith(PREFIX)},
            start_new_session=True,
        )
        self._pending = b""
        self._send({"memory_mb": memory_mb, "nice": nice})

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def await_ready(self) -> None:
        """Raises JobFailed: it cannot load what it needs, or not in time."""
        self._answer(time.monotonic() + _START_S, lambda _: None)

    def ask(self, command: Told, within_s: float, listen: Callable[[Told], None] = lambda _: None) -> Told:
        """Have something done and return what came of it; `listen` is called with what is told meanwhile.

        Raises:
            JobFailed: it failed, or took too long (timed_out), or the process died (crashed).
        """
        self._send(command)
        return self._answer(time.monotonic() + within_s, listen)

    def kill(self) -> None:
        """End it at once; whoever waits for its answer gets a JobFailed. From any thread."""
        if self._process.poll() is None:  # else the number may be another's by now
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        self.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):  # what could not be sent need not be
                    pipe.close()

    def _send(self, told: Told) -> None:
        assert self._process.stdin is not None  # noqa: S101
        with suppress(BrokenPipeError):  # it has died: the answer tells
            self._process.stdin.write(json.dumps(told).encode() + b"\n")
            self._process.stdin.flush()

    def _answer(self, until_s: float, listen: Callable[[Told], None]) -> Told:
        while True:
            told = self._told(until_s)
            match told["say"]:
                case "progress":
                    listen(told)
                case "failed":
                    raise JobFailed(told["message"], told["code"], told["exit_code"])
                case _:
                    return told

    def _told(self, until_s: float) -> Told:
        line = self._line(until_s)
        try:
            told = json.loads(line)
        except ValueError as exc:
            raise self._crashed("it answered in no language that is known") from exc
        if not isinstance(told, dict) or "say" not in told:
            raise self._crashed("it answered in no language that is known")
        return told

    def _line(self, until_s: float) -> bytes:
        while b"\n" not in self._pending:
            self._pending += self._chunk(until_s)
            if len(self._pending) > _MOST_LINE:
                raise self._crashed("it sent more than was asked for")
        line, _, self._pending = self._pending.partition(b"\n")
        return line

    def _chunk(self, until_s: float) -> bytes:
        assert self._process.stdout is not None  # noqa: S101
        ready = select.poll()
        ready.register(self._process.stdout, select.POLLIN)
        if not ready.poll(max(0.0, until_s - time.monotonic()) * 1000):
            raise JobFailed(
                "It took longer than a job may take; raise job_minutes, or cut the video into parts.",
                "timed_out",
                ExitCode.INTERNAL,
            )
        chunk = os.read(self._process.stdout.fileno(), _CHUNK)
        if not chunk:
            raise self._crashed(self._ending())
        return chunk

    def _ending(self) -> str:
        code = self._process.wait()
        return f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"

    def _crashed(self, how: str) -> JobFailed:
        return JobFailed(
            f"The process that redacted it ended ({how}), perhaps for want of memory or because the file is "
            "damaged; nothing was handed out. Try again, or convert the file first.",
            "crashed",
            ExitCode.INTERNAL,
        )
