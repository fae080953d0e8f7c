"""A TCP proxy before a camera, which can cut every connection off as a failing network does."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from types import TracebackType

_AT_ONCE = struct.pack("ii", 1, 0)
"""SO_LINGER: to close is to reset."""


class Proxy:
    """Hands on what both sides say, from entering to leaving."""

    def __init__(self, port: int) -> None:
        self._to = ("127.0.0.1", port)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, name="proxy", daemon=True)]

    def __enter__(self) -> Proxy:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        self._server.close()
        self.reset()
        for thread in self._threads:
            thread.join()

    def reset(self) -> int:
        """Reset every connection on both sides; return how many there were."""
        cut, self._open = self._open, []
        for one in cut:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
            with suppress(OSError):
                one.shutdown(socket.SHUT_RD)  # wakes the thread that reads it
        for one in cut:
            one.close()
        return len(cut) // 2

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                here, _ = self._server.accept()
                self._join(here)

    def _join(self, here: socket.socket) -> None:
        try:
            there = socket.create_connection(self._to, timeout=2)
        except OSError:
            here.close()
            return
        there.settimeout(None)
        self._open += [here, there]
        for pair in ((here, there), (there, here)):
            self._threads.append(threading.Thread(target=_pump, args=pair, name="proxy", daemon=True))
            self._threads[-1].start()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
