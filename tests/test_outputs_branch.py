"""Branches: one encoder for all, begun at a key frame, and no slow subscriber slows another."""

from __future__ import annotations

import os
import sys
import threading
import time
from itertools import islice, pairwise
from typing import Any

import numpy as np
import pytest

from stream_guard.errors import OutputError
from stream_guard.model.live import Aired
from stream_guard.model.redacted import RedactedFrame
from stream_guard.outputs.branch import Branch, Branches, Coded, LiveEncoding
from stream_guard.outputs.encoder import Encoder
from tests.stations import Feeder, decoder, shows_code, until
from tests.streams import new_threads


def nal_types(packet: Any) -> list[int]:
    return [nal[0] & 31 for nal in bytes(packet).replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")[1:]]


@pytest.mark.parametrize("codec", ["h264", "vp8"])
def test_redacted_pictures_come_out_decodable_from_the_first_packet(codec: str) -> None:
    with (
        Feeder() as feeder,
        Branch(feeder.hub, codec, LiveEncoding()).subscribe() as packets,
        decoder(codec) as decode,
    ):
        coded = list(islice(packets, 8))
        pictures = [rgb for one in coded for rgb in decode(one.packet)]
    assert coded[0].key
    assert len(pictures) == 8
    assert not any(map(shows_code, pictures))
    times = [one.packet.pts or 0 for one in coded]
    assert times == sorted(set(times))
    assert all(abs(pts / 90_000 - one.shown_s) < 1e-3 for pts, one in zip(times, coded, strict=True))


def test_the_code_can_be_read_where_nothing_is_covered() -> None:
    with (
        Feeder(covered=False) as feeder,
        Branch(feeder.hub, "h264", LiveEncoding()).subscribe() as packets,
        decoder("h264") as decode,
    ):
        assert all(shows_code(rgb) for one in islice(packets, 8) for rgb in decode(one.packet))


def test_key_frames_carry_their_parameter_sets() -> None:
    with Feeder() as feeder:
        branch = Branch(feeder.hub, "h264", LiveEncoding(key_interval_s=0.3))
        with branch.subscribe() as packets:
            coded = list(islice(packets, 30))
        branch.close()
    keys = [one for one in coded if one.key]
    assert len(keys) >= 3
    assert all({7, 8, 5} <= set(nal_types(one.packet)) for one in keys)
    assert all({7, 8} == set(nal_types(one.parameters.extradata)) for one in keys)
    assert not any(5 in nal_types(one.packet) for one in coded if not one.key)


def test_all_subscribers_share_one_encoder_and_its_packets() -> None:
    before = set(threading.enumerate())
    with Feeder() as feeder:
        branches = Branches(feeder.hub)
        subscriptions = [branches.get("h264").subscribe() for _ in range(8)]
        packets = [{id(one.packet) for one in islice(s, 40)} for s in subscriptions]
        assert len(set.intersection(*packets)) >= 20
        assert [t.name for t in set(threading.enumerate()) - before].count("encoder h264") == 1
        branches.close()
        assert all(s.closed and s.take() is None for s in subscriptions)
    assert new_threads(before) == set()


@pytest.mark.skipif(sys.platform != "linux", reason="niceness is a thread's own on Linux only")
def test_the_encoder_gives_way_to_the_threads_that_judge() -> None:
    with Feeder() as feeder:
        branch = Branch(feeder.hub, "h264", LiveEncoding())
        with branch.subscribe() as packets:
            next(iter(packets))
            (coder,) = (t for t in threading.enumerate() if t.name == "encoder h264")
            assert coder.native_id is not None
            niceness = os.getpriority(os.PRIO_PROCESS, coder.native_id)
        branch.close()
    assert niceness == os.getpriority(os.PRIO_PROCESS, 0) + 3


def test_the_encoder_starts_late_and_ends_some_time_after_the_last_subscriber() -> None:
    with Feeder() as feeder:
        branch = Branch(feeder.hub, "vp8", LiveEncoding(), linger_s=0.3)
        assert not branch.running
        with branch.subscribe() as packets:
            first = next(iter(packets))
            assert branch.running
        with branch.subscribe() as packets:  # within the time: the same encoder
            assert next(iter(packets)).generation == first.generation
        assert until(lambda: not branch.running)
        with branch.subscribe() as packets:
            again = next(iter(packets))
    assert (again.key, again.generation) == (True, first.generation + 1)


def test_a_newcomer_gets_a_key_frame_soon_and_many_of_them_share_it() -> None:
    with Feeder() as feeder:
        branch = Branch(feeder.hub, "h264", LiveEncoding(key_interval_s=60))
        with branch.subscribe() as first:
            assert next(iter(first)).key
            for _ in range(4):
                with branch.subscribe() as newcomer:
                    assert (coded := newcomer.take(2)) is not None
                    assert coded.key
            keys: list[Coded] = [one for one in islice(first, 30) if one.key]
        branch.close()
    apart = [b.shown_s - a.shown_s for a, b in pairwise(keys)]
    assert all(gap >= 0.5 for gap in apart)


def test_a_newcomer_does_not_wait_because_a_key_frame_was_just_due() -> None:
    with Feeder() as feeder:
        branch = Branch(feeder.hub, "h264", LiveEncoding(key_interval_s=1.0))
        with branch.subscribe() as first:
            _, due = islice((one for one in first if one.key), 2)
            with branch.subscribe() as newcomer:
                coded = newcomer.take(2)
        branch.close()
    assert coded is not None
    assert coded.key
    assert 0 < coded.shown_s - due.shown_s < 0.5


def test_a_slow_subscriber_goes_on_at_a_key_frame_and_slows_nobody() -> None:
    with Feeder() as feeder:
        branch = Branch(feeder.hub, "h264", LiveEncoding(key_interval_s=0.5))
        with branch.subscribe(capacity=5) as slow, branch.subscribe() as fast:
            started_s = time.monotonic()
            assert len(list(islice(fast, 45))) == 45
            assert time.monotonic() - started_s < 3
            assert slow.dropped >= 20
            assert fast.dropped == 0
            kept = list(islice(slow, 20))
        branch.close()
    gaps = [i for i in range(1, 20) if kept[i].shown_s - kept[i - 1].shown_s > 0.1]
    assert all(kept[i].key for i in gaps)
    assert kept[0].key


@pytest.mark.parametrize(
    ("pix_fmt", "width", "height"), [("yuvj420p", 322, 182), ("yuv422p10le", 321, 183), ("rgb24", 640, 480)]
)
def test_odd_pictures_are_coded_too(pix_fmt: str, width: int, height: int) -> None:
    feeder = Feeder(pix_fmt=pix_fmt, width=width, height=height)
    for codec in ("h264", "vp8"):
        encoder = Encoder(codec, LiveEncoding())
        with decoder(codec) as decode:
            pictures = [
                rgb
                for i in range(3)
                for one in encoder.encode(feeder.aired(i, 5 + i / 30))
                for rgb in decode(one.packet)
            ]
        assert [rgb.shape for rgb in pictures] == [(height // 2 * 2, width // 2 * 2, 3)] * 3
        assert not any(map(shows_code, pictures))
        assert abs(pictures[0][:8, :8, 1].mean() - 81) < 6  # the grey levels survive full range


def test_another_size_starts_another_generation_with_a_key_frame() -> None:
    encoder = Encoder("h264", LiveEncoding())
    feeders = [Feeder(), Feeder(width=160, height=120)]
    coded = [
        one for i, f in enumerate((0, 0, 1, 1, 0)) for one in encoder.encode(feeders[f].aired(i, i / 30))
    ]
    assert [one.generation for one in coded] == [1, 1, 2, 2, 3]
    assert [one.key for one in coded] == [True, False, True, False, True]
    assert [one.parameters.width for one in coded] == [320, 320, 160, 160, 320]


def test_the_bit_rate_holds_for_a_slow_camera() -> None:
    rates = {}
    for fps in (30, 10):
        feeder = Feeder()
        encoder = Encoder("h264", LiveEncoding(bitrate_kbps=4800))
        frames = [encoder.encode(_noisy(feeder, i, i / fps))[0] for i in range(8 * fps)]
        late = [one for one in frames if one.shown_s >= 4]
        rates[fps] = sum(len(bytes(one.packet)) for one in late) * 8 / 4000
        assert frames[-1].generation == 1
    assert all(280 < rate < 560 for rate in rates.values()), rates  # a twelfth of the pixels of 720p: 400


def _noisy(feeder: Feeder, index: int, now_s: float) -> Aired:
    aired = feeder.aired(index, now_s)
    assert isinstance(aired.item, RedactedFrame)
    luma = aired.item.picture.channels[0].samples
    luma[...] = np.random.default_rng(index).integers(60, 200, luma.shape, np.uint8)
    return aired


def test_an_encoder_that_fails_says_so_to_every_subscriber() -> None:
    with Feeder(width=16_640, height=16) as feeder:  # wider than VP8 can be
        branch = Branch(feeder.hub, "vp8", LiveEncoding())
        with branch.subscribe() as one, branch.subscribe() as other:
            for subscription in (one, other):
                with pytest.raises(OutputError, match="vp8 opens here at 16640x16"):
                    list(subscription)
        assert until(lambda: not branch.running)


def test_an_unknown_codec_is_refused() -> None:
    with pytest.raises(ValueError, match="h264, vp8"):
        Branches(Feeder().hub).get("theora")
