"""WHEP by a real WebRTC client over loopback: pictures, every status, and viewers that go."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest
from aiortc.rtcrtpsender import RTCRtpSender
from hypothesis import given, settings
from hypothesis import strategies as some

from stream_guard.model.live import State
from stream_guard.outputs.branch import LiveEncoding
from stream_guard.settings.web import Web
from stream_guard.web import peer, sessions
from stream_guard.web.server import WebServer
from tests.stations import Feeder, shows_code
from tests.streams import new_threads
from tests.webs import SDP, FedStation, ask, become, offer, offering, pictures, serving, viewing

TRICKLE = {"Content-Type": "application/trickle-ice-sdpfrag"}


@pytest.fixture(scope="module")
def feeder() -> Iterator[Feeder]:
    with Feeder() as running:
        yield running


@pytest.fixture(scope="module")
def server(feeder: Feeder) -> Iterator[WebServer]:
    with serving(cam=FedStation(feeder)) as running:
        yield running


async def viewers(client: httpx.AsyncClient) -> int:
    return int((await client.get("/api/streams/cam")).json()["viewers"])


async def nobody_left(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(10):
        while await viewers(client):
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("codec", ["h264", "vp8"])
def test_a_viewer_sees_redacted_pictures_in_the_codec_it_offers(server: WebServer, codec: str) -> None:
    async def talk(client: httpx.AsyncClient) -> None:
        async with viewing(client, "/whep/cam", codec) as (connection, answer):
            seen = await pictures(connection, 20)
            assert {picture.shape for picture in seen} == {(240, 320, 3)}
            assert not any(map(shows_code, seen))
            assert peer.negotiated(answer.text) == codec
            assert await viewers(client) >= 1
            assert (await client.delete(answer.headers["Location"])).status_code == 200
            assert (await client.delete(answer.headers["Location"])).status_code == 404

    ask(server, talk)


def test_h264_is_taken_where_both_are_offered(server: WebServer) -> None:
    async def talk(client: httpx.AsyncClient) -> None:
        async with viewing(client, "/whep/cam") as (_, answer):
            assert peer.negotiated(answer.text) == "h264"

    ask(server, talk)


def test_the_code_would_be_seen_if_it_were_not_covered() -> None:
    with Feeder(covered=False) as feeder, serving(cam=FedStation(feeder)) as server:

        async def talk(client: httpx.AsyncClient) -> None:
            async with viewing(client, "/whep/cam") as (connection, _):
                assert any(map(shows_code, await pictures(connection, 20)))

        ask(server, talk)


def test_the_answer_says_all_that_a_client_needs(server: WebServer) -> None:
    async def talk(client: httpx.AsyncClient) -> None:
        async with viewing(client, "/whep/cam") as (_, answer):
            assert answer.headers["Content-Type"].startswith("application/sdp")
            assert re.fullmatch(r"/whep/cam/[\w-]{32}", answer.headers["Location"])
            assert re.fullmatch(r'"\w+"', answer.headers["ETag"])
            assert "a=candidate:" in answer.text
            assert "127.0.0.1" in answer.text
            assert " typ srflx" not in answer.text
        async with viewing(client, "/whep/cam") as (_, another):
            assert another.headers["Location"] != answer.headers["Location"]

    ask(server, talk)


def test_what_cannot_be_answered_is_refused(server: WebServer) -> None:
    async def talk(client: httpx.AsyncClient) -> None:
        good = await offer()

        async def status(text: str, path: str = "/whep/cam", **headers: str) -> int:
            return (await client.post(path, content=text, headers=headers or SDP)).status_code

        assert await status(good, "/whep/none") == 404
        assert await status(good, **{"Content-Type": "application/json"}) == 415
        assert await status("nonsense") == 400
        assert await status("") == 400
        assert await status("v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n") == 400
        assert await status(good.replace("a=fingerprint", "a=nothing")) == 400
        assert await status(good.replace("a=ice-ufrag", "a=nothing")) == 400
        assert await status(await offer(direction="sendonly")) == 400
        assert await status(re.sub("VP8|H264", "AV1", good)) == 406
        assert await status(good + "a=x\r\n" * 20_000) == 413
        await nobody_left(client)

    ask(server, talk)


@settings(max_examples=40)
@given(some.data())
def test_no_offer_breaks_the_parser(data: some.DataObject) -> None:
    lines = GOOD_OFFER.splitlines()
    for _ in range(data.draw(some.integers(1, 4))):
        at = data.draw(some.integers(0, len(lines) - 1))
        lines[at] = data.draw(
            some.sampled_from(["", "a=", "m=video", "a=rtpmap:x", lines[at][:5], lines[at] * 2])
        )
    with suppress(peer.OfferError):
        assert set(peer.codecs_of(peer.parsed("\r\n".join(lines)))) <= {"h264", "vp8"}


GOOD_OFFER = asyncio.run(offer())


def test_nothing_to_see_and_no_room_are_told_with_a_time_to_return(feeder: Feeder) -> None:
    station = FedStation(feeder, state=State.STARTING)
    with serving(Web(port=0, viewers=1), cam=station) as server:

        async def talk(client: httpx.AsyncClient) -> None:
            silent = await client.post("/whep/cam", content=GOOD_OFFER, headers=SDP)
            assert (silent.status_code, silent.headers["Retry-After"]) == (409, "2")
            station.say(state=State.STALLED, reason="The camera sends nothing.")
            async with viewing(client, "/whep/cam") as (connection, answer):
                await pictures(connection, 1)  # a stalled station shows its card
                full = await client.post("/whep/cam", content=GOOD_OFFER, headers=SDP)
                assert (full.status_code, full.headers["Retry-After"]) == (503, "2")
                assert (await client.get("/api/streams/cam/mjpeg")).status_code == 503
                await client.delete(answer.headers["Location"])
            async with viewing(client, "/whep/cam"):
                pass

        ask(server, talk)


def test_a_session_takes_candidates_and_no_restart(server: WebServer) -> None:
    async def talk(client: httpx.AsyncClient) -> None:
        async with viewing(client, "/whep/cam") as (connection, answer):
            path, etag = answer.headers["Location"], answer.headers["ETag"]
            own = peer.ufrag(connection.localDescription.sdp)
            candidate = "a=candidate:1 1 udp 2122260223 127.0.0.1 50000 typ host"
            hidden = "a=candidate:2 1 udp 2122260223 a-b-c.local 50001 typ host"
            frag = f"a=ice-ufrag:{own}\r\nm=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"

            async def status(text: str, path: str = path, **headers: str) -> int:
                return (await client.patch(path, content=text, headers=TRICKLE | headers)).status_code

            assert await status(f"{frag}{candidate}\r\n{hidden}\r\na=end-of-candidates\r\n") == 204
            assert await status(frag + candidate, **{"If-Match": etag}) == 204
            assert await status(frag + candidate, **{"If-Match": '"other"'}) == 412
            assert await status(frag.replace(own, "anew"), **{"If-Match": "*"}) == 422
            assert await status(frag + "a=candidate:1 1 udp x 127.0.0.1 1 typ host") == 400
            assert await status(frag + "a=candidate:1 1 udp 1 example.org 1 typ host") == 400
            assert await status(frag, **SDP) == 415
            assert await status(frag, f"{path}x") == 404
            assert await status(frag, path.replace("whep", "whip")) == 404

    ask(server, talk)


def test_options_and_unknown_sessions(server: WebServer) -> None:
    async def talk(client: httpx.AsyncClient) -> None:
        told = await client.options("/whep/cam")
        assert (told.status_code, told.headers["Accept-Post"]) == (204, "application/sdp")
        assert (await client.delete("/whep/cam/none")).status_code == 404
        assert (await client.get("/whep/cam")).status_code == 405

    ask(server, talk)


def test_who_hangs_up_without_a_word_is_noticed(server: WebServer) -> None:
    async def talk(client: httpx.AsyncClient) -> None:
        async with viewing(client, "/whep/cam", polite=False) as (connection, _):
            await pictures(connection, 2)
        await nobody_left(client)

    ask(server, talk)


def test_who_never_connects_is_let_go() -> None:
    async def wait() -> None:
        open_ones = sessions.Sessions(connect_s=0.1)
        connection = await offering()
        over: list[bool] = []
        open_ones.add(sessions.Session(connection, "cam", "u", lambda: over.append(True)))
        await become(lambda: len(open_ones) == 0 and over == [True])
        assert connection.connectionState == "closed"
        await open_ones.close()

    asyncio.run(wait())


def test_a_lost_picture_brings_the_viewer_a_key_frame(feeder: Feeder) -> None:
    """Contract: aiortc calls `_send_keyframe` of a sender when its viewer sends a PLI."""
    assert callable(RTCRtpSender._send_keyframe)
    with serving(coding=LiveEncoding(key_interval_s=600), cam=FedStation(feeder)) as server:
        branch = server.app.state.studio.channels["cam"].branches.get("h264")

        async def talk(client: httpx.AsyncClient) -> None:
            async with viewing(client, "/whep/cam", "h264") as (connection, _):
                await pictures(connection, 3)
                with branch.subscribe(1000) as packets:
                    await pictures(connection, 20)  # more than half a second apart from the first
                    receiver = connection.getTransceivers()[0].receiver
                    (source,) = receiver.getSynchronizationSources()
                    await receiver._send_rtcp_pli(source.source)
                    await pictures(connection, 20)
                    keys = [coded.key for coded in iter(lambda: packets.take(0), None)]
                assert sum(keys) == 2  # the subscription's own, and the one asked for

        ask(server, talk)


def test_viewers_are_let_go_when_the_station_ends() -> None:
    with Feeder() as feeder, serving(cam=FedStation(feeder)) as server:

        async def talk(client: httpx.AsyncClient) -> None:
            async with viewing(client, "/whep/cam", polite=False) as (connection, _):
                await pictures(connection, 3)
                feeder.hub.close()
                await nobody_left(client)

        ask(server, talk)


def test_sixteen_viewers_share_one_encoder_and_leave_nothing(feeder: Feeder) -> None:
    before = set(threading.enumerate())
    with serving(cam=FedStation(feeder)) as server:

        async def look(client: httpx.AsyncClient) -> None:
            async with viewing(client, "/whep/cam") as (connection, _):
                await pictures(connection, 5)

        async def talk(client: httpx.AsyncClient) -> None:
            await asyncio.gather(*(look(client) for _ in range(16)))
            names = [thread.name for thread in set(threading.enumerate()) - before]
            assert names.count("encoder h264") == 1

        ask(server, talk)
    assert new_threads(before) == set()
