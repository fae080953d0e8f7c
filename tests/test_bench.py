"""The yardstick is fair: it does what stream_guard does, less the guarding."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import av
import pytest

from scripts.bench import Command, Run, commands, in_turn, measured, table
from scripts.transcode import transcode
from stream_guard.settings import Settings
from stream_guard.sinks.encoding import Encoding

ROOT = Path(__file__).parents[1]
WALK = ROOT / "samples" / "walk.mp4"


def test_both_code_alike() -> None:
    chosen = Settings().output
    ours = Encoding(chosen.codec, chosen.quality, chosen.encoder_preset, chosen.audio, chosen.overwrite)
    assert ours == Encoding()


def test_the_transcode_keeps_every_frame_and_the_sound(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    transcode(WALK, out)
    for path in (WALK, out):
        with av.open(str(path)) as container:
            stamps = [frame.time for frame in container.decode(video=0)]
        with av.open(str(path)) as container:
            sound = [bytes(packet) for packet in container.demux(audio=0) if packet.size]
        if path == WALK:
            expected = stamps, sound
    assert (stamps, sound) == expected


def test_a_run_is_measured(tmp_path: Path) -> None:
    code = "import time; held = bytearray(50_000_000)\nwhile time.process_time() < 0.25: pass"
    run = measured(Command("busy", (sys.executable, "-c", code), tmp_path / "none"))
    assert 0.2 <= run.cpu_s <= run.wall_s + 0.1
    assert run.peak_mb > 47


def test_a_command_that_fails_ends_the_comparison(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"bad ended with 7: why not"):
        measured(Command("bad", ("sh", "-c", "echo why not >&2; exit 7"), tmp_path / "none"))


def test_commands_take_turns(tmp_path: Path) -> None:
    log = tmp_path / "log"
    pair = [Command(n, ("sh", "-c", f"echo {n} >> '{log}'"), tmp_path / n) for n in ("a", "b")]
    runs = in_turn(pair, 2)
    assert log.read_text().split() == ["a", "b", "a", "b"]
    assert [len(found) for found in runs.values()] == [2, 2]


def test_the_other_command_gets_its_names(tmp_path: Path) -> None:
    found = commands(Path("in put.mp4"), tmp_path, "fast", "/bin/other {input} -o {output}")
    assert found[2] == Command(
        "other", ("/bin/other", "in put.mp4", "-o", str(tmp_path / "other.mp4")), tmp_path / "other.mp4"
    )


def test_the_table_shows_medians() -> None:
    runs = {"bare": [Run(1, 2, 50), Run(2, 2, 50), Run(9, 2, 50)], "ours": [Run(4, 6, 300)] * 3}
    rows = table(runs, 100).splitlines()[2:]
    assert rows[0] == "| bare | 2.00 (1.00 to 9.00) | 50.0 | 1.00 | 2.0 | 50 |"
    assert rows[1] == "| ours | 4.00 (4.00 to 4.00) | 25.0 | 0.50 | 6.0 | 300 |"


def test_every_stage_is_told(tmp_path: Path) -> None:
    job = [sys.executable, "-m", "scripts.bench_jobs", "stages", str(WALK), str(tmp_path / "o.mp4"), "fast"]
    done = subprocess.run(job, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    stages = json.loads(done.stdout)
    assert set(stages) == {"decode", "detect", "track", "paint", "encode, mux, read back"}
    assert all(seconds > 0 for seconds in stages.values())
