"""Native libraries: imported without what nobody asked for, and their threads behind the ones that judge."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from stream_guard.native import call_behind, imported_later
from tests.media import Clip, make

NO_PLOTS = """
import sys, numpy, stream_guard
stream_guard.anonymize_image(numpy.zeros((64, 64, 3), numpy.uint8))
assert "mediapipe" in sys.modules
assert not {"matplotlib", "matplotlib.pyplot", "sounddevice"} & set(sys.modules)
from mediapipe.tasks.python.vision import drawing_utils
assert drawing_utils.plt.Figure.__module__ == "matplotlib.figure"
import matplotlib.pyplot
assert matplotlib.pyplot.Figure is drawing_utils.plt.Figure
"""


OPENS_AN_ENCODER = """
import os, sys
from pathlib import Path
from stream_guard.sinks.encoding import Encoding
from stream_guard.sinks.file import FileSink
from stream_guard.sources.file import FileSource

def niceness():
    threads = (int(path.name) for path in Path("/proc/self/task").iterdir())
    return {thread: os.getpriority(os.PRIO_PROCESS, thread) for thread in threads}

origin = FileSource(Path(sys.argv[1]))
before = niceness()
sink = FileSink(Path(sys.argv[2]), origin.media, Encoding())
after = niceness()
sink.abort()
here = os.getpriority(os.PRIO_PROCESS, 0)
assert {thread: after[thread] for thread in before} == before, (before, after)
assert {after[thread] for thread in after.keys() - before.keys()} == {here + 7}, (before, after)
"""


def test_mediapipe_brings_its_plots_only_when_it_draws() -> None:
    subprocess.run([sys.executable, "-c", NO_PLOTS], check=True)


def test_a_module_that_is_there_already_stays() -> None:
    with imported_later("json"):
        import json
    assert sys.modules["json"] is json
    assert json.loads("1") == 1


def test_a_module_that_is_not_there_is_missed_when_it_is_used() -> None:
    with imported_later("no_such_module"):
        import no_such_module  # type: ignore[import-not-found]
    assert "no_such_module" not in sys.modules
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        _ = no_such_module.something


def test_a_module_may_be_used_at_once() -> None:
    """Nor may it stand in the way of another thread that imports something of its package."""
    code = """
import sys
from stream_guard.native import imported_later
with imported_later("xml", "xml.dom"):
    import xml.dom
    assert xml.dom.Node.TEXT_NODE == 3
    import xml.sax
    assert xml.sax.make_parser
assert sys.modules["xml.dom"].Node is xml.dom.Node
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_encoders_threads_stand_behind_and_no_others(tmp_path: Path) -> None:
    """In a process of its own: other tests leave threads that come and go."""
    source = make(tmp_path / "a.mp4", Clip(width=640, height=480))
    command = [sys.executable, "-c", OPENS_AN_ENCODER, str(source), str(tmp_path / "b.mp4")]
    subprocess.run(command, check=True, cwd=Path(__file__).parents[1])


def test_what_goes_wrong_behind_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        call_behind(lambda: 1 / 0)
