"""A live run: stations and every way out of them, put together from the settings and ended together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from stream_guard.errors import SettingsError
from stream_guard.live.station import Station
from stream_guard.model.live import Status
from stream_guard.model.ports import LiveSource
from stream_guard.outputs import chosen
from stream_guard.outputs.branch import Branches
from stream_guard.outputs.output import Feed, Output, OutputStatus
from stream_guard.outputs.registry import OUTPUTS
from stream_guard.settings import Settings
from stream_guard.sources.handed import HandedSource
from stream_guard.stations import station
from stream_guard.web.channel import Channel


@dataclass(frozen=True, slots=True)
class Ways:
    """Which ways out a live run has; all but `web` are those of the registry."""

    web: bool = False
    """WebRTC, Motion JPEG, the viewer page, status and metrics."""
    rtsp_serve: str | None = None
    """Where the RTSP server listens: "8554", ":8554" or "0.0.0.0:8554"."""
    push: Sequence[str] = ()
    """Addresses; {name} in them stands for the station's name."""
    hls: Path | None = None
    record: Path | None = None
    virtual_camera: bool = False


class Airing:
    """Stations and their coded frames, from entering to leaving."""

    def __init__(self, sources: Mapping[str, LiveSource], settings: Settings) -> None:
        """Make everything; nothing is started.

        Raises:
            SettingsError: something that can be known to fail.
        """
        self.stations = {name: station(name, source, settings) for name, source in sources.items()}
        self._sources = sources
        coding = chosen.encoding(settings.outputs)
        self._branches = {name: Branches(one.hub, coding) for name, one in self.stations.items()}
        self._undo = ExitStack()

    def __enter__(self) -> Airing:
        with ExitStack() as undo:
            for one in self.stations.values():
                undo.enter_context(one)
            undo.callback(self.end_soon)
            for branches in self._branches.values():
                undo.callback(branches.close)
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._undo.close()

    def end_soon(self) -> None:
        """Have all stations end at the same time: each may be waiting for a camera that does not answer."""
        for one in self.stations.values():
            one.end_soon()

    def statuses(self) -> list[Status]:
        return [one.status() for one in self.stations.values()]

    def feeds(self) -> dict[str, Feed]:
        """Return what outputs take, by name."""
        return {name: self._feed(name, one) for name, one in self.stations.items()}

    def _feed(self, name: str, one: Station) -> Feed:
        return Feed(name, one.hub, self._branches[name], lambda: one.sound)

    def channels(self) -> dict[str, Channel]:
        """Return what the web server shows, by name."""
        return {
            name: Channel(one, self._branches[name], _intake(self._sources[name]))
            for name, one in self.stations.items()
        }


class Broadcast:
    """Runs stations and their outputs from entering to leaving."""

    def __init__(self, sources: Mapping[str, LiveSource], ways: Ways, settings: Settings) -> None:
        """Make everything; nothing is started.

        Raises:
            SettingsError, OutputError: something that can be known to fail.
        """
        self._airing = Airing(sources, settings)
        self.address: str | None = None
        """Of the viewer page, once entered."""
        self._settings, self._ways = settings, ways
        self._outputs = self._make_outputs()
        self._viewers: Callable[[str], int] = _none
        self._undo = ExitStack()

    def _make_outputs(self) -> list[Output]:
        feeds = self._airing.feeds()
        wanted, ways = self._settings.outputs, self._ways
        outputs: list[Output] = []
        if ways.rtsp_serve is not None:
            serving = chosen.serving(wanted, *_listening(ways.rtsp_serve))
            outputs.append(OUTPUTS["rtsp_serve"](feeds, serving))
        for feed in feeds.values():
            targets = [chosen.target(wanted, _named(url, feed, feeds)) for url in ways.push]
            outputs += [OUTPUTS["push"](feed, target) for target in targets]
            if ways.hls:
                outputs.append(OUTPUTS["hls"](feed, chosen.hls(wanted, ways.hls)))
            if ways.record:
                outputs.append(OUTPUTS["record"](feed, chosen.recording(wanted, ways.record)))
            if ways.virtual_camera:
                outputs.append(OUTPUTS["virtual_camera"](feed))
        return outputs

    def __enter__(self) -> Broadcast:
        """Start all of it.

        Raises:
            OutputError: a way out cannot work: a port is taken, a folder cannot be written.
        """
        with ExitStack() as undo:
            undo.enter_context(self._airing)
            for output in self._outputs:
                undo.callback(output.stop)
                output.start()
            if self._ways.web:
                self._serve(undo)
            self._undo = undo.pop_all()
        return self

    def _serve(self, undo: ExitStack) -> None:
        from stream_guard.web.app import create_app  # FastAPI and aiortc take a second to load
        from stream_guard.web.server import WebServer

        web = self._settings.web
        app = create_app(self._airing.channels(), web)
        self._viewers = app.state.studio.viewers
        self.address = undo.enter_context(WebServer(app, web)).address

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._airing.end_soon()
        self._undo.close()

    def statuses(self) -> list[Status]:
        return self._airing.statuses()

    def viewers(self, name: str) -> int:
        """Return how many watch a station by WebRTC and Motion JPEG; other outputs tell of theirs."""
        return self._viewers(name)

    def output_statuses(self) -> list[OutputStatus]:
        return [output.status() for output in self._outputs]


def _none(_: str) -> int:
    """Return the viewers of a page that there is not."""
    return 0


def _intake(source: LiveSource) -> HandedSource | None:
    return source if isinstance(source, HandedSource) else None


def _listening(text: str) -> tuple[str, int]:
    """Return host and port of "8554", ":8554", "host:8554" or "[::1]:8554"."""
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        raise SettingsError(f"--rtsp-serve is {text!r}; it should be a port such as 8554, or 127.0.0.1:8554")
    return host.strip("[]") or "127.0.0.1", int(port)


def _named(url: str, feed: Feed, feeds: Mapping[str, Feed]) -> str:
    if "@" in url.partition("://")[2].partition("/")[0]:
        raise SettingsError(
            "a password in --push can be read by everybody on this machine; put outputs.push_user and "
            "outputs.push_password into the settings file or the environment"
        )
    if len(feeds) > 1 and "{name}" not in url:
        raise SettingsError("several stations cannot be pushed to one address; put {name} into --push")
    return url.replace("{name}", feed.name)
