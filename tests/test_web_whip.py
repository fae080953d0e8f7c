"""WHIP: a real publisher's pictures are redacted and watched; one publisher at a time."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import av
import httpx
import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription, VideoStreamTrack
from aiortc.mediastreams import AudioStreamTrack

from stream_guard.outputs.branch import Branches
from stream_guard.outputs.output import Feed
from stream_guard.outputs.push import push
from stream_guard.outputs.target import target_of
from stream_guard.outputs.webrtc import prefer
from stream_guard.web import peer, sessions, whip
from stream_guard.web.server import WebServer
from tests.stations import Feeder, until
from tests.webs import (
    SDP,
    WALK,
    FedStation,
    RedactingStation,
    ask,
    become,
    offer,
    offering,
    pictures,
    serving,
    viewing,
)


class Camera(VideoStreamTrack):
    """Shows the walk, again and again."""

    def __init__(self) -> None:
        super().__init__()
        with av.open(str(WALK)) as container:
            self._frames = [frame for frame, _ in zip(container.decode(video=0), range(75), strict=False)]
        self._at = 0

    async def recv(self) -> av.VideoFrame:
        pts, time_base = await self.next_timestamp()
        frame = self._frames[self._at % len(self._frames)]
        frame.pts, frame.time_base = pts, time_base
        self._at += 1
        return frame


@pytest.fixture
def station() -> Iterator[RedactingStation]:
    with RedactingStation() as running:
        yield running


@pytest.fixture
def server(station: RedactingStation) -> Iterator[WebServer]:
    with Feeder() as feeder, serving(cam=station, other=FedStation(feeder, "other")) as running:
        yield running


@asynccontextmanager
async def publishing(
    client: httpx.AsyncClient, codec: str, *, sound: bool = False
) -> AsyncIterator[httpx.Response]:
    connection: RTCPeerConnection = peer.new_connection()
    transceiver = connection.addTransceiver(Camera(), direction="sendonly")
    prefer(transceiver, codec)
    if sound:
        connection.addTransceiver(AudioStreamTrack(), direction="sendonly")
    await peer.gather(connection, loopback=True)
    await connection.setLocalDescription(await connection.createOffer())
    try:
        answer = await client.post("/whip/cam", content=connection.localDescription.sdp, headers=SDP)
        assert answer.status_code == 201, answer.text
        await connection.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
        yield answer
    finally:
        await connection.close()


@pytest.mark.parametrize("codec", ["vp8", "h264"])
def test_published_faces_are_covered_before_anybody_sees_them(
    server: WebServer, station: RedactingStation, codec: str
) -> None:
    async def talk(client: httpx.AsyncClient) -> None:
        async with publishing(client, codec, sound=True) as answer:
            await become(lambda: station.status().faces > 0, 30)
            async with viewing(client, "/whep/cam") as (viewer, _):
                assert (await pictures(viewer, 10))[-1].shape[2] == 3
            told = (await client.get("/api/streams/cam")).json()
            assert (told["whip"], told["published"], told["state"]) == (True, True, "live")
            assert told["latency_ms"]["p50"] > 0
            assert (await client.delete(answer.headers["Location"])).status_code == 200
            await become(lambda: station.hung_up == 1)
            assert not (await client.get("/api/streams/cam")).json()["published"]

    ask(server, talk)


def test_one_station_pushes_into_another(server: WebServer, station: RedactingStation) -> None:
    with Feeder() as feeder:
        branches = Branches(feeder.hub)
        endpoint = target_of(f"whip+{server.address}whip/cam")
        output = push(Feed("other", feeder.hub, branches), endpoint)
        output.start()
        try:
            assert until(lambda: station.status().frames_out > 10, 30), output.status()
        finally:
            output.stop()
            branches.close()
        assert until(lambda: station.hung_up == 1)


def test_there_is_one_publisher_at_a_time(server: WebServer, station: RedactingStation) -> None:
    async def talk(client: httpx.AsyncClient) -> None:
        second = await offer(direction="sendonly")
        async with publishing(client, "vp8"):
            await become(lambda: station.status().frames_out > 0, 30)
            refused = await client.post("/whip/cam", content=second, headers=SDP)
            assert (refused.status_code, refused.headers["Retry-After"]) == (409, "2")
        await become(lambda: station.hung_up == 1)  # the publisher has gone without a word
        async with publishing(client, "vp8"):
            pass

    ask(server, talk)


def test_what_cannot_be_taken_is_refused(server: WebServer, station: RedactingStation) -> None:
    async def talk(client: httpx.AsyncClient) -> None:
        good = await offer(direction="sendonly")

        async def status(text: str, path: str = "/whip/cam", **headers: str) -> int:
            return (await client.post(path, content=text, headers=headers or SDP)).status_code

        assert await status(good, "/whip/none") == 404
        assert await status(good, "/whip/other") == 404
        assert await status(good, **{"Content-Type": "text/plain"}) == 415
        assert await status("nonsense") == 400
        assert await status(await offer(direction="recvonly")) == 400
        assert await status(re.sub("VP8|H264", "AV1", good)) == 406
        assert (await client.options("/whip/cam")).status_code == 204
        assert station.hung_up == 0

    ask(server, talk)


def test_the_answer_asks_for_a_good_bit_rate_from_the_start() -> None:
    answer = "\r\n".join(
        ["m=video 9 UDP/TLS/RTP/SAVPF 97 98 99", "a=rtpmap:97 VP8/90000", "a=rtpmap:98 rtx/90000",
         "a=fmtp:98 apt=97", "a=rtpmap:99 H264/90000", "a=fmtp:99 packetization-mode=1", ""]
    )  # fmt: skip
    assert whip.with_start_bitrate(answer).splitlines() == [
        "m=video 9 UDP/TLS/RTP/SAVPF 97 98 99", "a=rtpmap:97 VP8/90000",
        "a=fmtp:97 x-google-start-bitrate=2500", "a=rtpmap:98 rtx/90000", "a=fmtp:98 apt=97",
        "a=rtpmap:99 H264/90000", "a=fmtp:99 packetization-mode=1;x-google-start-bitrate=2500",
    ]  # fmt: skip


def test_a_place_is_free_only_when_its_publisher_has_been_hung_up() -> None:
    """Or the goodbye of the last publisher would end the next one."""

    async def end() -> None:
        open_ones, seen = sessions.Sessions(), []
        connection = await offering()
        one = sessions.Session(connection, "cam", "u", lambda: seen.append(open_ones.at("cam")))
        open_ones.add(one)
        ending = asyncio.ensure_future(open_ones.end(one))
        await asyncio.sleep(0)
        assert (open_ones.at("cam"), open_ones.find("cam", one.id)) == (1, None)
        await open_ones.close()
        await ending
        assert (seen, len(open_ones)) == ([0], 0)

    asyncio.run(end())
