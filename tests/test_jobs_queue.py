"""The queue from upload to result, with real workers over real media."""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from stream_guard.errors import ExitCode, SettingsError
from stream_guard.jobs.job import Deleted, Job, JobFailed, JobState, NoSuchJob, NotDone
from stream_guard.jobs.queue import JobQueue
from stream_guard.record.check import check_report
from tests.media import frames
from tests.queues import PORTRAIT, WALK, hand_in, over, queue, until, workers_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state") / "jobs"


@pytest.fixture(scope="module")
def jobs(folder: Path) -> Iterator[JobQueue]:
    with queue(folder) as running:
        yield running


def _files(jobs: JobQueue, job: Job) -> list[str]:
    return sorted(path.name for path in jobs.original(job.id).parent.iterdir())


def _is_running(job: Job) -> bool:
    return job.progress is not None and job.progress.frames > 0


def test_a_picture_and_a_video_are_redacted(jobs: JobQueue, folder: Path) -> None:
    picture = hand_in(jobs, PORTRAIT, name="C:\\secret\\..\\me.JPG", verify=True)
    video = hand_in(jobs, WALK, settings={"redact": {"style": "solid"}})
    assert (picture.name, picture.kind, video.kind) == ("me.JPG", "picture", "video")
    assert (picture.duration_s, video.duration_s) == (None, 5.0)
    seen = []
    with jobs.watch() as watch:
        while not jobs.job(video.id).state.is_over:
            seen += [news for news in watch.take(1.0) if isinstance(news, Job) and news.id == video.id]
    readings = [job.progress for job in seen if job.progress]
    assert len({reading.frames for reading in readings}) >= 3
    assert readings[-1].total == 125

    done, video = jobs.job(picture.id), jobs.job(video.id)
    assert done.outcome is not None
    assert video.outcome is not None
    assert (done.state, done.exit_code) == (JobState.DONE, ExitCode.DONE)
    assert (done.outcome.faces, done.outcome.verified, done.outcome.findings) == (1, True, 0)
    assert (done.outcome.result_name, done.outcome.result_type) == ("me.redacted.jpg", "image/jpeg")
    assert (video.outcome.result_name, video.outcome.verified) == ("walk.redacted.mp4", None)
    assert video.outcome.bytes_out == jobs.result(video.id).stat().st_size
    assert len(frames(jobs.result(video.id))) == 125
    with Image.open(jobs.result(picture.id)) as after, Image.open(PORTRAIT) as before:
        assert after.size == before.size
        assert after.getpixel((160, 120)) != before.getpixel((160, 120))
    assert jobs.jobs()[0].id == video.id

    report = jobs.report(video.id).read_text()
    assert json.loads(report)["settings"]["redact"]["style"] == "solid"
    assert json.loads(report)["input"]["path"] == "walk.mp4"
    proof = json.loads(jobs.report(picture.id).read_text())
    assert proof["verification"]["source"] == proof["input"]["path"] == "me.JPG"
    assert proof["verification"]["output"] == proof["output"]["path"] == "me.redacted.jpg"
    assert check_report(jobs.report(video.id), {"output": jobs.result(video.id)}, None) == []
    assert str(folder) not in report
    assert str(folder.parent) not in report


def test_everything_is_the_owners_alone(jobs: JobQueue, folder: Path) -> None:
    over(jobs, hand_in(jobs, PORTRAIT).id)
    for path in [folder, *folder.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_what_is_no_media_is_refused_and_deleted(jobs: JobQueue, folder: Path, tmp_path: Path) -> None:
    text = tmp_path / "letter.mp4"
    text.write_text("To whom it may concern: this is no video.")
    with pytest.raises(JobFailed, match=r"letter\.mp4 is neither a video nor a picture") as caught:
        hand_in(jobs, text)
    assert (caught.value.code, caught.value.exit_code) == ("not_media", ExitCode.INPUT)
    assert str(folder) not in str(caught.value)
    assert all(job.name != "letter.mp4" for job in jobs.jobs())
    assert {path.name for path in folder.iterdir() if path.is_dir()} == {job.id for job in jobs.jobs()}


def test_a_pixel_bomb_fails_with_its_word(jobs: JobQueue, tmp_path: Path) -> None:
    Image.new("1", (20_000, 20_000)).save(tmp_path / "bomb.png")
    failed = over(jobs, hand_in(jobs, tmp_path / "bomb.png").id)
    assert (failed.state, failed.code, failed.exit_code) == (
        JobState.FAILED,
        "too_many_pixels",
        ExitCode.INPUT,
    )
    assert (failed.message or "").startswith("bomb.png ")


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{url}/a.ts\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile {url}/a.mp4\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video {port} RTP/AVP 96\n"
        "a=rtpmap:96 H264/90000\n",
    ],
    ids=["m3u8", "ffconcat", "sdp"],
)
def test_a_text_that_names_other_places_reaches_none(jobs: JobQueue, tmp_path: Path, text: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        port = listener.getsockname()[1]
        path = tmp_path / "clip.mp4"
        path.write_text(text.format(url=f"http://127.0.0.1:{port}", port=port))
        with pytest.raises(JobFailed) as caught:
            hand_in(jobs, path)
        assert caught.value.code == "not_media"
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_an_upload_that_is_left_leaves_nothing(jobs: JobQueue, folder: Path) -> None:
    with jobs.upload("half.mp4", 1000) as upload:
        upload.write(b"half")
        job = upload.job
        assert job.state is JobState.UPLOADING
        with pytest.raises(NotDone):
            jobs.original(job.id)
    assert not (folder / job.id).exists()
    with pytest.raises(NoSuchJob):
        jobs.job(job.id)


def test_an_upload_ends_where_its_job_is_deleted(jobs: JobQueue) -> None:
    with jobs.upload("half.mp4", None) as upload:
        upload.write(b"half")
        jobs.delete(upload.job.id)
        with pytest.raises(NoSuchJob):
            upload.write(b"more")


def test_a_job_waits_to_be_started_and_is_done_again_with_other_settings(jobs: JobQueue) -> None:
    waiting = hand_in(jobs, PORTRAIT, start=False)
    assert waiting.state is JobState.WAITING
    with pytest.raises(NotDone):
        jobs.result(waiting.id)
    results = []
    for colour in ("#000000", "#ffffff"):
        jobs.start(waiting.id, {"redact": {"style": "solid", "colour": colour}}, verify=False)
        assert over(jobs, waiting.id).state is JobState.DONE
        results.append(jobs.result(waiting.id).read_bytes())
    assert results[0] != results[1]
    assert jobs.job(waiting.id).settings == {"redact": {"style": "solid", "colour": "#ffffff"}}


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"redact": {"style": "sold"}}, "did you mean solid"),
        ({"redact": {"style": "classic"}}, "is weak"),
        ({"redact": {"margin_side": 7}}, r"redact\.margin_side is 7 in the request"),
        ({"jobs": {"jobs_folder": "/"}}, "jobs cannot be set for a job"),
        ({"web": {"token": "x"}}, "web cannot be set for a job"),
        ({"output": {"overwrite": True}}, r"output\.overwrite is no setting of a job"),
        ({"redact": 3}, "redact cannot be set"),
    ],
)
def test_wrong_settings_are_refused_before_anything_runs(
    jobs: JobQueue, settings: dict[str, object], sentence: str
) -> None:
    with pytest.raises(SettingsError, match=sentence):
        hand_in(jobs, PORTRAIT, settings=settings)
    waiting = hand_in(jobs, PORTRAIT, start=False)
    with pytest.raises(SettingsError, match=sentence):
        jobs.start(waiting.id, settings)
    assert jobs.job(waiting.id).state is JobState.WAITING


def test_a_cancelled_job_leaves_its_original_only_and_can_start_again(jobs: JobQueue) -> None:
    job = hand_in(jobs, WALK)
    until(jobs, job.id, _is_running)
    with pytest.raises(NotDone, match="is running"):
        jobs.start(job.id)
    cancelled = jobs.cancel(job.id)
    assert (cancelled.state, cancelled.code) == (JobState.CANCELLED, "cancelled")
    assert _files(jobs, job) == ["original.mp4"]
    assert jobs.cancel(job.id) == cancelled
    jobs.start(job.id)
    assert over(jobs, job.id).state is JobState.DONE


def test_a_deleted_job_is_gone_while_it_runs(jobs: JobQueue, folder: Path) -> None:
    job = hand_in(jobs, WALK)
    until(jobs, job.id, _is_running)
    with jobs.watch() as watch:
        jobs.delete(job.id)
        assert Deleted(job.id) in watch.take(5.0)
    assert not (folder / job.id).exists()
    assert not list(folder.glob(".gone-*"))
    with pytest.raises(NoSuchJob):
        jobs.delete(job.id)
    assert over(jobs, hand_in(jobs, PORTRAIT).id).state is JobState.DONE


def test_a_worker_that_dies_fails_its_own_job_and_no_other(jobs: JobQueue) -> None:
    first, second = hand_in(jobs, WALK), hand_in(jobs, PORTRAIT)
    until(jobs, first.id, _is_running)
    before = workers_of(os.getpid())
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    failed = over(jobs, first.id)
    assert (failed.state, failed.code, failed.exit_code) == (JobState.FAILED, "crashed", ExitCode.INTERNAL)
    assert "SIGKILL" in (failed.message or "")
    assert over(jobs, second.id).state is JobState.DONE
    assert _files(jobs, failed) == ["original.mp4"]
    assert jobs.example()
    assert not set(before) & set(workers_of(os.getpid()))


def test_a_preview_is_quick_and_covers(jobs: JobQueue) -> None:
    video, picture = hand_in(jobs, WALK, start=False), hand_in(jobs, PORTRAIT, start=False)
    sizes = []
    for job, size in ((video, (640, 360)), (picture, (320, 320))):
        path = jobs.preview(job.id, 2.0, {"redact": {"style": "solid", "colour": "#00ff00"}})
        with Image.open(path) as shown:
            sizes.append(shown.size)
            colours = [shown.getpixel((x, y)) for x in range(0, size[0], 4) for y in range(0, 300, 4)]
        assert any(c[1] > 240 and c[0] < 20 and c[2] < 20 for c in colours), job.name  # type: ignore[index]
    assert jobs.preview(picture.id, 2.0) != jobs.preview(picture.id, 3.0)
    assert jobs.job(video.id).state is JobState.WAITING


def test_a_preview_is_had_while_a_job_runs(jobs: JobQueue) -> None:
    job = hand_in(jobs, WALK, settings={"detect": {"preset": "thorough"}})
    until(jobs, job.id, _is_running)
    assert jobs.preview(job.id, 1.0).is_file()
    assert jobs.job(job.id).state is JobState.RUNNING
    jobs.delete(job.id)


def test_examples_differ_by_style(jobs: JobQueue) -> None:
    solid, frost = jobs.example({"redact": {"style": "solid"}}), jobs.example()
    assert solid[:3] == frost[:3] == b"\xff\xd8\xff"
    assert solid != frost
    assert jobs.example() is frost
    with pytest.raises(SettingsError, match="did you mean"):
        jobs.example({"redact": {"style": "sold"}})


def test_workers_are_confined_and_know_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAM_GUARD_WEB_TOKEN", "Canary-4711-token")
    others = set(workers_of(os.getpid()))
    with queue(tmp_path / "jobs", job_memory_mb=2000) as jobs:
        over(jobs, hand_in(jobs, PORTRAIT).id)
        pids = set(workers_of(os.getpid())) - others
        assert len(pids) == jobs.health().workers_alive == 2
        for pid in pids:
            process = Path(f"/proc/{pid}")
            assert b"Canary" not in (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
            assert resource.prlimit(pid, resource.RLIMIT_CORE) == (0, 0)
            assert resource.prlimit(pid, resource.RLIMIT_DATA) == (2000 << 20, 2000 << 20)
            assert os.getsid(pid) == pid
        assert sorted(os.getpriority(os.PRIO_PROCESS, pid) for pid in pids) == [0, 10]
    assert pids.isdisjoint(workers_of(os.getpid()))


def test_the_server_loads_no_media_library_for_its_queue() -> None:
    heavy = "av", "cv2", "mediapipe", "onnxruntime", "PIL", "numpy"
    code = f"import sys, stream_guard.jobs.queue; sys.exit([m for m in {heavy} if m in sys.modules] or None)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
