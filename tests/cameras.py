"""Real RTSP cameras to be killed and frozen, and detectors that find what tests plant, or fail as told."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import numpy as np
import pytest

from stream_guard import parts
from stream_guard.detect.observer import Cadence, CadenceObserver, ViewSize
from stream_guard.detect.passes import Pass
from stream_guard.flow.wary import Wary
from stream_guard.live.load import Shedding
from stream_guard.live.session import Judges
from stream_guard.model.frame import View
from stream_guard.model.geometry import Box
from stream_guard.model.verdict import Detection
from stream_guard.redact.render import MaskRedactor
from stream_guard.settings import Settings
from stream_guard.track.smoother import FixedLagSmoother
from tests.stations import planted

SYSTEM_PYTHON = "/usr/bin/python3"
ROOT = Path(__file__).parents[1]
FPS = 25


def has_rtsp_server() -> bool:
    """Tell whether the system's Python has gst-rtsp-server."""
    asks = "import gi; gi.require_version('GstRtspServer', '1.0')"
    if not Path(SYSTEM_PYTHON).exists():
        return False
    return subprocess.run([SYSTEM_PYTHON, "-c", asks], capture_output=True, check=False).returncode == 0


def require_rtsp_server() -> None:
    """Skip the test where gst-rtsp-server is missing."""
    if not has_rtsp_server():
        pytest.skip("no RTSP server to test with: apt-get install gir1.2-gst-rtsp-server-1.0 python3-gi")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def planted_file(path: Path, seconds: float, width: int = 320, height: int = 240) -> Path:
    """Write H.264 of the planted picture, a key frame each second."""
    with av.open(path, "w") as out:
        stream = out.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"preset": "ultrafast", "tune": "zerolatency", "g": str(FPS), "crf": "18"}
        for index in range(round(seconds * FPS)):
            frame = av.VideoFrame.from_ndarray(planted(width, height, index), "rgb24").reformat(
                format="yuv420p"
            )
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


CLAP_HZ = 440


def claps(time_s: float) -> bool:
    """Tell whether a clapping film is white and loud then: the second half of each second."""
    return time_s % 1 >= 0.5


def clapping_file(path: Path, seconds: int) -> Path:
    """Write H.264 and A-law that change between black and white, silence and tone, at the same moments."""
    with av.open(path, "w", format="mov") as out:
        video: Any = out.add_stream("libx264", rate=FPS)
        video.width, video.height, video.pix_fmt = 320, 240, "yuv420p"
        video.options = {"preset": "ultrafast", "tune": "zerolatency", "g": str(FPS)}
        sound: Any = out.add_stream("pcm_alaw", rate=8000, layout="mono")
        for index in range(seconds * FPS):
            rgb = np.full((240, 320, 3), 220 if claps(index / FPS) else 20, np.uint8)
            frame = av.VideoFrame.from_ndarray(rgb, "rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            out.mux(video.encode(frame))
        times_s = np.arange(seconds * 8000) / 8000
        wave = 9000 * np.sin(2 * np.pi * CLAP_HZ * times_s) * (times_s % 1 >= 0.5)
        for start in range(0, len(wave), 160):
            heard = av.AudioFrame.from_ndarray(
                wave[None, start : start + 160].astype(np.int16), "s16", "mono"
            )
            heard.sample_rate, heard.pts, heard.time_base = 8000, start, Fraction(1, 8000)
            out.mux(sound.encode(heard))
        out.mux(video.encode(None))
        out.mux(sound.encode(None))
    return path


class RtspCamera:
    """A gst-rtsp-server that plays a file under /cam; a context manager that ends it.

    With `lose` it loses every so manieth packet, with `late_s` it does not know its path for so long, with
    `stall_s` it sends nothing but sound after so long, and with `shared` all clients see the same moment of
    the file.
    """

    def __init__(
        self,
        file: Path,
        port: int | None = None,
        login: Sequence[str] = (),
        *,
        lose: int = 0,
        late_s: float = 0.0,
        stall_s: float = 0.0,
        sound: bool = False,
        shared: bool = False,
    ) -> None:
        self.port = port or free_port()
        self._command = [SYSTEM_PYTHON, "-m", "tests.rtsp_camera", str(file), str(self.port)]
        self._command += ["--lose", str(lose), "--late", str(late_s), "--stall", str(stall_s)]
        self._command += ["--sound"] if sound else []
        self._command += ["--shared"] if shared else []
        self._command += ["--login", *login] if login else []
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}/cam"

    def __enter__(self) -> RtspCamera:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert self._process.stdout is not None
        assert self._process.stdout.readline().strip() == str(self.port), "the RTSP server does not start"

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.communicate()
            self._process = None

    def freeze(self) -> None:
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)


class CodeDetector:
    """Finds the red and green stripes that tests plant, by their colour (fulfils `ports.Detector`)."""

    name = "code"

    def detect(self, view: View) -> Sequence[Detection]:
        blue, green, red = (view.bgr[:, :, i].astype(int) for i in range(3))
        strong = np.abs(red - green) > 90
        strong &= blue < 120
        if strong.sum() < 20:
            return ()
        rows, columns = np.nonzero(strong)
        box = Box(columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        return (Detection(box, 0.9, self.name),)

    def close(self) -> None: ...


Fault = Callable[[int, Sequence[Detection]], Sequence[Detection]]


class Faulty:
    """A detector that fails as a fault says, from a moment on."""

    name = "faulty"

    def __init__(
        self, fault: Callable[[int, Sequence[Detection]], Sequence[Detection]], spared: int = 30
    ) -> None:
        """`fault` gets the number of the look after the spared ones, and what would be right."""
        self._right, self._fault, self._spared = CodeDetector(), fault, spared
        self._looks = 0

    def detect(self, view: View) -> Sequence[Detection]:
        self._looks += 1
        found = self._right.detect(view)
        late = self._looks - self._spared
        return found if late <= 0 else self._fault(late, found)

    def close(self) -> None: ...


class TestBench:
    """Judges with the real observer, tracker and redactor, and a detector of the test's."""

    __test__ = False

    def __init__(self, detector: Callable[[], CodeDetector | Faulty] = CodeDetector, lag: int = 6) -> None:
        self._make, self._lag = detector, lag
        self._detector: CodeDetector | Faulty | None = None
        self.abandoned = 0

    def judges(self) -> Judges:
        self._detector = self._detector or self._make()
        observer = CadenceObserver([Pass(self._detector)], (), (), Cadence(0.06, 320), ViewSize(320))

        def shed(shedding: Shedding) -> None:
            observer.shed(shedding.view_share, shedding.look_share)

        return Judges(Wary(observer), FixedLagSmoother(self._lag), painter(), shed)

    def abandon(self) -> None:
        self._detector = None
        self.abandoned += 1

    def close(self) -> None: ...


def painter() -> MaskRedactor:
    settings = Settings()
    zones = parts.zones_in_force(settings)
    return parts.redactor(settings, parts.style(settings.redact), zones, says_why=True)
