"""The native libraries: what to say where one cannot be loaded, and how many threads they may start."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from stream_guard.errors import MissingLibraryError

DEBIAN_PACKAGES = "libgl1 libglib2.0-0 libxcb1 libegl1 libgles2"


@contextmanager
def libraries_required() -> Iterator[None]:
    """Turn the loader's error about a shared library into one sentence that says what to install.

    Raises:
        MissingLibraryError: something in the block needs a system library that is not there.
    """
    try:
        yield
    except (ImportError, OSError) as exc:
        # the loader says "libGL.so.1: cannot open shared object file: ..." in either kind of error
        found = re.search(r"([\w.+-]+\.so[\w.]*): cannot open shared object file", str(exc))
        if found is None:
            raise
        raise MissingLibraryError(
            f"the system library {found[1]} is missing; on Debian and Ubuntu install what OpenCV and "
            f"MediaPipe need with: apt-get install -y {DEBIAN_PACKAGES}"
        ) from exc


def cap_threads() -> None:
    """Keep OpenCV to the thread that calls it: every stage has one, a second pool makes all of them wait."""
    import cv2

    cv2.setNumThreads(1)
