"""A server that is killed in the midst of jobs, and the one that is started after it."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from stream_guard.errors import OutputError
from stream_guard.jobs.job import JobState
from tests.queues import PORTRAIT, eventually, is_running, over, queue, workers_of

_SERVER = """
import sys, time
from pathlib import Path
from tests.queues import PORTRAIT, WALK, hand_in, over, queue, until

with queue(Path(sys.argv[1])) as jobs:
    done = hand_in(jobs, PORTRAIT)
    over(jobs, done.id)
    half = jobs.upload("half.mp4", None)
    half.write(b"half")
    waiting = hand_in(jobs, PORTRAIT, start=False)
    running = hand_in(jobs, WALK, settings={"redact": {"style": "solid"}})
    queued = hand_in(jobs, PORTRAIT, verify=True)
    until(jobs, running.id, lambda job: job.progress is not None)
    print(done.id, waiting.id, running.id, queued.id, half.job.id, flush=True)
    time.sleep(600)
"""


def test_after_a_kill_every_job_is_there_and_interrupted_ones_run_again(tmp_path: Path) -> None:
    folder = tmp_path / "jobs"
    server = subprocess.Popen([sys.executable, "-c", _SERVER, str(folder)], stdout=subprocess.PIPE, text=True)
    with server:
        assert server.stdout is not None
        done, waiting, running, queued, half = server.stdout.readline().split()
        workers = workers_of(server.pid)
        assert len(workers) == 2
        server.send_signal(signal.SIGKILL)
    eventually(lambda: not any(map(is_running, workers)))
    assert (folder / half / "original.mp4").exists()

    with queue(folder) as jobs:
        assert {job.id for job in jobs.jobs()} == {done, waiting, running, queued}
        assert jobs.job(done).outcome is not None
        assert jobs.result(done).is_file()
        assert jobs.job(waiting).state is JobState.WAITING
        again = over(jobs, running)
        assert (again.state, again.settings) == (JobState.DONE, {"redact": {"style": "solid"}})
        assert over(jobs, queued).outcome.verified is True  # type: ignore[union-attr]
    for job_id, names in ((running, "mp4"), (queued, "jpg")):
        left = sorted(path.name for path in (folder / job_id).iterdir())
        assert left == [f"original.{names}", "report.json", f"result.{names}"]
    assert not (folder / half).exists()


def test_what_a_server_was_at_when_it_was_stopped_is_done_by_the_next(tmp_path: Path) -> None:
    code = _SERVER.replace("time.sleep(600)", "")
    told = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    _, _, running, _, _ = told.stdout.split()
    assert [path.name for path in (tmp_path / running).iterdir()] == ["original.mp4"]
    with queue(tmp_path) as jobs:
        assert over(jobs, running).state is JobState.DONE


def test_strays_go_and_jobs_without_their_files_too(tmp_path: Path) -> None:
    with queue(tmp_path) as jobs, jobs.upload("a.jpg", 5) as upload:
        upload.write(PORTRAIT.read_bytes())
        kept = upload.finish(start=False)
    stray, gone, others = tmp_path / ("x" * 22), tmp_path / ".gone-abc", tmp_path / "not ours"
    for folder in (stray, gone, others):
        folder.mkdir()
        (folder / "file").write_bytes(b"x")
    with queue(tmp_path) as jobs:
        assert [job.id for job in jobs.jobs()] == [kept.id]
        assert jobs.health().bytes_used == PORTRAIT.stat().st_size
        assert (stray.exists(), gone.exists(), others.exists()) == (False, False, True)
        jobs.original(kept.id).unlink()
    with queue(tmp_path) as jobs:
        assert jobs.jobs() == []
        assert not (tmp_path / kept.id).exists()


def test_a_result_that_is_missing_is_made_again(tmp_path: Path) -> None:
    with queue(tmp_path) as jobs, jobs.upload("a.jpg", None) as upload:
        upload.write(PORTRAIT.read_bytes())
        job = upload.finish()
        over(jobs, job.id)
        jobs.result(job.id).unlink()
    with queue(tmp_path) as jobs:
        over(jobs, job.id)
        assert jobs.result(job.id).is_file()


def test_a_table_that_is_none_of_ours_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    path.write_bytes(b"not a table" * 100)
    with pytest.raises(OutputError, match="table of jobs cannot be used"):
        queue(tmp_path)
    assert path.read_bytes() == b"not a table" * 100
    path.unlink()
    later = sqlite3.connect(path)
    later.execute("PRAGMA user_version = 9")
    later.close()
    with pytest.raises(OutputError, match="is of version 9, but 1 is known"):
        queue(tmp_path)
