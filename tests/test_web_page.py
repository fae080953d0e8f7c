"""The page in a real Chromium, as somebody uses it who has files to release."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from PIL import Image

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
from tests.job_clients import PORTRAIT, WALK
from tests.pages import OVER, STREET, add, clear, media, row, shown, the_page, until_done, until_shown

pytestmark = needs_chromium
MODEL = Path(__file__).parents[1] / "models" / "face_detection_yunet_2023mar.onnx"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with the_page(tmp_path_factory.mktemp("jobs") / "folder") as found:
        yield found


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with browser(fake_camera(tmp_path_factory.mktemp("camera"))) as running:
        yield running


@pytest.fixture
def page(address: str, chromium: Any) -> Iterator[Any]:
    """The page of files; it leaves no job to the next test."""
    context = chromium.new_context(accept_downloads=True)
    opened = context.new_page()
    opened.goto(address)
    yield opened
    clear(opened)
    context.close()


def downloaded(page: Any, link: Any) -> bytes:
    with page.expect_download(timeout=PATIENCE_MS) as waiting:
        link.click()
    return Path(waiting.value.path()).read_bytes()


def test_three_pictures_and_two_videos_from_the_drop_to_the_zip(
    address: str, page: Any, tmp_path: Path
) -> None:
    watch = Watch(page)
    files = media(tmp_path)
    page.evaluate(
        """() => {
            window.shares = new Set();
            new MutationObserver(() => document.querySelectorAll("[data-state=running] progress[value]")
                .forEach((one) => window.shares.add(one.value))
            ).observe(document.getElementById("jobs"), { subtree: true, attributes: true, childList: true });
        }"""
    )
    add(page, *files)
    until_done(page, 5)
    assert page.locator("li.job h3").all_inner_texts() == [file.name for file in files]
    assert len([share for share in page.evaluate("[...window.shares]") if 0 < share < 1]) >= 2
    assert page.locator(OVER).filter(has_text="Frost").count() == 5
    look_at_the_picture(page)
    look_at_the_video(page)
    check_the_zip(downloaded(page, page.get_by_role("link", name="Download all (zip)")), files)
    delete_them(page, address)
    watch.require_clean(address)


def look_at_the_picture(page: Any) -> None:
    row(page, "portrait.jpg").get_by_role("button", name="Open").click()
    stage = page.locator(".stage.picture")
    until_true(page, "document.querySelector('.before')?.naturalWidth > 0")
    until_true(page, "document.querySelector('.after')?.naturalWidth > 0")
    redacted = shown(stage)
    slider = page.get_by_role("slider", name="Original from the left")
    slider.press("End")
    assert page.get_by_role("dialog").get_by_text("100%").count() == 1
    original = shown(stage)
    height, width = original.shape[:2]
    truth = np.asarray(Image.open(PORTRAIT).convert("RGB").resize((width, height))).astype(int)
    inner = np.s_[8:-8, 8 : -8 - 2]  # without round corners and the edge
    assert np.abs(original - truth)[inner].mean() < 8
    assert np.abs(redacted - truth)[inner].mean() > 8
    report = json.loads(downloaded(page, page.get_by_role("link", name="Report")))
    assert len(report["tracks"]) == 1
    assert page.get_by_text("Original and result are kept until").count() == 1
    page.keyboard.press("Escape")


def look_at_the_video(page: Any) -> None:
    row(page, "walk.mp4").get_by_role("button", name="Open").click()
    until_true(page, "document.querySelector('dialog video').readyState >= 2")
    page.get_by_text("When faces were covered").wait_for(timeout=PATIENCE_MS)
    told = page.evaluate(
        """async () => {
            const { jobs } = await (await fetch("/api/jobs")).json();
            const walk = jobs.find((job) => job.name === "walk.mp4");
            return (await fetch(`/api/jobs/${walk.id}/report`)).json();
        }"""
    )
    assert page.locator("svg.timeline rect").count() == len(told["tracks"]) > 0
    page.get_by_role("dialog").get_by_text("As a list").click()
    last = max(told["tracks"], key=lambda track: track["first_s"])
    page.get_by_role("button", name=f"Face {last['track']}:").click()
    until_true(
        page, f"Math.abs(document.querySelector('dialog video').currentTime - {last['first_s']}) < 0.1"
    )
    place = told["review"][0]
    page.get_by_role("heading", name="Places to look at").locator("xpath=..").get_by_role(
        "button"
    ).first.click()
    until_true(
        page, f"Math.abs(document.querySelector('dialog video').currentTime - {place['time_s']}) < 0.1"
    )
    page.get_by_role("button", name="Close").click()
    assert page.get_by_role("dialog").count() == 0


def check_the_zip(archive: bytes, files: list[Path]) -> None:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert opened.testzip() is None
        contents = {name: opened.read(name) for name in opened.namelist()}
    reports = {name for name in contents if name.endswith(".report.json")}
    assert len(contents) == 2 * len(files)
    assert len(reports) == len(files)
    assert all(json.loads(contents[name])["output"]["sha256"] for name in reports)
    for name in contents.keys() - reports:
        if name.endswith(".mp4"):
            with av.open(io.BytesIO(contents[name]), "r") as video:
                assert next(video.decode(video=0)).width in (320, 640)
        else:
            Image.open(io.BytesIO(contents[name])).load()


def delete_them(page: Any, address: str) -> None:
    row(page, "street.png").get_by_role("button", name="Delete").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Keep").click()
    assert row(page, "street.png").count() == 1
    row(page, "street.png").get_by_role("button", name="Delete").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
    row(page, "street.png").wait_for(state="detached", timeout=PATIENCE_MS)
    page.get_by_role("button", name="Delete finished").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
    page.locator("li.job").first.wait_for(state="detached", timeout=PATIENCE_MS)
    until_true(page, "document.getElementById('work').hidden")
    assert page.request.get(f"{address}api/jobs").json()["jobs"] == []


def test_what_is_no_picture_is_refused_in_words(page: Any, tmp_path: Path) -> None:
    letter, nothing = tmp_path / "letter.jpg", tmp_path / "nothing.mp4"
    letter.write_text("Dear all", encoding="utf-8")
    nothing.write_bytes(b"")
    add(page, letter, nothing)
    for name in ("letter.jpg", "nothing.mp4"):
        row(page, name).get_by_text("Not accepted").wait_for(timeout=PATIENCE_MS)
    assert row(page, "letter.jpg").get_by_text("neither a picture nor a video").count() == 1
    assert row(page, "nothing.mp4").get_by_text("empty").count() == 1
    assert row(page, "letter.jpg").get_by_text("8 bytes").count() == 1
    row(page, "letter.jpg").get_by_role("button", name="Remove").click()
    assert page.locator("li.job").count() == 1


def test_a_reload_loses_neither_the_list_nor_the_language(page: Any) -> None:
    add(page, PORTRAIT)
    until_done(page, 1)
    page.get_by_role("button", name="中文").click()
    assert row(page, "portrait.jpg").get_by_role("button", name="打开").count() == 1
    page.reload()
    until_done(page, 1)
    assert page.locator("html").get_attribute("lang") == "zh-Hans"
    assert row(page, "portrait.jpg").get_by_role("button", name="打开").count() == 1
    page.get_by_role("button", name="English").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Cover the faces in your files"


def test_one_looks_first_and_starts_with_other_settings(page: Any) -> None:
    page.get_by_role("radio", name="Look first").check()
    add(page, WALK)
    row(page, "walk.mp4").get_by_role("button", name="Look first").click()
    until_true(page, "document.querySelector('.stage img').naturalWidth > 0")
    page.get_by_text("Being covered").wait_for(state="hidden", timeout=PATIENCE_MS)
    assert float(page.get_by_role("slider", name="Moment").get_attribute("max")) == pytest.approx(5, abs=0.2)
    frosted = shown(page.locator("dialog .stage"))
    page.get_by_role("dialog").get_by_role("radio", name="Solid").check()
    page.locator("dialog .stage[data-busy]").wait_for(timeout=PATIENCE_MS)
    page.locator("dialog .stage:not([data-busy])").wait_for(timeout=PATIENCE_MS)
    solid = shown(page.locator("dialog .stage"))
    black = (solid.max(axis=2) < 8).sum() - (frosted.max(axis=2) < 8).sum()
    assert black > 1000
    page.get_by_role("dialog").get_by_text("Keep the sound").click()
    page.get_by_role("dialog").get_by_role("checkbox", name="Prove the result").check()
    page.get_by_role("button", name="Start with these settings").click()
    row(page, "walk.mp4").get_by_text("with proof").wait_for(timeout=PATIENCE_MS)
    until_shown(page, "the result is being proven")
    assert row(page, "walk.mp4").get_by_text("left").count() == 0
    until_done(page, 1)
    assert row(page, "walk.mp4").get_by_text("Solid").count() == 1
    assert row(page, "walk.mp4").get_by_text("1 setting changed").count() == 1
    assert row(page, "walk.mp4").get_by_text("result proven").count() == 1
    row(page, "walk.mp4").get_by_role("button", name="Open").click()
    until_shown(page, "No face shows")


def test_lists_and_zones_are_taken_and_what_does_not_fit_is_not_sent(page: Any) -> None:
    page.locator(".settings > summary").click()
    page.locator(".options details > summary").click()
    fields = {name: page.get_by_label(name) for name in ("Detectors", "Always cover", "Never cover")}
    chosen = {
        "Detectors": ("mediapipe, yunet", {"detect": {"detectors": ["mediapipe", "yunet"]}}),
        "Always cover": ("0,0 .1,0 .1,.1; 0,.9 0,1 .1,1", {"zones": {"cover_zone": [
            [[0, 0], [0.1, 0], [0.1, 0.1]], [[0, 0.9], [0, 1], [0.1, 1]]
        ]}}),
        "Never cover": ("0,0 1,0 1,1 0,1", {"zones": {"ignore_zone": [[[0, 0], [1, 0], [1, 1], [0, 1]]]}}),
    }  # fmt: skip
    for count, (name, (text, _)) in enumerate(chosen.items(), 1):
        usual = fields[name].input_value()
        fields[name].fill(text)
        add(page, PORTRAIT)
        until_done(page, count)
        fields[name].fill(usual)
    jobs = page.request.get(f"{page.url}api/jobs").json()["jobs"]
    assert [job["settings"] for job in reversed(jobs)] == [settings for _, settings in chosen.values()]
    assert [job["outcome"]["faces"] for job in reversed(jobs)] == [1, 1, 0]
    for name, wrong in (
        ("Detectors", "yunett"),
        ("Always cover", "0,0 1,0"),
        ("Never cover", "0, 0 1,0 1,2"),
    ):
        page.get_by_role("button", name="Back to the usual settings").click()
        fields[name].fill(wrong)
        page.locator(".options details > summary").click()
        page.locator(".settings > summary").click()
        fields[name].wait_for(state="hidden")  # unfolded again 10 ms later it was not always focused
        add(page, PORTRAIT)
        until_true(page, "document.activeElement.matches(':invalid')")  # shown, though it was folded away
        assert page.locator("li.job").count() == 3


def test_settings_that_were_refused_can_be_put_right(page: Any) -> None:
    page.locator(".settings > summary").click()
    page.locator(".options details > summary").click()
    zone = page.get_by_label("Always cover")
    zone.fill("0,0 1,1 1,0 0,1")  # its edges cross: only the server knows that
    add(page, PORTRAIT)
    until_shown(page, "The settings do not fit")
    zone.fill("")
    row(page, "portrait.jpg").get_by_role("button", name="Try again").click()
    until_done(page, 1)
    page.get_by_label("Video codec").fill("none")
    add(page, WALK)
    row(page, "walk.mp4").get_by_role("button", name="Look first").click(timeout=PATIENCE_MS)
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("More settings").click()
    dialog.get_by_label("Video codec").fill("h264")
    dialog.get_by_role("button", name="Start with these settings").click()
    until_done(page, 2)


def test_a_window_closes_with_its_job(page: Any) -> None:
    add(page, STREET)
    until_done(page, 1)
    row(page, "street.png").get_by_role("button", name="Open").click()
    until_shown(page, "Original from the left")
    clear(page)
    page.get_by_role("dialog").wait_for(state="detached", timeout=PATIENCE_MS)
    page.locator("li.job").wait_for(state="detached", timeout=PATIENCE_MS)


def test_a_torn_picture_is_done_but_to_be_looked_at(page: Any, tmp_path: Path) -> None:
    torn = tmp_path / "torn.jpg"
    torn.write_bytes(PORTRAIT.read_bytes()[:20_000])
    add(page, torn)
    row(page, "torn.jpg").get_by_text("Done, please look").wait_for(timeout=PATIENCE_MS)
    assert row(page, "torn.jpg").get_by_text("1 warning").count() == 1
    row(page, "torn.jpg").get_by_role("button", name="Open").click()
    until_shown(page, "The picture is damaged or cut off")


def test_files_come_by_dropping_them_anywhere(page: Any) -> None:
    page.evaluate(
        """async () => {
            const picture = await (await fetch("/api/settings/example.jpg")).blob();
            const transfer = new DataTransfer();
            transfer.items.add(new File([picture], "dropped.jpg", { type: "image/jpeg" }));
            const drag = (type) => document.querySelector("h1").dispatchEvent(
                new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true }));
            drag("dragenter");
            window.veiled = !document.getElementById("veil").hidden;
            drag("drop");
        }"""
    )
    assert page.evaluate("window.veiled && document.getElementById('veil').hidden")
    until_done(page, 1)
    assert row(page, "dropped.jpg").count() == 1


def test_all_of_it_can_be_done_by_keyboard(page: Any) -> None:
    with page.expect_file_chooser() as choosing:
        tab_to(page, "#choose")
        page.keyboard.press("Enter")
    choosing.value.set_files([STREET])
    until_done(page, 1)
    tab_to(page, "[data-action=open]")
    page.keyboard.press("Enter")
    until_true(page, "document.querySelector('.before')?.naturalWidth > 0")
    tab_to(page, "dialog input[type=range]")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.getAttribute('aria-valuetext')") == "3%"
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.dataset.action") == "open"
    tab_to(page, "[data-action=delete]")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.dataset.word") == "do.keep"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.locator("li.job").wait_for(state="detached", timeout=PATIENCE_MS)
    until_true(page, "document.activeElement.id === 'choose'")


def tab_to(page: Any, selector: str) -> None:
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate(f"document.activeElement.matches({json.dumps(selector)})"):
            return
    raise AssertionError(f"{selector} cannot be reached by Tab")


def test_leaving_while_a_file_is_sent_is_asked_about(page: Any) -> None:
    page.get_by_role("heading", level=1).click()
    page.context.new_cdp_session(page).send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 20_000},
    )
    asked: list[str] = []

    def answer(dialog: Any) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", answer)
    add(page, STREET)
    row(page, "street.png").get_by_text("Being sent").wait_for(timeout=PATIENCE_MS)
    until_true(page, "document.querySelector('[data-state=sending] progress')?.value > 0")
    page.close(run_before_unload=True)
    page.wait_for_timeout(100)
    assert asked == ["beforeunload"]
    row(page, "street.png").get_by_role("button", name="Cancel").click()
    page.locator("li.job").wait_for(state="detached", timeout=PATIENCE_MS)


def test_a_full_queue_and_a_server_that_went_away_lose_nothing(chromium: Any, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    with the_page(folder, queue=1) as address:
        page = chromium.new_page()
        page.goto(address)
        add(page, WALK, STREET, PORTRAIT)
        until_shown(page, "Will be sent again")
        until_done(page, 3)
    until_shown(page, "The server does not answer; trying again.")
    port = int(address.rstrip("/").rpartition(":")[2])
    with the_page(folder, port):
        page.locator("#notice").wait_for(state="hidden", timeout=PATIENCE_MS)
        assert page.locator(OVER).count() == 3
        row(page, "street.png").get_by_role("button", name="Open").click()
        until_true(page, "document.querySelector('.after')?.naturalWidth > 0")
    page.close()


def test_the_own_camera_is_shown_redacted_beside_the_word_for_it(address: str, chromium: Any) -> None:
    watch = Watch(page := chromium.new_page())
    page.goto(f"{address}live")
    page.get_by_role("link", name="Use my camera webcam").click()
    page.get_by_text("Nothing is shown to others").wait_for(timeout=PATIENCE_MS)
    page.get_by_role("button", name="Start").click()
    page.get_by_text("Publishing", exact=True).wait_for(timeout=PATIENCE_MS)
    assert page.get_by_text("Only this picture is shown to others.").is_visible()
    frames_shown(page, 10)
    assert faces_in(grabbed(page, "preview")) >= 1
    for count in range(20, 60, 10):
        frames_shown(page, count)
        assert faces_in(grabbed(page)) == 0
    page.get_by_role("button", name="Stop").click()
    page.get_by_text("The camera is off").wait_for(timeout=PATIENCE_MS)
    page.get_by_text("Nothing is shown to others").wait_for(timeout=PATIENCE_MS)
    watch.require_clean(address)
    page.close()


def faces_in(picture: Any) -> int:
    """Count faces with a detector of the test's own."""
    height, width = picture.shape[:2]
    found = cv2.FaceDetectorYN.create(str(MODEL), "", (width, height), 0.7).detect(picture[..., ::-1].copy())[
        1
    ]
    return 0 if found is None else len(found)
