"""What a job, an upload and all of them together may use; and what is said where that is not enough."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import threading
from pathlib import Path

import pytest

from stream_guard.errors import ExitCode, OutputError
from stream_guard.jobs import queue as queue_module
from stream_guard.jobs.job import Deleted, JobFailed, JobState, NoRoom, NoSuchJob, QueueFull, TooLarge
from stream_guard.jobs.ledger import Ledger
from stream_guard.jobs.room import Room
from tests.queues import PORTRAIT, WALK, eventually, hand_in, over, queue, workers_of


def test_a_job_that_needs_more_memory_fails_and_the_next_one_runs(tmp_path: Path) -> None:
    with queue(tmp_path) as jobs:
        over(jobs, hand_in(jobs, PORTRAIT).id)
        idle_mb = max(map(_data_mb, workers_of(os.getpid())))  # more threads on more cores
    with queue(tmp_path, job_memory_mb=idle_mb + 40) as jobs:
        video, picture = hand_in(jobs, WALK), hand_in(jobs, PORTRAIT)
        failed = over(jobs, video.id)
        assert failed.state is JobState.FAILED
        # some libraries end the process without a word when memory runs out
        said = {"out_of_memory": "raise job_memory_mb", "crashed": "perhaps for want of memory"}
        assert said[failed.code or ""] in (failed.message or "")
        assert over(jobs, picture.id).state is JobState.DONE
        assert [path.name for path in (tmp_path / video.id).iterdir()] == ["original.mp4"]


def _data_mb(pid: int) -> int:
    """Return what RLIMIT_DATA counts of a process."""
    told = Path(f"/proc/{pid}/status").read_text()
    return int(told.partition("VmData:")[2].split()[0]) >> 10


def test_a_job_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    with queue(tmp_path, job_minutes=0.005) as jobs:
        failed = over(jobs, hand_in(jobs, WALK).id)
    assert (failed.state, failed.code, failed.exit_code) == (
        JobState.FAILED,
        "timed_out",
        ExitCode.INTERNAL,
    )
    assert [path.name for path in (tmp_path / failed.id).iterdir()] == ["original.mp4"]


def test_a_result_beyond_the_quota_is_not_written(tmp_path: Path) -> None:
    quota_bytes = WALK.stat().st_size + 100_000
    with queue(tmp_path, quota_gb=quota_bytes / 1e9) as jobs:
        failed = over(jobs, hand_in(jobs, WALK).id)
        assert (failed.state, failed.code, failed.exit_code) == (
            JobState.FAILED,
            "no_room",
            ExitCode.OUTPUT,
        )
        assert [path.name for path in (tmp_path / failed.id).iterdir()] == ["original.mp4"]
        assert jobs.health().bytes_used == WALK.stat().st_size
        with pytest.raises(NoRoom, match="raise quota_gb"):
            jobs.admit(100_001)
        with pytest.raises(NoRoom), jobs.upload("more.mp4", 100_001):
            pass
        with jobs.upload("more.mp4", None) as upload:
            upload.write(bytes(60_000))
            with pytest.raises(NoRoom):
                upload.write(bytes(60_000))
        jobs.delete(failed.id)
        assert jobs.health().bytes_used == 0


def test_a_video_that_lasts_too_long_is_refused(tmp_path: Path) -> None:
    with queue(tmp_path, video_hours=0.001) as jobs:
        with pytest.raises(JobFailed, match=r"walk\.mp4 lasts .* hours, but at most 0\.001") as caught:
            hand_in(jobs, WALK)
        assert caught.value.code == "too_long"
        assert jobs.jobs() == []


def test_an_upload_that_is_too_large_is_refused_and_gone(tmp_path: Path) -> None:
    with queue(tmp_path, upload_gb=1e-6) as jobs:
        with pytest.raises(TooLarge, match="raise upload_gb"):
            jobs.admit(1001)
        with pytest.raises(TooLarge), jobs.upload("a.mp4", 1001):
            pass
        with jobs.upload("a.mp4", 10) as upload:
            upload.write(bytes(500))
            with pytest.raises(TooLarge):
                upload.write(bytes(501))
        assert jobs.jobs() == []
        assert not [path for path in tmp_path.iterdir() if path.is_dir()]
        assert jobs.health().bytes_used == 0


def test_a_full_queue_says_when_to_come_again(tmp_path: Path) -> None:
    with queue(tmp_path, queue=2) as jobs:
        with jobs.upload("a.jpg", 1), jobs.upload("b.jpg", 1):
            with pytest.raises(QueueFull) as caught:
                jobs.admit(1)
            assert caught.value.retry_after_s > 0
            with pytest.raises(QueueFull), jobs.upload("c.jpg", 1):
                pass
        jobs.admit(1)


def test_uploads_at_once_never_take_more_places_than_there_are(tmp_path: Path) -> None:
    turned_away, taken = [], []
    with queue(tmp_path, queue=5) as jobs:
        meet = threading.Barrier(20)
        leave = threading.Event()

        def come() -> None:
            meet.wait()
            try:
                with jobs.upload("a.jpg", 1):
                    taken.append(1)
                    leave.wait()
            except QueueFull:
                turned_away.append(1)

        threads = [threading.Thread(target=come) for _ in range(20)]
        for thread in threads:
            thread.start()
        eventually(lambda: len(taken) + len(turned_away) == 20)
        leave.set()
        for thread in threads:
            thread.join()
    assert (len(taken), len(turned_away)) == (5, 15)


def test_everything_of_a_job_expires(tmp_path: Path) -> None:
    with queue(tmp_path, keep_hours=6 / 3600) as jobs, jobs.watch() as watch:
        job = hand_in(jobs, PORTRAIT)
        done = over(jobs, job.id)
        assert done.finished_at is not None
        assert done.expires_at == pytest.approx(done.finished_at + 6)
        waiting = hand_in(jobs, PORTRAIT, start=False)
        assert waiting.expires_at == pytest.approx(waiting.created_at + 6)
        eventually(lambda: jobs.jobs() == [])
        news = watch.take(5.0)
        assert Deleted(job.id) in news
        assert Deleted(waiting.id) in news
        assert not [path for path in tmp_path.iterdir() if path.is_dir()]


@pytest.mark.parametrize("size", [1000, None])
def test_an_upload_that_is_deleted_while_it_claims_room_holds_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int | None
) -> None:
    claim, deletions = Room.claim, list[threading.Thread]()

    def late(room: Room, job_id: str, bytes_: int) -> None:
        if bytes_:
            deletions.append(threading.Thread(target=jobs.delete, args=(job_id,)))
            deletions[-1].start()
            deletions[-1].join(0.5)
        claim(room, job_id, bytes_)

    with queue(tmp_path) as jobs:
        monkeypatch.setattr(Room, "claim", late)
        with jobs.upload("a.mp4", size) as upload:
            if not deletions:
                upload.write(b"x" * 1000)
            deletions[0].join()
            with pytest.raises(NoSuchJob):
                upload.write(b"y")
        assert jobs.health().bytes_used == 0
        assert not [path for path in tmp_path.iterdir() if path.is_dir()]


def test_a_deletion_that_fails_is_told_tried_again_and_holds_up_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rmtree, freed, held = shutil.rmtree, threading.Event(), set[str]()

    def while_somebody_reads(path: Path) -> None:
        if not freed.is_set() and (not held or path.name in held):
            held.add(path.name)
            raise OSError(errno.EBUSY, "Device or resource busy")
        rmtree(path)

    monkeypatch.setattr(shutil, "rmtree", while_somebody_reads)
    monkeypatch.setattr(queue_module, "_TRY_AGAIN_S", 0.1)
    with queue(tmp_path, keep_hours=1 / 3600) as jobs:
        waiting = [hand_in(jobs, PORTRAIT, start=False) for _ in range(2)]
        eventually(lambda: _originals(tmp_path) == 1)
        eventually(lambda: "Device or resource busy" in (jobs.health().trouble or ""))
        assert jobs.health().bytes_used == PORTRAIT.stat().st_size
        freed.set()
        eventually(lambda: jobs.health().trouble is None)
        assert (_originals(tmp_path), jobs.jobs(), jobs.health().bytes_used) == (0, [], 0)
    assert held == {f".gone-{waiting[0].id}"}


def _originals(folder: Path) -> int:
    return len(list(folder.rglob("original*")))


def test_workers_that_cannot_start_show_and_jobs_stay_queued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with queue(tmp_path) as jobs:
        queued = hand_in(jobs, PORTRAIT)
        over(jobs, queued.id)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with queue(tmp_path) as jobs:
        jobs.start(queued.id)
        eventually(lambda: jobs.health().trouble is not None)
        assert "run `stream-guard doctor`" in (jobs.health().trouble or "")
        assert (jobs.health().workers_alive, jobs.health().queued) == (0, 1)
        assert jobs.job(queued.id).state is JobState.QUEUED
        monkeypatch.undo()
        assert over(jobs, queued.id).state is JobState.DONE
        eventually(lambda: jobs.health().trouble is None)


def test_a_worker_that_has_loaded_nothing_yet_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    never = tmp_path / "never_ready"
    never.write_text("#!/bin/sh\nread memory\nread command\n")
    never.chmod(0o700)
    others = set(workers_of(os.getpid()))
    monkeypatch.setattr(sys, "executable", str(never))
    with queue(tmp_path / "jobs") as jobs:
        eventually(lambda: len(set(workers_of(os.getpid())) - others) == 2)
        assert jobs.health().workers_alive == 0


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fault_in_the_queue_itself_shows_and_the_job_stays_queued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a fault of ours")

    with queue(tmp_path) as jobs:
        monkeypatch.setattr(Ledger, "show", fault)
        job = hand_in(jobs, WALK)
        eventually(lambda: jobs.health().trouble is not None)
        assert "ZeroDivisionError: a fault of ours" in (jobs.health().trouble or "")
        eventually(lambda: jobs.job(job.id).state is JobState.QUEUED)
        assert [path.name for path in (tmp_path / job.id).iterdir()] == ["original.mp4"]


_POSSESSED = """#!{python}
import json, os, sys
print('{{"say": "ready"}}', flush=True)
next(sys.stdin)
for line in sys.stdin:
    if json.loads(line)["do"] == "inspect":
        print('{{"say": "done", "kind": "picture"}}', flush=True)
        continue
    os.makedirs(json.loads(line)["folder"] + "/left/behind")
    {deed}
"""


@pytest.mark.parametrize(
    "deed",
    [
        "print('words', flush=True)",
        "print('[1]', flush=True)",
        """print('{"say": "done"}', flush=True)""",
        """print('{"say": "progress"}', flush=True)""",
        """print('{"say": "failed", "exit_code": "x"}', flush=True)""",
        """print('{"say": "done", "exit_code": 77, "outcome": {}}', flush=True)""",
        "sys.stdout.write('x' * (2 << 20)); sys.stdout.flush()",
        "os.close(1); os.close(2); sys.stdin.read()",
        "os.close(2); os.abort()",
    ],
)
def test_a_worker_that_was_taken_over_fails_its_job_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deed: str
) -> None:
    program = tmp_path / "python"
    program.write_text(_POSSESSED.format(python=sys.executable, deed=deed))
    program.chmod(0o700)
    with monkeypatch.context() as patched:
        patched.setattr(sys, "executable", str(program))
        with queue(tmp_path / "jobs") as jobs:
            first, second = hand_in(jobs, PORTRAIT), hand_in(jobs, PORTRAIT)
            for job in (first, second):
                failed = over(jobs, job.id)
                assert failed.state is JobState.FAILED
                assert failed.exit_code == ExitCode.INTERNAL
                eventually(lambda job=job: _left(tmp_path / "jobs" / job.id) == ["original.jpg"])  # type: ignore[misc]
            assert jobs.health().trouble is None


def _left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_one_folder_serves_one_server(tmp_path: Path) -> None:
    with queue(tmp_path), pytest.raises(OutputError, match="is used by another server"):
        queue(tmp_path)
