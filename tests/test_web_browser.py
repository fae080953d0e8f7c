"""The live pages in a real Chromium: pictures are shown, nothing leaves the origin, cameras are redacted."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from stream_guard.model.live import State
from stream_guard.settings.web import Web
from tests.browsers import (
    PATIENCE_MS,
    Watch,
    browser,
    fake_camera,
    frames_shown,
    grabbed,
    needs_chromium,
    until_true,
)
from tests.stations import Feeder, shows_code
from tests.test_outputs_files import sound_of
from tests.webs import FedStation, RedactingStation, serving

pytestmark = needs_chromium


def test_the_page_shows_pictures_and_asks_nobody_else(tmp_path: Path) -> None:
    with Feeder() as feeder:
        station = FedStation(feeder, latency_s=(0.21, 0.24))
        with serving(cam=station) as server, browser() as chromium:
            watch = Watch(page := chromium.new_page())
            page.goto(server.address)
            page.get_by_role("link", name="Watch cam").click()
            assert page.get_by_role("link", name="Files").count() == 0  # this server takes none
            start_s = time.monotonic()
            frames_shown(page, 1)
            assert time.monotonic() - start_s < 5  # a second on a machine at rest
            frames_shown(page, 20)
            assert page.get_by_role("status").first.inner_text() == "Live"
            assert page.locator("#way").inner_text() == "By WebRTC"
            assert page.locator("dt", has_text="Faces covered").count() == 1
            picture = grabbed(page)
            assert picture.shape == (240, 320, 3)
            assert not shows_code(picture)
            page.screenshot(path=tmp_path / "live.png")
            station.say(state=State.STALLED, reason="The camera does not answer.")
            page.get_by_text("The camera does not answer.").wait_for(timeout=PATIENCE_MS)
            page.goto(server.address)
            page.get_by_text("No picture").wait_for(timeout=PATIENCE_MS)
            page.get_by_text("0 viewers").wait_for(timeout=PATIENCE_MS)
            watch.require_clean(server.address)


def test_sound_is_played_once_it_is_switched_on(tmp_path: Path) -> None:
    pitch = """() => {
        const context = new AudioContext(), ear = context.createAnalyser();
        context.createMediaStreamSource(document.getElementById("video").srcObject).connect(ear);
        const found = new Float32Array(ear.frequencyBinCount);
        window.hertz = () => {
            ear.getFloatFrequencyData(found);
            return found.indexOf(Math.max(...found)) * context.sampleRate / ear.fftSize;
        };
    }"""
    with sound_of(tmp_path / "tone", "aac") as (stream, due), Feeder(sound=due) as feeder:
        station = FedStation(feeder)
        station.sound = stream
        with serving(cam=station) as server, browser() as chromium:
            watch = Watch(page := chromium.new_page())
            page.goto(f"{server.address}live/cam")
            button = page.locator("#sound")
            button.wait_for(timeout=PATIENCE_MS)
            assert page.evaluate("document.getElementById('video').muted")
            button.click()
            assert not page.evaluate("document.getElementById('video').muted")
            page.evaluate(pitch)
            until_true(page, "Math.abs(hertz() - 300) < 30")  # `sound_of` makes 300 Hz
            watch.require_clean(server.address)


def test_a_browser_that_offers_no_h264_sees_vp8() -> None:
    only_vp8 = """
        const offered = RTCRtpTransceiver.prototype;
        const add = RTCPeerConnection.prototype.addTransceiver;
        RTCPeerConnection.prototype.addTransceiver = function (...given) {
            const made = add.apply(this, given);
            if (given[0] !== "video") return made;
            const codecs = RTCRtpReceiver.getCapabilities("video").codecs;
            made.setCodecPreferences(codecs.filter((codec) => codec.mimeType === "video/VP8"));
            return made;
        };
    """
    with Feeder() as feeder, serving(cam=FedStation(feeder)) as server, browser() as chromium:
        page = chromium.new_page()
        page.add_init_script(only_vp8)
        page.goto(f"{server.address}live/cam")
        frames_shown(page, 5)
        assert server.app.state.studio.channels["cam"].branches.get("vp8").viewers == 1
        assert not shows_code(grabbed(page))


def test_without_webrtc_the_page_shows_motion_jpeg() -> None:
    with Feeder() as feeder, serving(cam=FedStation(feeder)) as server, browser() as chromium:
        watch = Watch(page := chromium.new_page())
        page.add_init_script("delete window.RTCPeerConnection")
        page.goto(f"{server.address}live/cam")
        page.get_by_text("By Motion JPEG").wait_for(timeout=PATIENCE_MS)
        until_true(page, "document.getElementById('stills').naturalWidth === 320")
        assert not shows_code(grabbed(page, "stills"))
        watch.require_clean(server.address)


def test_the_pages_claim_nothing_of_a_server_that_is_gone_or_lets_nobody_in() -> None:
    token = "browser-token-0815"  # noqa: S105
    with Feeder() as feeder, browser() as chromium:
        context = chromium.new_context()
        live, cards = context.new_page(), context.new_page()
        with serving(
            Web(port=0, token=SecretStr(token)), cam=FedStation(feeder), gone=FedStation(feeder)
        ) as server:
            cards.goto(f"{server.address}?token={token}")
            cards.get_by_role("heading", name="gone").wait_for(timeout=PATIENCE_MS)
            live.goto(f"{server.address}live/cam")
            frames_shown(live, 5)
        for page in (live, cards):
            page.bring_to_front()
            page.get_by_text("The server does not answer; trying again.").wait_for(timeout=PATIENCE_MS)
            page.get_by_text("No answer", exact=True).first.wait_for(timeout=PATIENCE_MS)
            assert page.get_by_text("Live", exact=True).count() == 1  # the link to the list of cameras
            assert page.get_by_text("viewer").count() == 0
        live.bring_to_front()
        live.get_by_text("Connecting").wait_for(timeout=PATIENCE_MS)
        live.wait_for_timeout(1500)  # it falls back at once, and has nothing to show either
        assert not live.locator("#way").is_visible()
        port = int(server.address.rstrip("/").rpartition(":")[2])
        with serving(Web(port=port, token=SecretStr(token)), cam=FedStation(feeder)):
            cards.bring_to_front()
            cards.get_by_role("heading", name="gone").wait_for(state="detached", timeout=PATIENCE_MS)
            assert cards.get_by_role("heading", name="cam", exact=True).count() == 1
            context.clear_cookies()
            for page in (live, cards):
                page.bring_to_front()
                page.get_by_text("You are not let in any more.").wait_for(timeout=PATIENCE_MS)


def test_the_page_finds_back_when_its_session_ends() -> None:
    with Feeder() as feeder, serving(cam=FedStation(feeder)) as server, browser() as chromium:
        page = chromium.new_page()
        with page.expect_response("**/whep/cam") as first:
            page.goto(f"{server.address}live/cam")
        frames_shown(page, 5)
        page.request.delete(server.address + first.value.headers["location"][1:])
        with page.expect_response("**/whep/cam", timeout=PATIENCE_MS) as second:
            pass
        assert second.value.headers["location"] != first.value.headers["location"]
        shown = int(page.evaluate("document.getElementById('video').dataset.frames"))
        frames_shown(page, shown + 10)


def test_a_camera_in_the_browser_is_redacted_and_watched(tmp_path: Path) -> None:
    with (
        RedactingStation() as station,
        serving(cam=station) as server,
        browser(fake_camera(tmp_path)) as chromium,
    ):
        watch = Watch(publisher := chromium.new_page())
        publisher.goto(f"{server.address}publish/cam")
        publisher.get_by_role("button", name="Start").click()
        publisher.get_by_text("Publishing", exact=True).wait_for(timeout=PATIENCE_MS)
        viewer = chromium.new_page()
        viewer.goto(f"{server.address}live/cam")
        frames_shown(viewer, 30)
        assert grabbed(viewer).shape[1] >= 640  # not the 480 with which Chromium begins
        assert station.status().faces > 0
        publisher.get_by_role("button", name="Stop").click()
        publisher.get_by_text("The camera is off").wait_for(timeout=PATIENCE_MS)
        watch.require_clean(server.address)


def test_stop_stops_whatever_start_is_still_waiting_for(tmp_path: Path) -> None:
    prompt = """
        const camera = navigator.mediaDevices, open = camera.getUserMedia.bind(camera);
        const answered = new Promise((answer) => (window.permit = answer));
        window.opened = [];
        camera.getUserMedia = async (how) => {
            await answered;
            opened.push(await open(how));
            return opened.at(-1);
        };
        window.live = () => opened.filter((one) => one.getTracks()[0].readyState === "live").length;
    """
    with (
        RedactingStation() as station,
        serving(cam=station) as server,
        browser(fake_camera(tmp_path)) as chromium,
    ):
        page = chromium.new_page()
        page.add_init_script(prompt)
        page.goto(f"{server.address}publish/cam")
        start, stop = (page.get_by_role("button", name=name) for name in ("Start", "Stop"))
        start.click()
        stop.click()
        start.click()
        page.evaluate("permit()")
        page.get_by_text("Publishing", exact=True).wait_for(timeout=PATIENCE_MS)
        assert page.evaluate("[opened.length, live()]") == [2, 1]
        page.evaluate("opened.at(-1).getTracks()[0].dispatchEvent(new Event('ended'))")
        page.get_by_text("The camera is gone.").wait_for(timeout=PATIENCE_MS)
        assert page.evaluate("live()") == 0
        free = 'fetch("/api/streams/cam").then((a) => a.json()).then((cam) => !cam.published)'
        until_true(page, free)
        held: list[tuple[Any, Any]] = []
        page.route("**/whip/cam", lambda route: held.append((route, route.fetch())))
        start.click()
        while not held:
            page.wait_for_timeout(20)
        stop.click()
        assert not page.evaluate(free)
        start_s = time.monotonic()
        held[0][0].fulfill(response=held[0][1])
        until_true(page, free)
        assert time.monotonic() - start_s < 5  # by itself the server waits for 15 s
        assert page.evaluate("live()") == 0
        assert page.is_hidden("#notice")


def test_the_camera_page_is_not_there_for_other_stations() -> None:
    with Feeder() as feeder, serving(cam=FedStation(feeder)) as server, browser() as chromium:
        page = chromium.new_page()
        assert page.goto(f"{server.address}publish/cam").status == 404
        assert page.goto(f"{server.address}live/none").status == 404


def test_the_documentation_is_shown_under_the_strict_policy() -> None:
    with Feeder() as feeder, serving(cam=FedStation(feeder)) as server, browser() as chromium:
        page = chromium.new_page()
        watch = Watch(page)
        page.goto(f"{server.address}docs#take_snapshot")
        until_true(page, "document.querySelectorAll('section').length > 12")
        assert "503" in page.inner_text("#take_snapshot")
        assert page.is_hidden("#notice")
        watch.require_clean(server.address)
