"""An output that is given up before its first packet: FFmpeg's fragmenting muxer used to crash there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from stream_guard.sinks.file import CONTAINERS

WALK = Path(__file__).parents[1] / "samples" / "walk.mp4"
CODE = """
import sys
from pathlib import Path
from stream_guard.sinks.encoding import Encoding
from stream_guard.sinks.file import FileSink
from stream_guard.sources.file import FileSource
source = FileSource(Path(sys.argv[1]))
FileSink(Path(sys.argv[2]), source.media, Encoding(audio=sys.argv[3])).abort()
source.close()
"""


@pytest.mark.parametrize("audio", ["keep", "drop"])
@pytest.mark.parametrize("suffix", sorted(CONTAINERS))
def test_an_output_can_be_given_up_at_once(tmp_path: Path, suffix: str, audio: str) -> None:
    command: list[str | Path] = [sys.executable, "-c", CODE, WALK, tmp_path / f"out{suffix}", audio]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # a crash must not end pytest
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []


STOPPED_EARLY = """
import signal, sys
from pathlib import Path
from stream_guard.errors import Stopped
from stream_guard.sinks.encoding import Encoding
from stream_guard.sinks.file import FileSink
from stream_guard.sources.file import FileSource

def stop(number, frame):
    raise Stopped("SIGALRM")

source = FileSource(Path(sys.argv[1]))
signal.signal(signal.SIGALRM, stop)
for tenth_ms in range(1, 400, 4):
    try:
        signal.setitimer(signal.ITIMER_REAL, tenth_ms / 10_000)
        sink = FileSink(Path(sys.argv[2]), source.media, Encoding())
        signal.setitimer(signal.ITIMER_REAL, 0)
    except Stopped:
        continue
    sink.abort()
"""


def test_a_stop_while_a_sink_is_made_crashes_nothing(tmp_path: Path) -> None:
    """Stopped at one moment after the other, the header being written or not."""
    command: list[str | Path] = [sys.executable, "-c", STOPPED_EARLY, WALK, tmp_path / "out.mp4"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "out.mp4").exists()
