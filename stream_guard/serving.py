"""The page for files and cameras: the queue of jobs, the stations and the web server, ended together."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final

from pydantic import SecretStr

from stream_guard.broadcast import Airing
from stream_guard.jobs.queue import JobQueue
from stream_guard.settings import Settings
from stream_guard.settings.live import Camera
from stream_guard.settings.web import Web
from stream_guard.stations import source_of
from stream_guard.web.access import check, needs_token, token_of
from stream_guard.web.app import create_app
from stream_guard.web.reception import Reception
from stream_guard.web.server import WebServer

WEBCAM: Final = "webcam"
"""Name of the station to which a browser publishes its own camera."""


class Serving:
    """Serves the page from entering to leaving."""

    def __init__(self, cameras: Mapping[str, Camera], folder: Path, settings: Settings) -> None:
        """Make everything; nothing is started.

        Raises:
            SettingsError: something that can be known to fail.
        """
        self._web = with_token(settings.web)
        check(self._web)
        self._folder, self._settings = folder, settings
        named = {WEBCAM: Camera(url="whip:"), **cameras}
        sources = {name: source_of(camera, name) for name, camera in named.items()}
        self._airing = Airing(sources, settings)
        self._undo = ExitStack()
        self.address = ""
        """Of the page, once entered; it holds no token."""

    @property
    def link(self) -> str:
        """The address by which a browser is let in: with the token in it, if it was made for this run."""
        made = self._web.token is not self._settings.web.token
        return f"{self.address}?token={token_of(self._web)}" if made else self.address

    def __enter__(self) -> Serving:
        """Start all of it.

        Raises:
            OutputError: the port is taken, or the folder cannot be used.
        """
        with ExitStack() as undo:
            queue = undo.enter_context(JobQueue(self._folder, self._settings))
            undo.enter_context(self._airing)
            app = create_app(self._airing.channels(), self._web, Reception(queue, self._settings))
            self.address = undo.enter_context(WebServer(app, self._web)).address
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._airing.end_soon()
        self._undo.close()


def with_token(web: Web) -> Web:
    """Return the settings with a token for this run, where one is needed and none is set."""
    if not needs_token(web) or web.token is not None:
        return web
    return web.model_copy(update={"token": SecretStr(secrets.token_urlsafe(24))})
