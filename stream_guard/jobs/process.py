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
_END_S: Final = 1.0
"""From the end of its answers to its own."""
_MOST_LINE: Final = 1 << 20
_CHUNK: Final = 1 << 16
_MOST_LOG: Final = 1 << 13
_ABOUT_MEMORY: Final = ("bad_alloc", "malloc of size", "Cannot allocate memory", "can't start new thread")
"""What libraries say when there is none left; some of them then end the process, others fail vaguely."""

_VAGUE: Final = {"crashed", "internal", "unwritable", "unreadable"}

NO_MEMORY: Final = (
    "out_of_memory",
    "It needs more memory than one job may use; raise job_memory_mb, or hand in a smaller picture or video.",
)
"""Code and sentence."""

Told = Mapping[str, Any]


class WorkerProcess:
    """One running worker; `close` ends it, with all that it may have started."""

    def __init__(self, memory_mb: int, nice: int) -> None:
        """Start it; `await_ready` waits until its models are loaded."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "stream_guard.jobs.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={name: value for name, value in os.environ.items() if not name.startswith(PREFIX)},
            start_new_session=True,
        )
        process = self._process
        self._pipes = [pipe for pipe in (process.stdin, process.stdout, process.stderr) if pipe is not None]
        self._commands, self._answers, self._errors = self._pipes
        self._pending = self._log = b""
        self._is_ready = False
        self._send({"memory_mb": memory_mb, "nice": nice})

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    @property
    def is_up(self) -> bool:
        """Whether it runs and has loaded its models; one that can never start is not up while it tries."""
        return self._is_ready and self.is_alive

    def await_ready(self) -> None:
        """Raises JobFailed: it cannot load what it needs, or not in time."""
        try:
            self._answer(time.monotonic() + _START_S, lambda _: None)
        except JobFailed as exc:
            if exc.code not in ("crashed", "timed_out"):
                raise
            raise JobFailed(
                "A process for jobs did not start; run `stream-guard doctor` to see what is missing.",
                exc.code,
                exc.exit_code,
            ) from exc
        self._is_ready = True

    def ask(self, command: Told, within_s: float, listen: Callable[[Told], None] = lambda _: None) -> Told:
        """Have something done and return what came of it; `listen` is called with what is told meanwhile.

        Raises:
            JobFailed: it failed, or took too long (timed_out), or the process died (crashed).
        """
        self._log = b""
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
        for pipe in self._pipes:
            with suppress(BrokenPipeError):  # what could not be sent need not be
                pipe.close()

    def _send(self, told: Told) -> None:
        with suppress(BrokenPipeError):  # it has died: the answer tells
            self._commands.write(json.dumps(told).encode() + b"\n")
            self._commands.flush()

    def _answer(self, until_s: float, listen: Callable[[Told], None]) -> Told:
        while True:
            told = self._told(until_s)
            match told["say"]:
                case "progress":
                    listen(told)
                case "failed":
                    raise self._failed(str(told.get("message")), str(told.get("code")), told.get("exit_code"))
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
        answers, errors = self._answers.fileno(), self._errors.fileno()
        watched = {answers, errors}
        while answers not in (ready := _readable(watched, until_s)):
            if not ready:
                raise self._too_slow()
            if not self._keep_log():
                watched.discard(errors)
        chunk = os.read(answers, _CHUNK)
        if not chunk:
            while _readable({errors}, 0.0) and self._keep_log():
                continue
            raise self._crashed(self._ending())
        return chunk

    def _keep_log(self) -> bool:
        """Read what a library says, and tell whether there may be more."""
        said = os.read(self._errors.fileno(), _CHUNK)
        self._log = (self._log + said)[-_MOST_LOG:]
        return bool(said)

    def _ending(self) -> str:
        try:
            code = self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            return "its answers"
        return f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"

    def _crashed(self, how: str) -> JobFailed:
        return self._failed(
            f"The process that redacted it ended ({how}), perhaps for want of memory or because the file is "
            "damaged; nothing was handed out. Try again, or convert the file first.",
            "crashed",
            ExitCode.INTERNAL,
        )

    def _failed(self, message: str, code: str, exit_code: Any) -> JobFailed:
        if exit_code not in list(ExitCode):
            exit_code = ExitCode.INTERNAL
        if code in _VAGUE and is_about_memory(self._log.decode(errors="replace")):
            code, message = NO_MEMORY
        return JobFailed(message, code, exit_code)

    def _too_slow(self) -> JobFailed:
        return JobFailed(
            "It took longer than a job may take; raise job_minutes, or cut the video into parts.",
            "timed_out",
            ExitCode.INTERNAL,
        )


def is_about_memory(text: str) -> bool:
    return any(words in text for words in _ABOUT_MEMORY)


def _readable(handles: set[int], until_s: float) -> set[int]:
    """Return those that can be read from, waiting for the first of them; empty when the time is up."""
    watch = select.poll()
    for handle in handles:
        watch.register(handle, select.POLLIN)
    return {handle for handle, _ in watch.poll(max(0.0, until_s - time.monotonic()) * 1000)}
