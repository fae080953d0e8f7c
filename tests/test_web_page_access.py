"""The pages for everybody: screen readers, keyboards, small screens, dark rooms, two languages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browsers import PATIENCE_MS, browser, fake_camera, frames_shown, needs_chromium, until_true
from tests.job_clients import PORTRAIT, WALK
from tests.pages import add, clear, row, the_page, until_done

pytestmark = needs_chromium
GRAVE = {"serious", "critical"}
PHONE, DESK = {"width": 360, "height": 740}, {"width": 1280, "height": 800}
LEAST_PX = 44
LATIN = re.compile(r"[A-Za-z]{2,}")
SAID_IN_BOTH = re.compile(
    r"stream_guard|English|WebRTC|Motion JPEG|H\.264|MP4|DRM|HTTPS|localhost|\bzip\b|API|\b[kMG]?B\b|yunet|"
    r"mediapipe|portrait\.jpg|walk\.mp4|letter\.jpg|webcam|walk\.y4m|/\S+|JavaScript|"
    r"h264|ultrafast|superfast|veryfast|faster|fast|medium|slower|veryslow|slow|metadata tag.*"
)
SMALL_TARGETS = """
    (least) => [...document.querySelectorAll("button, .button, select, summary, header a, input[type=range]")]
        .filter((one) => one.checkVisibility() && one.getBoundingClientRect().height < least - 0.5)
        .map((one) => one.outerHTML.slice(0, 120))
"""
TEXTS = """
    () => {
        const found = [document.title];
        const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        while (walk.nextNode()) {
            const parent = walk.currentNode.parentElement;
            if (!parent.closest("noscript, script, h3, option")) found.push(walk.currentNode.data);
        }
        for (const name of ["aria-label", "alt", "aria-valuetext"]) {
            document.querySelectorAll(`[${name}]`).forEach((one) => found.push(one.getAttribute(name)));
        }
        return found.map((text) => text.trim()).filter(Boolean);
    }
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with the_page(tmp_path_factory.mktemp("jobs") / "folder") as found:
        yield found


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with browser(fake_camera(tmp_path_factory.mktemp("camera"))) as running:
        yield running


class Tour:
    """Goes through all pages and windows, and stops at each; a context of its own for look and language."""

    def __init__(self, chromium: Any, address: str, **look: Any) -> None:
        self.context = chromium.new_context(**look)
        self.page = self.context.new_page()
        self.address = address

    def __enter__(self) -> Tour:
        return self

    def __exit__(self, *_: object) -> None:
        self.page.goto(f"{self.address}docs")
        clear(self.page)
        self.context.close()

    def stops(self, letter: Path) -> Iterator[str]:
        yield from self.files(letter)
        yield from self.live()

    def files(self, letter: Path) -> Iterator[str]:
        page = self.page
        page.goto(self.address)
        until_true(page, "document.querySelectorAll('.style').length > 0")
        yield "no files"
        add(page, PORTRAIT, WALK, letter)
        until_done(page, 2)
        row(page, "letter.jpg").locator("[data-state=refused], .why").first.wait_for(timeout=PATIENCE_MS)
        page.locator(".settings > summary").click()
        page.locator(".options details > summary").click()
        yield "files and settings"
        page.locator(".settings > summary").click()
        yield from self.windows()

    def windows(self) -> Iterator[str]:
        page = self.page
        row(page, "portrait.jpg").locator("[data-action=open]").click()
        until_true(page, "document.querySelector('.before')?.naturalWidth > 0")
        yield "a picture"
        page.keyboard.press("Escape")
        row(page, "walk.mp4").locator("[data-action=open]").click()
        until_true(page, "document.querySelectorAll('.part').length >= 2")
        page.locator(".part details > summary").click()
        yield "a video"
        page.locator("dialog [data-word='result.again']").click()
        until_true(page, "document.querySelector('.look .stage img')?.naturalWidth > 0")
        yield "a look"
        page.keyboard.press("Escape")
        row(page, "walk.mp4").locator("[data-action=delete]").click()
        yield "a question"
        page.keyboard.press("Escape")

    def live(self) -> Iterator[str]:
        page = self.page
        page.goto(f"{self.address}live")
        page.locator(".stations li").first.wait_for(timeout=PATIENCE_MS)
        yield "stations"
        page.goto(f"{self.address}publish/webcam")
        page.locator("#start").click()
        frames_shown(page, 5)
        yield "publishing"
        viewer = self.page = self.context.new_page()
        viewer.goto(f"{self.address}live/webcam")
        frames_shown(viewer, 5)
        yield "live"
        page.close()


def faults(page: Any) -> list[str]:
    """Return what axe finds that keeps somebody out."""
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {node['html'][:160]}"
        for one in found
        if one["impact"] in GRAVE
        for node in one["nodes"]
    ]


@pytest.fixture(scope="module")
def letter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("letters") / "letter.jpg"
    path.write_text("Dear all", encoding="utf-8")
    return path


@pytest.mark.parametrize(("viewport", "scheme"), [(DESK, "light"), (PHONE, "dark")])
def test_axe_finds_nothing_grave_anywhere(
    address: str, chromium: Any, letter: Path, viewport: dict[str, int], scheme: str
) -> None:
    with Tour(chromium, address, viewport=viewport, color_scheme=scheme) as tour:
        for stop in tour.stops(letter):
            assert (stop, faults(tour.page)) == (stop, [])
            wide = tour.page.evaluate("document.documentElement.scrollWidth")
            assert (stop, wide) == (stop, viewport["width"])
            assert (stop, tour.page.evaluate(SMALL_TARGETS, LEAST_PX)) == (stop, [])
        tour.page.goto(f"{address}docs")
        tour.page.locator("pre").first.wait_for(timeout=PATIENCE_MS)
        assert faults(tour.page) == []


def test_nothing_is_left_in_english_for_who_reads_chinese(address: str, chromium: Any, letter: Path) -> None:
    with Tour(chromium, address, locale="zh-CN", viewport=DESK) as tour:
        for stop in tour.stops(letter):
            assert tour.page.locator("html").get_attribute("lang") == "zh-Hans"
            texts = tour.page.evaluate(TEXTS)
            assert len(texts) > 5
            left = [text for text in texts if LATIN.search(SAID_IN_BOTH.sub("", text))]
            assert (stop, left) == (stop, [])


def test_both_languages_have_the_same_words(address: str, chromium: Any) -> None:
    page = chromium.new_page()
    page.goto(f"{address}docs")
    en, zh = (
        page.evaluate(f"import('/static/words/{code}.js').then((words) => words.default)")
        for code in ("en", "zh")
    )
    assert en.keys() == zh.keys()
    assert len(en) > 250
    for key, word in en.items():
        assert names_in(word) == names_in(zh[key]), key
    page.close()


def names_in(word: str | dict[str, str]) -> set[str]:
    """Return the {names} in a word; in those that have a form for one, of the other form."""
    return set(re.findall(r"\{(\w+)\}", word if isinstance(word, str) else word["other"]))


def test_every_word_that_a_page_asks_for_is_known(address: str, chromium: Any) -> None:
    static = Path(__file__).parents[1] / "stream_guard" / "web" / "static"
    page = chromium.new_page()
    page.goto(f"{address}docs")
    known = set(page.evaluate("import('/static/words/en.js').then((words) => Object.keys(words.default))"))
    page.close()
    asked = {
        key
        for path in static.glob("*.html")
        for key in re.findall(r'data-(?:word|label|alt)="([^"]+)"', path.read_text(encoding="utf-8"))
    }
    assert len(asked) > 30
    assert asked <= known
