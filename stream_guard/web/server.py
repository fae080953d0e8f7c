"""Runs the app in a thread of its own, with its own event loop."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import uvicorn

from stream_guard.errors import OutputError
from stream_guard.settings.web import Web
from stream_guard.web.access import check

_BACKLOG: Final = 128
_LINGER_S: Final = 1
_JOIN_S: Final = 10.0


class _Uvicorn(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config, listening: threading.Event) -> None:
        super().__init__(config)
        self._listening = listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._listening.set()


class WebServer:
    """Serves an app from `start` to `stop`; a context manager that does both."""

    def __init__(self, app: Any, web: Web) -> None:
        check(web)
        self.app, self._web = app, web
        self._listening = threading.Event()
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self.address = ""
        """As a browser takes it, e.g. "http://127.0.0.1:8000/"."""

    def __enter__(self) -> WebServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Listen, and return once requests are answered.

        Raises:
            OutputError: the address or port cannot be had, or the certificate not be read.
        """
        listener = _listen(self._web)
        try:
            server = _Uvicorn(_config(self.app, self._web), self._listening)
        except OutputError:
            listener.close()
            raise
        self._server = server
        self.address = _address(self._web, listener)
        self._thread = threading.Thread(target=self._run, args=(server, listener), name="web", daemon=True)
        self._thread.start()
        self._listening.wait()
        if not server.started:
            self.stop()
            raise OutputError("the web server ended before it could answer; start it again.")

    def stop(self) -> None:
        """End all connections and the thread; harmless when not started."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(_JOIN_S)
            self._server = self._thread = None

    def _run(self, server: uvicorn.Server, listener: socket.socket) -> None:
        try:
            server.run([listener])
        except SystemExit:  # uvicorn's word for a start that failed
            server.started = False
        finally:
            listener.close()
            self._listening.set()


def _listen(web: Web) -> socket.socket:
    try:
        family = socket.getaddrinfo(web.host, web.port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((web.host, web.port), family=family, backlog=_BACKLOG)
    except OSError as exc:
        raise OutputError(
            f"the web server cannot listen at {web.host} port {web.port} ({exc.strerror}); "
            "choose another web.host or web.port."
        ) from exc


def _config(app: Any, web: Web) -> uvicorn.Config:
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="critical",  # an address may hold a token, and a body an offer
        access_log=False,
        lifespan="on",
        ws="none",
        server_header=False,
        proxy_headers=web.behind_proxy,
        forwarded_allow_ips="127.0.0.1,::1",
        timeout_graceful_shutdown=_LINGER_S,
        ssl_certfile=web.tls_certificate or None,
        ssl_keyfile=Path(web.tls_key) if web.tls_key else None,
    )
    try:
        config.load()
    except OSError as exc:
        raise OutputError(
            f"the web server cannot use {web.tls_certificate} and {web.tls_key} ({exc.strerror or exc}); "
            "web.tls_certificate and web.tls_key must be PEM files that belong together."
        ) from exc
    return config


def _address(web: Web, listener: socket.socket) -> str:
    host = f"[{web.host}]" if ":" in web.host else web.host
    scheme = "https" if web.tls_certificate else "http"
    return f"{scheme}://{host}:{listener.getsockname()[1]}/"
