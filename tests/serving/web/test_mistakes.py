"""What goes wrong on the page is one line, and the page goes on.

`make edge-tools` installs what this needs.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Route

from serving.repository.store import Repository
from tests.support.browser import Tab
from tests.support.page_actions import IDLE, PROBLEM, READ, SEVEN, switch, wait_for_reading


@pytest.fixture
def pdf(tmp_path: Path) -> Path:
    file = tmp_path / "check.pdf"
    file.write_bytes(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    return file


def test_a_pdf_is_one_line_and_the_page_goes_on(tab: Tab, golden: Repository, pdf: Path) -> None:
    tab.drop("#stage", pdf)
    line = tab.until(PROBLEM)
    assert line.startswith("That is a PDF, which is not read")
    assert "\n" not in line
    assert tab.evaluate("document.querySelector('#problem').getAttribute('role')") == "alert"
    tab.drop("#stage", golden.folder / "golden" / "2a.png")
    wait_for_reading(tab, "2")
    assert tab.evaluate(PROBLEM) == ""
    tab.drop("body", pdf)  # beside the paper, too
    assert tab.until(PROBLEM) == line
    assert tab.evaluate(READ) == "2"


@pytest.mark.parametrize("where", ["server", "browser"])
def test_what_is_no_picture(tab: Tab, tmp_path: Path, where: str) -> None:
    switch(tab, where)
    (tmp_path / "letter.png").write_bytes(b"Dear Sir or Madam")
    tab.drop("#stage", tmp_path / "letter.png")
    line = tab.until(PROBLEM)
    assert ("not a picture: expected PNG" in line) if where == "server" else ("cannot open that file" in line)
    tab.complaints = [complaint for complaint in tab.complaints if "status of 400" not in complaint]
    (tmp_path / "large.png").write_bytes(bytes(16 * 2**20 + 1))
    tab.drop("#stage", tmp_path / "large.png")
    assert "at most 16" in tab.until(f"{PROBLEM}.includes('MB') && {PROBLEM}")
    tab.stroke("#paper", SEVEN)
    wait_for_reading(tab, "7")


def test_a_tiff_that_the_browser_cannot_show(tab: Tab, golden: Repository, tmp_path: Path) -> None:
    Image.open(golden.folder / "golden" / "5a.png").save(tmp_path / "five.tiff")
    tab.drop("#stage", tmp_path / "five.tiff")
    wait_for_reading(tab, "5")
    assert "cannot show" in tab.texts("#invitation")[0]
    switch(tab, "browser")
    assert "cannot open" in tab.until(PROBLEM)


def test_the_server_is_gone(tab: Tab, golden: Repository) -> None:
    switch(tab, "browser")
    tab.drop("#stage", golden.folder / "golden" / "6a.png")
    wait_for_reading(tab, "6")
    tab.page.context.set_offline(True)
    switch(tab, "server")
    assert tab.until(PROBLEM) == "The server does not answer: is it still running?"
    switch(tab, "browser")
    tab.drop("#stage", golden.folder / "golden" / "8b.png")
    wait_for_reading(tab, "8")
    tab.page.context.set_offline(False)
    switch(tab, "server")
    tab.until(f"document.querySelectorAll('#times tr').length === 2 && {READ} === '8'")
    tab.complaints = [
        complaint for complaint in tab.complaints if "ERR_INTERNET_DISCONNECTED" not in complaint
    ]


def test_a_key_is_asked_for_and_kept_in_memory(tab: Tab, golden: Repository) -> None:
    def locked(route: Route) -> None:
        if route.request.headers.get("authorization") == "Bearer open sesame":
            route.continue_()
        else:
            route.fulfill(status=401, body='{"error": "an API key is needed"}')

    tab.page.route("**/digits*", locked)
    tab.drop("#stage", golden.folder / "golden" / "3a.png")
    tab.until("!document.querySelector('#access').hidden")
    assert tab.evaluate(PROBLEM) == "an API key is needed"
    assert tab.evaluate("document.activeElement.id") == "key"
    assert tab.evaluate("document.querySelector('#key').type") == "password"
    for attempt in ("wrong", "open sesame"):
        tab.page.keyboard.insert_text(attempt)
        tab.page.keyboard.press("Enter")
        tab.until(
            f"{READ} === '3'" if " " in attempt else f"{PROBLEM} && document.activeElement.id === 'key'"
        )
    assert tab.evaluate("document.querySelector('#access').hidden")
    assert tab.evaluate(
        "[localStorage.length, sessionStorage.length, document.cookie, document.querySelector('#key').value]"
    ) == [0, 0, "", ""]
    tab.drop("#stage", golden.folder / "golden" / "1b.png")
    wait_for_reading(tab, "1")
    tab.complaints = [complaint for complaint in tab.complaints if "status of 401" not in complaint]


def test_a_module_that_computes_something_else_reads_nothing(
    tab: Tab, address: str, golden: Repository
) -> None:
    offered = tab.evaluate("fetch('/web/models.json').then((reply) => reply.json())")
    offered["browser"]["golden"][0]["probabilities"].reverse()
    tab.page.route("**/web/models.json", lambda route: route.fulfill(json=offered))
    tab.open(f"{address}?again")
    switch(tab, "browser")
    assert "does not compute in this browser what was released" in tab.until(PROBLEM)
    tab.drop("#stage", golden.folder / "golden" / "3a.png")
    tab.until(f"{IDLE} && document.querySelector('#nothing').textContent.includes('not read')")
    switch(tab, "server")
    wait_for_reading(tab, "3")


def test_without_a_module_the_switch_says_why(tab: Tab, address: str) -> None:
    offered = tab.evaluate("fetch('/web/models.json').then((reply) => reply.json())")
    offered |= {"browser": None, "no_browser": "this release has no model in WebAssembly"}
    tab.page.route("**/web/models.json", lambda route: route.fulfill(json=offered))
    tab.open(f"{address}?again")
    assert tab.evaluate("document.querySelector('[value=browser]').disabled")
    assert tab.texts("#runtime-note") == ["Not in the browser: this release has no model in WebAssembly."]
    tab.stroke("#paper", SEVEN)
    wait_for_reading(tab, "7")
