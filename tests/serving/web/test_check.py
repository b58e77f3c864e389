"""A whole check on the page: its paper and fields over the picture, and each field as it was read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from PIL import Image

from tests.serving.web.conftest import OpenTab
from tests.support import check_answers
from tests.support.browser import Tab
from tests.support.page_actions import IDLE, READ, serve_only, switch

SIZE = 600, 270
MODEL = {"model": "check-fields", "version": "1", "thresholds": [], "max_error": None}
PRESSED = "[...document.querySelectorAll('[data-state][aria-pressed=true]')].map((one) => one.dataset.index)"


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A picture whose amount is dark on its left."""
    pixels = np.full(SIZE[::-1], 255, np.uint8)
    x, y, width, height = check_answers.BOXES["amount"]
    pixels[y : y + height, x : x + width // 2] = 0
    Image.fromarray(pixels).save(tmp_path / "check.png")
    return tmp_path / "check.png"


def post(tab: Tab, address: str, picture: Path, answer: dict[str, Any]) -> None:
    """Opens the page again, posts a check and waits for the answer, which is given in the service's place."""
    serve_only(tab, address, check=MODEL)
    tab.page.route("**/checks*", lambda route: route.fulfill(json=answer))
    switch(tab, "check")
    tab.page.set_input_files("#file", picture)
    tab.until(f"{IDLE} && !document.querySelector('#check').hidden")


def test_the_fields_are_outlined_and_listed(tab: Tab, address: str, picture: Path) -> None:
    post(tab, address, picture, check_answers.answer("date: unsure"))
    assert tab.texts("#check-verdict") == ["A human should look"]
    assert tab.texts("#reasons li") == ["Date: unsure."]
    assert tab.texts("#check-facts dd")[0] == "blurred, 580 pixels wide"
    assert tab.texts("#fields button > span") == [
        "Amount",
        "Date",
        "MICR line",
        "Check number",
        "Amount in words",
    ]
    assert tab.texts("#fields em") == [
        "✓ accepted",
        "! a human should look",
        "✓ accepted",
        "not found",
        "not read",
    ]
    assert tab.texts("#fields b")[2] == "⑆021000021⑆ 1234567⑈"
    assert tab.texts("#places button") == ["Amount ✓", "Date !", "MICR line ✓", "Amount in words"]
    styles = (
        "[...document.querySelectorAll('#places button')].map((one) => getComputedStyle(one).borderTopStyle)"
    )
    assert tab.evaluate(styles) == ["solid", "dashed", "solid", "dotted"]  # more than color tells them apart
    points = tab.evaluate("document.querySelector('#outline polygon').getAttribute('points')")
    assert points == "10,10 590,10 590,260 10,260"
    boxes, frame = tab.evaluate(
        "[[...document.querySelectorAll('#places button')], [document.querySelector('.frame')]].map((all) => all"
        ".map((one) => one.getBoundingClientRect()).map(({ x, y, width, height }) => [x, y, width, height]))"
    )
    x, y, width, _ = frame[0]
    scaled = (
        (np.array(boxes) - [x - 3, y - 3, 6, 6]) * SIZE[0] / width
    )  # a frame is 3 pixels around its field
    np.testing.assert_allclose(scaled, list(check_answers.BOXES.values()), atol=0.5)


def test_a_field_is_shown_by_click_and_by_keyboard(tab: Tab, address: str, picture: Path) -> None:
    post(tab, address, picture, check_answers.answer("date: unsure"))
    assert tab.texts("#field-title") == ["Amount"]
    assert tab.evaluate(READ) == "12.50"
    assert tab.texts("#symbols b") == list("1250")
    tab.page.click("#fields button:nth-child(2)")
    assert (tab.texts("#field-title"), tab.evaluate(READ)) == (["Date"], "24.11.19")
    assert tab.texts("#why") == [f"U{check_answers.DOUBT[1:]}."]
    assert tab.texts("#verdict") == ["A human should look"]
    assert tab.evaluate(PRESSED) == ["1", "1"]
    assert tab.texts("#spoken")[0].startswith("Date. 24.11.19. Unsure")
    tab.page.focus("#places button:nth-child(2)")
    tab.page.keyboard.press("Tab")
    assert (tab.texts("#field-title"), tab.evaluate(PRESSED)) == (["MICR line"], ["2", "2"])
    assert tab.texts("#facts dt")[:3] == ["Routing", "Account", "Check digit"]
    tab.page.click("#fields button:nth-child(4)")
    assert tab.texts("#why") == ["Not found on this check."]
    assert not tab.page.locator("#cutout").is_visible()
    tab.page.click("#places button:nth-child(4)", position={"x": 60, "y": 5})
    assert tab.texts("#why") == ["The amount in words is found, not read."]
    assert not tab.page.locator("#verdict").is_visible()


@pytest.mark.parametrize(("turned", "dark"), [(False, 0), (True, 1)], ids=["upright", "upside down"])
def test_the_cut_out_field_stands_upright(
    tab: Tab, address: str, picture: Path, turned: bool, dark: int
) -> None:
    corners = check_answers.CORNERS
    answer = check_answers.answer(corners=corners[2:] + corners[:2] if turned else corners)
    post(tab, address, picture, answer)
    halves = tab.evaluate(
        "(() => { const canvas = document.querySelector('#cutout'); const { width, height } = canvas; "
        "const row = canvas.getContext('2d').getImageData(0, height / 2, width, 1).data; "
        "return [0.25, 0.75].map((x) => row[4 * Math.round(x * width)]); })()"
    )
    assert halves == ([0, 255] if dark == 0 else [255, 0])


def test_a_drawn_check_is_a_sample(tab: Tab, address: str) -> None:
    serve_only(tab, address, check=MODEL)
    tab.page.route("**/checks*", lambda route: route.fulfill(json=check_answers.answer()))
    switch(tab, "check")
    tab.page.click("#samples button")
    tab.until("document.querySelectorAll('#places button').length")
    assert tab.evaluate("document.querySelector('#samples img').naturalWidth") > 600


def test_a_picture_without_a_check(tab: Tab, address: str, picture: Path) -> None:
    post(
        tab,
        address,
        picture,
        check_answers.answer("two checks in one picture: post them one by one", corners=None),
    )
    assert tab.texts("#reasons li") == ["Two checks in one picture: post them one by one."]
    assert tab.texts("#places button") == []
    for part in ("#reading", "#fields-part", "#outline"):
        assert not tab.page.locator(part).is_visible()


def test_what_is_known_is_sent_and_the_answer_copied(tab: Tab, address: str, picture: Path) -> None:
    answer = check_answers.answer()
    post(tab, address, picture, answer)
    assert tab.texts("#check-verdict") == ["Accepted"]
    for name, value in (("locale", "us"), ("order", "mdy"), ("country", "us")):
        tab.page.select_option(f"#option-{name}", value)
    tab.page.select_option("#bound", "0.05")
    tab.until(IDLE)
    query = parse_qs(urlsplit([url for url in tab.requests if "/checks" in url][-1]).query)
    assert query == {"max_error": ["0.05"], "locale": ["us"], "order": ["mdy"], "country": ["us"]}
    tab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.page.click("#copy")
    tab.until("document.querySelector('#copied').textContent === 'Copied.'")
    assert json.loads(tab.evaluate("navigator.clipboard.readText()")) == answer
    assert not tab.page.locator("#copy-all").is_visible()


def test_on_a_phone(open_tab: OpenTab, address: str, picture: Path) -> None:
    tab = open_tab(360, 740, mobile=True)
    post(tab, address, picture, check_answers.answer("date: unsure"))
    assert tab.evaluate("document.documentElement.scrollWidth") <= 360
    tab.page.locator("#places button:nth-child(2)").tap(position={"x": 20, "y": 8})
    assert tab.texts("#field-title") == ["Date"]
    assert tab.page.locator("#spoken").is_visible()  # beneath the picture, since the list is further down
