"""Sound by WebRTC, from a real RTSP camera to a real client: its pitch, and whether it is in time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import av
import httpx
import numpy as np
import pytest
from aiortc.sdp import SessionDescription

from stream_guard.live.cards import Cards
from stream_guard.live.station import Station
from stream_guard.model.address import SafeUrl
from stream_guard.model.frame import Passthrough
from stream_guard.model.live import Aired
from stream_guard.outputs.branch import Branches
from stream_guard.outputs.opus import OPUS, OpusEncoder
from stream_guard.outputs.output import Feed
from stream_guard.outputs.push import push
from stream_guard.outputs.sound import SoundClock
from stream_guard.outputs.target import target_of
from stream_guard.sources.rtsp import RtspSource
from stream_guard.web import peer
from tests.cameras import CLAP_HZ, RtspCamera, TestBench, clapping_file, painter, require_rtsp_server
from tests.stations import Feeder, until
from tests.test_outputs_files import sound_of
from tests.webs import FedStation, serving, viewing
from tests.whip_endpoint import Endpoint, endpoint

BEEP_HZ = 300
"""What `sound_of` makes."""


def pitch(samples: Any, rate: int = 48_000) -> float:
    """Return the strongest frequency, in hertz."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * rate / len(samples))


def mono(frames: list[Any]) -> Any:
    """Return the samples of frames, the first channel of them."""
    parts = [frame.to_ndarray().reshape(-1, frame.layout.nb_channels)[:, 0] for frame in frames]
    return np.concatenate(parts).astype(float)


@pytest.fixture(scope="module")
def clapping(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    """A station of a camera that claps."""
    require_rtsp_server()
    file = clapping_file(tmp_path_factory.mktemp("clap") / "clap.mov", 60)
    with RtspCamera(file, sound=True) as camera:
        source = RtspSource(SafeUrl.parsed(camera.url))
        with Station("cam", source, TestBench(), Cards(painter()), 6) as station:
            assert until(lambda: station.sound is not None and station.status().fps > 20, 20)
            yield station


async def onsets(track: Any, loud: Callable[[Any], bool], count: int) -> list[float]:
    """Return when something began, so many times."""
    found: list[float] = []
    before = True
    while len(found) < count:
        frame = await asyncio.wait_for(track.recv(), 10)
        now = loud(frame)
        if now and not before:
            found.append(time.monotonic())
        before = now
    return found


def test_a_viewer_hears_the_camera_in_time_with_the_picture(clapping: Station) -> None:
    async def talk(address: str) -> None:
        async with (
            httpx.AsyncClient(base_url=address, timeout=20) as client,
            viewing(client, "/whep/cam", "h264", sound=True) as (connection, _),
        ):
            video, sound = (t.receiver for t in connection.getTransceivers())
            buffer: Any = vars(sound)["_RTCRtpReceiver__jitter_buffer"]
            buffer._prefetch = 0  # it would hold back four packets
            seen, heard = await asyncio.gather(
                onsets(video.track, lambda frame: frame.to_ndarray()[:240].mean() > 120, 4),
                onsets(sound.track, lambda frame: np.abs(mono([frame])).mean() > 1000, 4),
            )
            late_s = [min((h - s for s in seen), key=abs) for h in heard[:3]]
            assert abs(median(late_s)) < 0.1, late_s
            assert max(map(abs, late_s)) < 0.2, late_s
            loud: list[Any] = []
            while len(loud) < 12:
                frame = await sound.track.recv()
                loud = [*loud, frame] if np.abs(mono([frame])).mean() > 1000 else []
            assert pitch(mono(loud)) == pytest.approx(CLAP_HZ, abs=8)

    with serving(cam=clapping) as server:
        asyncio.run(talk(server.address))


def test_a_station_without_sound_says_so(tmp_path: Path) -> None:
    async def answered(address: str, path: str) -> str:
        async with (
            httpx.AsyncClient(base_url=address, timeout=20) as client,
            viewing(client, path, sound=True) as (_, answer),
        ):
            text: str = answer.text
            return text.partition("m=audio")[2]

    with sound_of(tmp_path / "tone", "aac") as (stream, _), Feeder() as feeder:
        loud = FedStation(feeder, "loud")
        loud.sound = stream
        with serving(mute=FedStation(feeder), loud=loud) as server:
            assert until(lambda: feeder.published > 0)
            assert "a=inactive" in asyncio.run(answered(server.address, "/whep/mute"))
            section = asyncio.run(answered(server.address, "/whep/loud"))
            assert "a=sendonly" in section
            assert "opus/48000/2" in section


def test_an_offer_without_opus_gets_pictures_only() -> None:
    text = "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=rtpmap:0 PCMU/8000\r\na=recvonly\r\n"
    description = SessionDescription.parse(f"v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n{text}")
    assert not peer.asks_for_sound(description)


@pytest.mark.parametrize("codec", ["pcm_mulaw", "aac"])
def test_what_a_camera_sends_becomes_opus_without_gaps(codec: str, tmp_path: Path) -> None:
    with sound_of(tmp_path / "tone", codec) as (stream, _), av.open(stream.container.name) as container:
        template = container.streams.audio[0]
        encoder, coded = OpusEncoder(), []
        for packet in container.demux(template):
            if packet.size:
                heard_s = 50 + float(packet.pts * packet.time_base)
                coded += encoder.encode(Aired(Passthrough(packet), heard_s))
    assert {later - sooner for sooner, later in pairwise(one.packet.pts or 0 for one in coded)} == {960}
    assert coded[0].shown_s == pytest.approx(50, abs=0.06)
    assert len(coded) > 400
    decoder: Any = av.CodecContext.create("libopus", "r")
    frames = [frame for one in coded[50:100] for frame in decoder.decode(av.Packet(bytes(one.packet)))]
    assert pitch(mono([_interleaved(frame) for frame in frames])) == pytest.approx(BEEP_HZ, abs=3)


def _interleaved(frame: Any) -> Any:
    (changed,) = av.AudioResampler("s16", "mono", 48_000).resample(frame)
    return changed


def test_the_endpoint_of_a_push_hears_it_too_though_it_came_late(tmp_path: Path) -> None:
    known: list[Any] = []
    with (
        sound_of(tmp_path / "tone", "pcm_alaw") as (stream, due),
        endpoint(Endpoint()) as found,
        Feeder(sound=due) as feeder,
    ):
        branches = Branches(feeder.hub)
        output = push(
            Feed("cam", feeder.hub, branches, lambda: known[0] if known else None), target_of(found.url)
        )
        output.start()
        try:
            assert until(lambda: len(found.received) > 5, 20), output.status()
            assert not found.heard
            known.append(stream)
            assert until(lambda: len(found.heard) > 40, 20), output.status()
        finally:
            output.stop()
            branches.close()
    assert pitch(mono(found.heard[10:40])) == pytest.approx(BEEP_HZ, abs=8)


def test_all_who_hear_a_station_share_one_encoder(clapping: Station) -> None:
    branches = Branches(clapping.hub)
    branch = branches.get(OPUS)
    with branch.subscribe() as one, branch.subscribe() as other:
        first, second = one.take(5), other.take(5)
        assert first is not None
        assert second is not None
        assert second.packet is first.packet or second.shown_s > first.shown_s
        assert branch.running
    branches.close()
    assert not branch.running


class _Packet:
    def __init__(self, time_s: float) -> None:
        self.pts = self.dts = round(time_s * 1000)
        self.time_base = 0.001


def _offsets(heard: list[tuple[float, float]]) -> list[float | None]:
    clock = SoundClock()
    return [clock.offset_s(Aired(Passthrough(_Packet(time_s)), shown_s)) for time_s, shown_s in heard]


def test_sound_that_came_in_a_burst_is_laid_where_it_would_have_been() -> None:
    burst = [(0.02 * k, 10.0) for k in range(20)]
    steady = [(0.4 + 0.02 * k, 10.0 + 0.02 * k) for k in range(50)]
    assert _offsets(burst + steady)[-1] == pytest.approx(9.6, abs=0.081)


def test_a_source_that_was_reconnected_is_heard_at_once() -> None:
    before = [(5 + 0.02 * k, 10 + 0.02 * k) for k in range(100)]
    after = [(0.02 * k, 14 + 0.02 * k) for k in range(5)]
    assert _offsets(before + after)[-5:] == [pytest.approx(14)] * 5


def test_nothing_is_heard_before_what_was_heard() -> None:
    late = [(0.02 * k, 10.3 + 0.02 * k) for k in range(10)]
    early = [(0.2 + 0.02 * k, 10.2 + 0.02 * k) for k in range(30)]
    found = _offsets(late + early)
    heard = [time_s + offset for (time_s, _), offset in zip(late + early, found, strict=True) if offset]
    assert heard == sorted(heard)
    assert None in found
    assert found[-1] == pytest.approx(10.0)
