"""The queue's parts that need no worker: names, room, table, what may be chosen."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from stream_guard.errors import OutputError, SettingsError
from stream_guard.jobs import names
from stream_guard.jobs.choice import laid_over
from stream_guard.jobs.folder import Folder, is_out_of_room, translated
from stream_guard.jobs.job import Deleted, Job, JobState, NoRoom, Outcome
from stream_guard.jobs.ledger import Ledger
from stream_guard.jobs.room import Room
from stream_guard.jobs.table import Table
from stream_guard.settings import Settings
from stream_guard.settings.jobs import Jobs, folder_for

_OUTCOME = Outcome(2, 50, 3, 1, False, 4, "a.redacted.mp4", "video/mp4", 9, ("look there",))
_JOB = Job(
    id="x" * 22, name="ä.mp4", state=JobState.DONE, kind="video", duration_s=2.0, bytes_in=5, created_at=10.0,
    started_at=11.0, finished_at=12.0, expires_at=112.0,
    settings={"redact": {"style": "solid"}}, verify=True, progress=None,
    code=None, message=None, exit_code=6, outcome=_OUTCOME,
)  # fmt: skip


@pytest.mark.parametrize(
    ("given", "shown", "kept"),
    [
        ("clip.mp4", "clip.mp4", "original.mp4"),
        ("../../etc/passwd", "passwd", "original.bin"),
        ("C:\\Users\\me\\a.MOV", "a.MOV", "original.mov"),
        ("..", "file", "original.bin"),
        ("", "file", "original.bin"),
        ("a\0b\r\nX: y.jpg", "abX: y.jpg", "original.jpg"),
        ("photo\u202egpj.exe", "photogpj.exe", "original.exe"),
        ("  two   words .png ", "two words .png", "original.png"),
        ("a.mp4/", "file", "original.bin"),
        ("a.m/p4", "p4", "original.bin"),
        ("a.\u00fcmp4", "a.\u00fcmp4", "original.bin"),
        ("%2e%2e%2fx.mp4", "%2e%2e%2fx.mp4", "original.mp4"),
        ("-rf.mp4", "-rf.mp4", "original.mp4"),
    ],
)
def test_a_clients_name_is_only_shown(given: str, shown: str, kept: str) -> None:
    assert names.shown(given) == shown
    assert names.original(names.shown(given)) == kept


def test_a_long_name_is_cut_but_keeps_its_end() -> None:
    name = names.shown("n" * 500 + ".mp4")
    assert len(name) == 120
    assert name.endswith("n.mp4")
    assert len(names.shown("n" * 500)) == 120
    assert len(names.shown("n." + "x" * 500)) <= 120


def test_ids_cannot_be_guessed() -> None:
    ids = {names.new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(names.ID.fullmatch(one) for one in ids)


def test_room_is_never_promised_twice() -> None:
    room = Room(100, lambda: 1000)
    room.claim("a", 60)
    with pytest.raises(NoRoom):
        room.claim("b", 41)
    room.claim("a", 70)
    assert (room.used_bytes, room.left_bytes) == (70, 30)
    room.hold("b", 50)
    assert room.left_bytes == 0
    room.release("a")
    room.release("a")
    assert room.left_bytes == 50
    assert Room(100, lambda: 7).left_bytes == 7


def test_rows_come_back_as_they_went(tmp_path: Path) -> None:
    table = Table(tmp_path / "jobs.sqlite")
    bare = replace(_JOB, id="y" * 22, state=JobState.QUEUED, outcome=None, finished_at=None, created_at=9.0)
    for job in (_JOB, bare, replace(_JOB, name="other")):
        table.put(job)
    table.close()
    again = Table(tmp_path / "jobs.sqlite")
    assert [replace(job, expires_at=112.0) for job in again.jobs()] == [bare, replace(_JOB, name="other")]
    again.remove(_JOB.id)
    assert [job.id for job in again.jobs()] == [bare.id]
    again.close()
    assert (tmp_path / "jobs.sqlite").stat().st_mode & 0o777 == 0o600


def test_a_watch_hears_of_each_job_once_with_its_newest_state(tmp_path: Path) -> None:
    table, woken = Table(tmp_path / "jobs.sqlite"), []
    ledger = Ledger(table, 100.0)
    with ledger.watch(lambda: woken.append(1)) as watch:
        ledger.put(_JOB)
        ledger.put(replace(_JOB, name="newer"))
        assert [news.name for news in watch.take(0.0) if isinstance(news, Job)] == ["newer"]
        assert watch.take(0.0) == []
        ledger.remove(_JOB.id)
        assert watch.take(0.0) == [Deleted(_JOB.id)]
    ledger.put(_JOB)
    assert watch.take(0.0) == []
    assert len(woken) == 3
    table.close()


def test_a_watch_begins_and_ends_while_a_row_is_written(tmp_path: Path) -> None:
    table = Table(tmp_path / "jobs.sqlite")
    ledger = Ledger(table, 100.0)

    def look() -> None:
        with ledger.watch(None) as watch:
            watch.take(0)

    thread = threading.Thread(target=look, daemon=True)
    with ledger.changed:  # as it is while the disk is slow
        thread.start()
        thread.join(5)
        assert not thread.is_alive()
    table.close()


def test_the_line_is_first_come_first_served_and_skips_what_is_in_hand(tmp_path: Path) -> None:
    table = Table(tmp_path / "jobs.sqlite")
    ledger = Ledger(table, 100.0)
    for name in "abc":
        ledger.enqueue(ledger.put(replace(_JOB, id=name)))
    first = ledger.claim(lambda: 1.0)
    assert first is not None
    assert (first.id, first.state, first.outcome) == ("a", JobState.RUNNING, None)
    ledger.change("a", JobState.RUNNING, state=JobState.CANCELLED)
    ledger.enqueue(ledger.get("a"))  # again, while the first run is still being cleared away
    ledger.change("b", JobState.QUEUED, state=JobState.CANCELLED)
    assert getattr(ledger.claim(lambda: 1.0), "id", None) == "c"
    ledger.let_go("a")
    assert getattr(ledger.claim(lambda: 1.0), "id", None) == "a"
    ledger.let_go("a")  # whoever had it gave up: it is still to be done
    assert ledger.get("a").state is JobState.QUEUED
    ledger.stop()
    assert ledger.claim(lambda: 1.0) is None
    table.close()


def test_what_is_chosen_lies_over_the_servers_settings_and_no_secret_goes_along() -> None:
    server = Settings.model_validate(
        {"web": {"token": "Canary-4711-token"}, "redact": {"style": "icon"}, "track": {"hold_s": 3}}
    )
    found = laid_over(server, {"redact": {"style": "solid"}, "zones": {"cover_zone": ["0,0 1,0 1,1"]}})
    assert (found["redact"]["style"], found["track"]["hold_s"]) == ("solid", 3)
    assert "Canary" not in str(found)
    assert Settings.model_validate(found).zones.cover_zone == (((0, 0), (1, 0), (1, 1)),)
    with pytest.raises(SettingsError, match=r"redact\.stlye is no setting of a job"):
        laid_over(server, {"redact": {"stlye": "solid"}})


def test_a_folder_that_cannot_be_ours_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="file"):
        Folder(tmp_path / "file")
    outside = tmp_path / "outside"
    outside.write_text("x")
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "lock").symlink_to(outside)
    with pytest.raises(OutputError):
        Folder(tmp_path / "jobs")


def test_what_a_worker_left_is_cleared_away_whatever_it_is(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "jobs")
    os.close(folder.create("a", "clip.mp4"))
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("x")
    (folder.of("a") / "deep" / "er").mkdir(parents=True)
    (folder.of("a") / "link").symlink_to(outside)
    (folder.of("a") / "dangling").symlink_to(tmp_path / "nowhere")
    assert folder.bytes_of("a") > 0
    folder.clear("a", "clip.mp4")
    assert [path.name for path in folder.of("a").iterdir()] == ["original.mp4"]
    assert (outside / "kept").exists()
    folder.close()


def test_a_wide_open_folder_is_closed(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    Folder(tmp_path).close()
    assert tmp_path.stat().st_mode & 0o777 == 0o700


def test_a_full_disk_is_told_from_other_faults() -> None:
    with pytest.raises(NoRoom), translated(), Path("/dev/full").open("wb", buffering=0) as full:
        full.write(b"x")
    with pytest.raises(OutputError, match="Is a directory"), translated():
        os.close(os.open("/", os.O_WRONLY))
    assert not is_out_of_room(ValueError("x"))


def test_the_folder_is_the_users_unless_one_is_named() -> None:
    assert folder_for(Jobs(), {"HOME": "/h"}) == Path("/h/.local/state/stream-guard/jobs")
    assert folder_for(Jobs(), {"HOME": "/h", "XDG_STATE_HOME": "/s"}) == Path("/s/stream-guard/jobs")
    assert folder_for(Jobs(jobs_folder="/x"), {}) == Path("/x")
    with pytest.raises(SettingsError, match="--jobs-folder"):
        folder_for(Jobs(), {})
