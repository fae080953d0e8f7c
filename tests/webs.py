"""Stations for the web server, the server itself, and a WebRTC client that is no browser."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import httpx
from aiortc import RTCPeerConnection, RTCSessionDescription
from av.video.frame import VideoFrame

from stream_guard.model.live import State, Status
from stream_guard.outputs.branch import Branches, LiveEncoding
from stream_guard.outputs.webrtc import prefer
from stream_guard.settings import Settings
from stream_guard.settings.web import Web
from stream_guard.sources.handed import HandedSource
from stream_guard.stations import station
from stream_guard.web import peer
from stream_guard.web.app import create_app
from stream_guard.web.channel import Channel
from stream_guard.web.server import WebServer
from tests.stations import Feeder

SDP = {"Content-Type": "application/sdp"}
WALK = Path(__file__).parents[1] / "samples" / "walk.mp4"


class FedStation:
    """A station whose frames come from a feeder, each with the planted code covered."""

    def __init__(self, feeder: Feeder, name: str = "cam", **said: Any) -> None:
        self.name, self.hub = name, feeder.hub
        self.sound: Any = None
        self._feeder = feeder
        self.said = Status(
            name, State.LIVE, width=feeder.width, height=feeder.height, fps=30, faces=1, age_s=0.0
        )
        self.say(**said)

    def say(self, **said: Any) -> None:
        """Let the status tell something else from now on."""
        self.said = replace(self.said, **said)

    def status(self) -> Status:
        frames = self._feeder.published if self.said.state is not State.STARTING else 0
        return replace(self.said, frames_out=frames)


class RedactingStation:
    """A real station of what is handed in, with the smallest detectors."""

    def __init__(self, name: str = "cam", lag: int = 3) -> None:
        self.name, self.hung_up = name, 0
        self._source = HandedSource(name)
        settings = Settings.model_validate(
            {"detect": {"preset": "fast", "detectors": ["yunet"]}, "live": {"lag_frames": lag}}
        )
        self._station = station(name, self._source, settings)
        self.hub, self.sound = self._station.hub, None

    def __enter__(self) -> RedactingStation:
        self._station.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._station.stop()

    def hand(self, frame: VideoFrame) -> None:
        self._source.hand(frame)

    def hang_up(self) -> None:
        self.hung_up += 1
        self._source.hang_up()

    def status(self) -> Status:
        return self._station.status()


@contextmanager
def playing(to: RedactingStation, path: Path = WALK) -> Iterator[None]:
    """Hand a file's frames to a station at their own pace, again and again."""
    over = threading.Event()

    def play() -> None:
        while not over.is_set():
            with av.open(str(path)) as container:
                start_s = time.monotonic()
                for frame in container.decode(video=0):
                    if over.wait(max(0.0, start_s + float(frame.time or 0) - time.monotonic())):
                        return
                    to.hand(frame)

    thread = threading.Thread(target=play, name="camera", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def serving(
    web: Web | None = None, coding: LiveEncoding | None = None, **stations: Any
) -> Iterator[WebServer]:
    """Serve stations by name; one that can be handed frames takes WHIP."""
    chosen = web or Web(port=0)
    channels = {
        name: Channel(station, Branches(station.hub, coding), station if hasattr(station, "hand") else None)
        for name, station in stations.items()
    }
    try:
        with WebServer(create_app(channels, chosen), chosen) as server:
            yield server
    finally:
        for channel in channels.values():
            channel.branches.close()


def ask(server: WebServer, talk: Callable[[httpx.AsyncClient], Awaitable[None]]) -> None:
    """Run what a client has to say to the server."""

    async def connected() -> None:
        async with httpx.AsyncClient(base_url=server.address, timeout=20) as client:
            await talk(client)

    asyncio.run(connected())


async def offering(
    codec: str | None = None, direction: str = "recvonly", *, sound: bool = False
) -> RTCPeerConnection:
    """Return a connection with an offer, all candidates in it."""
    connection = peer.new_connection()
    transceiver = connection.addTransceiver("video", direction=direction)
    if codec is not None:
        prefer(transceiver, codec)
    if sound:
        connection.addTransceiver("audio", direction=direction)
    await peer.gather(connection, loopback=True)
    await connection.setLocalDescription(await connection.createOffer())
    return connection


async def offer(codec: str | None = None, direction: str = "recvonly") -> str:
    """Return an offer that nobody stands behind."""
    connection = await offering(codec, direction)
    text: str = connection.localDescription.sdp
    await connection.close()
    return text


@asynccontextmanager
async def viewing(
    client: httpx.AsyncClient,
    path: str,
    codec: str | None = None,
    *,
    polite: bool = True,
    sound: bool = False,
) -> AsyncIterator[tuple[RTCPeerConnection, httpx.Response]]:
    """Yield the connection of a viewer and what the server answered."""
    connection = await offering(codec, sound=sound)
    try:
        answer = await client.post(path, content=connection.localDescription.sdp, headers=SDP)
        assert answer.status_code == 201, answer.text
        await connection.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
        yield connection, answer
        if polite:
            await client.delete(answer.headers["Location"])
    finally:
        await connection.close()


async def pictures(connection: RTCPeerConnection, count: int) -> list[Any]:
    """Return the next pictures of a viewer as RGB."""
    track = connection.getTransceivers()[0].receiver.track
    frames: list[Any] = [await asyncio.wait_for(track.recv(), 15) for _ in range(count)]
    return [frame.to_ndarray(format="rgb24") for frame in frames]


async def become(condition: Callable[[], bool], patience_s: float = 15.0) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(patience_s):
        while not condition():
            await asyncio.sleep(0.02)
