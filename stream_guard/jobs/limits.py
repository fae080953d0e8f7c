"""What a worker process may use, set by itself before it touches a file."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from contextlib import suppress
from pathlib import Path
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_EXPENDABLE: Final = "500"
_UNLIMITED: Final = resource.RLIM_INFINITY


def confine(memory_mb: int, nice: int) -> None:
    """Give up rights for good: memory, core files, priority, and files that others could read.

    RLIMIT_DATA counts what may be written to: 0.45 GB with the models, 1.05 for a video of 1080p, 1.8 for one
    of 4K, 2.6 for a picture of 177 megapixels. RLIMIT_AS would count code and what is only reserved, too.
    """
    os.umask(0o077)
    with suppress(OSError):  # where memory runs out for all, the kernel shall take this one first
        Path("/proc/self/oom_score_adj").write_text(_EXPENDABLE, encoding="ascii")
    os.nice(nice)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (memory_mb << 20, memory_mb << 20))


def limit_files(most_bytes: int) -> None:
    """Let no file grow beyond so many bytes from now on; what is written beyond fails with EFBIG."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, _UNLIMITED))


def die_with_parent() -> None:
    """End when the thread that started this process ends, even if it was killed; Linux only."""
    if prctl := getattr(ctypes.CDLL(None), "prctl", None):
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
