"""The native libraries: what to say where one cannot be loaded, how much they may take, and what may wait."""

from __future__ import annotations

import ctypes
import os
import re
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from stream_guard.errors import MissingLibraryError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_M_MMAP_THRESHOLD: Final = -3
_BEHIND: Final = 7
"""Niceness: a fifth of the time of a thread with none, where both want all of it. 10 is no quicker on an idle
machine, and takes 51 s instead of 32 s where two other programs want both cores."""
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


def cap() -> None:
    """Keep OpenCV to the thread that calls it, and large blocks of memory out of the heap.

    Every stage has a thread: a second pool makes all of them wait. Pictures that come and go in the heap
    leave holes between them: 40 MB at 1080p, and 400 MB more once a second file is worked on.
    """
    import cv2

    cv2.setNumThreads(1)
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):  # glibc's; others have no such trouble
        mallopt(_M_MMAP_THRESHOLD, 1 << 17)  # where glibc starts from, but then raises it


class _Later(ModuleType):
    """Stands for a module until something of it is wanted."""

    def __getattr__(self, name: str) -> Any:
        self.give_way()
        return getattr(import_module(self.__name__), name)

    def give_way(self) -> None:
        """Let the next import be that of the module itself."""
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]


@contextmanager
def imported_later(*names: str) -> Iterator[None]:
    """Let what is imported in the block do without these modules until it uses them.

    A module inside a package needs the package named before it.
    """
    placed = {name: _Later(name) for name in names if name not in sys.modules}
    for name, module in placed.items():
        package, _, last = name.rpartition(".")
        if package in placed:
            setattr(placed[package], last, module)
    sys.modules.update(placed)
    try:
        yield
    finally:
        for module in placed.values():
            module.give_way()


@contextmanager
def ordinary_priority() -> Iterator[None]:
    """Give every thread back the scheduling that this one had before the block.

    SVT-AV1, opened by root, puts the whole process under SCHED_FIFO at priority 99, for good: nothing else
    on the machine is run then, and whatever the process starts inherits it.
    """
    if not hasattr(os, "sched_getscheduler"):  # not Linux
        yield
        return
    policy, priority = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        for thread in (int(path.name) for path in Path("/proc/self/task").iterdir()):
            with suppress(ProcessLookupError):  # it has ended meanwhile
                if os.sched_getscheduler(thread) != policy:
                    os.sched_setscheduler(thread, policy, priority)


def call_behind(start: Callable[[], object]) -> None:
    """Call what starts threads so that these give way to the caller's, wherever both would run.

    One thread judges the frames and all others wait for it: with the encoder's behind it a clip of 1080p
    took 11 % less time on two cores.
    """
    with ThreadPoolExecutor(1, initializer=step_back, initargs=(_BEHIND,)) as pool:
        pool.submit(start).result()


def step_back(niceness: int) -> None:
    """Let the thread that calls this, and those that it starts from now on, give way to all others here."""
    if sys.platform == "linux":  # elsewhere it is the whole process that would step back, for good
        os.nice(niceness)


@cache
def _share_arena() -> None:
    """Let all sessions take their memory from one arena: one that waits has none of its own.

    With one each, CenterFace took 91 MB more beside YuNet; with one for both, 20 to 26 MB.
    """
    import onnxruntime as ort

    kind = ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR
    memory = ort.OrtMemoryInfo("Cpu", kind, 0, ort.OrtMemType.DEFAULT)
    unlimited, doubling, default = 0, 0, -1
    ort.create_and_register_allocator(memory, ort.OrtArenaCfg(unlimited, doubling, default, default))


def onnx_session(model: bytes) -> InferenceSession:
    """Return a session for the contents of a model file that runs on the thread that calls it."""
    import onnxruntime

    _share_arena()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.enable_mem_pattern = False  # 20 MB for one size of picture, and YuNet gets several
    options.add_session_config_entry("session.disable_quant_qdq", "1")  # packed weights: unpacked once
    options.add_session_config_entry("session.use_env_allocators", "1")
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
