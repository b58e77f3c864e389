"""The page of a review, rendered and, in headless Chromium, used by keyboard.

`make edge-tools` installs what the latter needs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import Browser

from serving.bulk.labels import write_labels
from serving.bulk.review import PAGE, Review
from serving.bulk.review_page import render
from tests.support.browser import Tab, chromium, require_chromium
from tests.support.reviews import NASTY, review, write_review

TEXT = "document.querySelector('#text').value"
COUNT = "document.querySelector('#count').textContent"


def test_nothing_of_a_review_becomes_markup() -> None:
    page = render(review())
    assert NASTY not in page
    assert "<b>0.5" not in page
    assert page.count("</script>") == 2
    (embedded,) = re.findall('<script type="application/json" id="review">(.*?)</script>', page)
    assert not set("<>&") & set(embedded)
    assert msgspec.json.decode(embedded, type=Review) == review()


def test_the_page_is_allowed_its_own_script_and_pictures_alone() -> None:
    (policy,) = re.findall('Content-Security-Policy" content="(.*?)"', render(review()))
    assert policy.startswith("default-src 'none'; img-src 'self' file:; ")
    assert len(re.findall(r"(?:script|style)-src 'sha256-[A-Za-z0-9+/]{43}='", policy)) == 2


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    require_chromium()
    with chromium() as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_review(tmp_path / "review", review())


@pytest.fixture
def tab(browser: Browser, folder: Path) -> Iterator[Tab]:
    opened = Tab.new(browser, 1280, 900)
    opened.open((folder / PAGE).as_uri())
    yield opened
    assert opened.complaints == []
    assert all(address.startswith(("file:", "blob:")) for address in opened.requests)
    opened.close()


def press(tab: Tab, *keys: str) -> None:
    for key in keys:
        tab.page.keyboard.press(key)


def test_a_review_by_keyboard_alone(tab: Tab, folder: Path, tmp_path: Path) -> None:
    """Take one, correct one, skip one, go back, reload, save; the saved file makes labels."""
    assert tab.evaluate(COUNT) == "0 of 5 fields done"
    assert tab.evaluate(TEXT) == "1,250.50"
    assert tab.texts("#file") == [NASTY + ", page 1 of 3"]
    assert tab.texts("#read") == ["1,250.50, which means 1250.50"]
    press(tab, "Enter")
    assert tab.evaluate(TEXT) == "24/11/2019"
    press(tab, "ArrowDown")
    assert tab.evaluate(TEXT) == "A021000021A 123C 0101"
    tab.page.keyboard.type("a021000021a 124c 0101")  # in place of the reading, which is selected
    press(tab, "Enter")
    assert tab.evaluate(COUNT) == "2 of 5 fields done"
    press(tab, "Escape")
    assert tab.texts("#reason") == ["unsure: <b>0.5</b>"]
    press(tab, "Enter")  # nothing is written there yet
    assert tab.texts("#mistake") == ["Write what stands there, or skip the field."]
    press(tab, "ArrowUp", "ArrowUp", "ArrowUp")
    assert tab.evaluate(TEXT) == "24/11/2019"
    press(tab, "End", "Backspace", "8")
    tab.page.reload()
    tab.until("'ready' in document.documentElement.dataset")
    assert tab.evaluate(COUNT) == "3 of 5 fields done"
    assert tab.evaluate(TEXT) == "24/11/2018"
    press(tab, "Enter")
    with tab.page.expect_download() as download:
        press(tab, "Control+s")
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    corrections = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(line["field"], line["page"], line["text"]) for line in corrections] == [
        ("amount", 1, "1,250.50"),
        ("date", 1, "24/11/2018"),
        ("micr", 2, "A021000021A 124C 0101"),
    ]
    counts = write_labels(path, folder, tmp_path / "labeled")
    assert counts.labeled == {"amount": 1, "date": 1, "micr": 1}


def test_the_end_and_forgetting(tab: Tab) -> None:
    tab.page.select_option("#shown", "amount")
    assert tab.evaluate(COUNT) == "0 of 2 fields done"
    tab.page.focus("#text")
    press(tab, "Enter", "Escape")
    assert tab.texts("#done-title") == ["All done."]
    press(tab, "ArrowUp")
    assert tab.texts("#state") == ["skipped"]
    tab.page.once("dialog", lambda dialog: dialog.accept())
    tab.page.click("#forget")
    assert tab.evaluate(COUNT) == "0 of 2 fields done"
    assert tab.evaluate("localStorage.length") == 0


def test_a_held_key_takes_one_field(tab: Tab) -> None:
    tab.page.keyboard.down("Enter")
    tab.page.keyboard.down("Enter")
    tab.page.keyboard.up("Enter")
    assert tab.evaluate(COUNT) == "1 of 5 fields done"


def test_what_cannot_be_corrected_is_listed(tab: Tab) -> None:
    tab.page.click("#unread summary")
    assert tab.texts("#unread-rows td") == ["<i>.png", "", "not a picture"]


def test_it_fits_a_phone(browser: Browser, folder: Path) -> None:
    tab = Tab.new(browser, 390, 844, mobile=True)
    tab.open((folder / PAGE).as_uri())
    for field in ("amount", "date", "micr"):
        tab.page.select_option("#shown", field)
        assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    tab.close()


def test_a_missing_picture_is_told(browser: Browser, folder: Path) -> None:
    (folder / "crops" / "1-amount.png").unlink()
    tab = Tab.new(browser, 1280, 900)
    tab.open((folder / PAGE).as_uri())
    tab.until(
        "document.querySelector('#problem').textContent.startsWith('A picture of this review is missing')"
    )
    tab.close()
