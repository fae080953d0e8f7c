"""All that the routes of live streams share; lives on the event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Annotated

from fastapi import Depends, Request

from stream_guard.model.address import is_loopback
from stream_guard.settings.web import Web
from stream_guard.web import figures
from stream_guard.web.channel import Channel
from stream_guard.web.refusal import Refusal, later
from stream_guard.web.sessions import Sessions


class Studio:
    """The stations, and who watches and publishes."""

    def __init__(self, channels: Mapping[str, Channel], web: Web) -> None:
        self.channels = channels
        self.loopback = is_loopback(web.host)
        self.most_viewers = web.viewers
        self.viewing, self.publishing = Sessions(), Sessions()
        self.still_viewing: dict[str, int] = dict.fromkeys(channels, 0)
        """Viewers by Motion JPEG."""
        self.meters: dict[str, figures.LatencyMeter] = {}

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Measure while the server runs, and leave no connection behind."""
        async with AsyncExitStack() as undo:
            for name, channel in self.channels.items():
                self.meters[name] = undo.enter_context(figures.LatencyMeter(channel.station.hub))
            undo.push_async_callback(self.publishing.close)
            undo.push_async_callback(self.viewing.close)
            yield

    def channel(self, name: str) -> Channel:
        if name not in self.channels:
            raise Refusal(404, "no_such_stream", "There is no such stream.")
        return self.channels[name]

    def viewers(self, name: str) -> int:
        """Return how many watch a station, by WebRTC and Motion JPEG."""
        return self.viewing.at(name) + self.still_viewing[name]

    def reading(self, name: str) -> figures.Reading:
        channel, meter = self.channels[name], self.meters.get(name)
        return figures.Reading(
            name,
            channel.station.status(),
            self.viewers(name),
            meter.reading() if meter else figures.Spread(),
            takes_whip=channel.whip is not None,
            published=self.publishing.at(name) > 0,
        )

    def readings(self) -> list[figures.Reading]:
        return [self.reading(name) for name in self.channels]

    def admit(self, channel: Channel) -> None:
        """Turn a viewer away where there is nothing to see, or no room."""
        if not channel.on_air:
            raise later(409, "not_on_air", "The stream has shown nothing yet; try again soon.")
        if len(self.viewing) + sum(self.still_viewing.values()) >= self.most_viewers:
            raise later(503, "full", f"All {self.most_viewers} places for viewers are taken.")


def _studio_of(request: Request) -> Studio:
    studio: Studio = request.app.state.studio
    return studio


StudioHere = Annotated[Studio, Depends(_studio_of)]
