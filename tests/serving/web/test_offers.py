"""The page offers what the served models can do, and nothing else."""

from __future__ import annotations

import pytest

from tests.support.browser import Tab
from tests.support.page_actions import LAYERS, PROBLEM, SEVEN, serve_only, wait_for_reading

SWITCHES = ("kinds", "runtimes")


def switches(tab: Tab) -> list[str]:
    """Returns the switches that can be seen."""
    return [name for name in SWITCHES if tab.page.locator(f"#{name}").is_visible()]


def kinds(tab: Tab) -> list[str]:
    """Returns the kinds of pictures to choose from."""
    return tab.texts("#kinds label:visible")


KINDS = ["One digit", "Amount", "Number", "Date", "MICR line"]
CHECK = {"model": "check-fields", "version": "1", "thresholds": [], "max_error": None}


def test_everything(tab: Tab, address: str) -> None:
    serve_only(tab, address, check=CHECK)
    assert switches(tab) == ["kinds", "runtimes"]
    assert kinds(tab) == [*KINDS, "Whole check"]
    assert tab.texts("h1") == [
        "Handwritten digits, amounts, MICR lines and whole checks, read with a probability."
    ]
    assert not tab.page.locator("#no-checks").is_visible()


def test_whole_checks_that_are_not_offered_are_named(tab: Tab, address: str) -> None:
    serve_only(tab, address, check=None)
    assert kinds(tab) == KINDS
    assert tab.texts("h1") == ["Handwritten digits, amounts and MICR lines, read with a probability."]
    assert "no model that finds the fields on a check" in tab.page.locator("#no-checks").inner_text()


def test_digits_alone(tab: Tab, address: str) -> None:
    serve_only(tab, address, field=None, micr=None, check=None, fields=[])
    assert switches(tab) == ["runtimes"]
    assert tab.texts("h1") == ["Handwritten digits, read with a probability."]
    tab.stroke("#paper", SEVEN)
    wait_for_reading(tab, "7")


def test_amounts_alone(tab: Tab, address: str) -> None:
    serve_only(tab, address, digit=None, micr=None, check=None, features=None)
    assert switches(tab) == ["kinds"]
    assert kinds(tab) == ["Amount", "Number", "Date"]
    assert tab.texts("h1") == ["Handwritten amounts, read with a probability."]
    assert tab.texts("#invitation") == ["Write an amount here"]
    assert tab.evaluate("document.querySelector('.desk').dataset.kind") == "amount"
    tab.page.click("#samples button")
    tab.until("document.querySelectorAll('#symbols button').length")
    assert tab.evaluate(LAYERS) == 0
    assert [url for url in tab.requests if "/digits" in url] == []


@pytest.mark.parametrize("reason", ["this release has no model in WebAssembly"])
def test_no_module(tab: Tab, address: str, reason: str) -> None:
    serve_only(tab, address, browser=None, no_browser=reason)
    assert switches(tab) == ["kinds"]
    assert tab.texts("#runtime-note") == [f"The picture is posted to this server: {reason}."]
    tab.stroke("#paper", SEVEN)
    wait_for_reading(tab, "7")


def test_no_model_that_reads(tab: Tab, address: str) -> None:
    serve_only(tab, address, digit=None, field=None, micr=None, check=None)
    assert not tab.page.locator("#paper").is_visible()
    assert tab.texts("#lede") == ["This service has no model that reads pictures."]


def test_no_answer(tab: Tab, address: str) -> None:
    tab.page.route("**/web/models.json", lambda route: route.abort())
    tab.open(f"{address}?again")
    assert tab.until(PROBLEM) == "The server does not answer: is it still running?"
    assert not tab.page.locator("#paper").is_visible()
    tab.complaints = [text for text in tab.complaints if "ERR_FAILED" not in text]
