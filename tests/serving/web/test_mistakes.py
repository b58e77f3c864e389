"""What goes wrong on the page is one line, and the page goes on.

`make edge-tools` installs what this needs.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Route

from serving.repository.store import Repository
from tests.serving.web.conftest import OpenTab
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


def drop_a_pdf(tab: Tab, folder: Path) -> None:
    (folder / "check.pdf").write_bytes(b"%PDF-1.7\n")
    tab.drop("#stage", folder / "check.pdf")


def choose_a_letter(tab: Tab, folder: Path) -> None:
    (folder / "letter.png").write_bytes(b"Dear Sir or Madam")
    tab.page.set_input_files("#file", folder / "letter.png")


def choose_half_a_picture(tab: Tab, folder: Path) -> None:
    """The browser shows nothing of it, the server refuses it."""
    Image.new("L", (90, 90), 255).save(folder / "whole.tiff")
    (folder / "half.tiff").write_bytes((folder / "whole.tiff").read_bytes()[:500])
    tab.page.set_input_files("#file", folder / "half.tiff")


def paste_text(tab: Tab, folder: Path) -> None:
    tab.evaluate("document.dispatchEvent(new ClipboardEvent('paste', { clipboardData: new DataTransfer() }))")


def take_a_lost_sample(tab: Tab, folder: Path) -> None:
    tab.page.route("**/golden/*", lambda route: route.fulfill(status=404, json={"error": "there is no file"}))
    tab.page.click("#samples button")


def draw_while_it_is_busy(tab: Tab, folder: Path) -> None:
    refuse(tab, "**/digits*", 503, "busy: try again")
    tab.page.click("#clear")
    tab.stroke("#paper", SEVEN)


def switch_while_it_is_gone(tab: Tab, folder: Path) -> None:
    switch(tab, "browser")
    tab.until("document.querySelectorAll('#times tr').length === 2")
    tab.page.route("**/digits*", lambda route: route.abort())
    switch(tab, "server")


def refuse(tab: Tab, paths: str, status: int, error: str) -> None:
    tab.page.route(paths, lambda route: route.fulfill(status=status, json={"error": error}))


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 700)], ids=["desktop", "phone"])
@pytest.mark.parametrize(
    ("mistake", "place"),
    [
        (drop_a_pdf, "actions"),
        (choose_a_letter, "actions"),
        (choose_half_a_picture, "actions"),
        (paste_text, "actions"),
        (take_a_lost_sample, "samples"),
        (draw_while_it_is_busy, "actions"),
        (switch_while_it_is_gone, "controls"),
    ],
)
def test_an_error_takes_the_place_of_the_reading(
    open_tab: OpenTab,
    golden: Repository,
    tmp_path: Path,
    mistake: Callable[[Tab, Path], None],
    place: str,
    width: int,
    height: int,
) -> None:
    tab = open_tab(width, height, mobile=width < 500)
    tab.drop("#stage", golden.folder / "golden" / "2a.png")
    wait_for_reading(tab, "2")
    tab.until("document.querySelector('#verdict').textContent === 'Accepted'")
    mistake(tab, tmp_path)
    tab.until(PROBLEM)
    assert tab.evaluate("document.querySelector('#reading').hidden")
    assert tab.evaluate("document.querySelector('#seen').hidden")
    text = tab.evaluate("document.body.textContent")
    assert "Accepted" not in text
    assert "look" not in text
    assert tab.evaluate("document.querySelector('#problem').previousElementSibling.id") == place
    top, bottom, window = tab.evaluate(
        "(({ top, bottom }) => [top, bottom, innerHeight])(document.querySelector('#problem').getBoundingClientRect())"
    )
    assert 0 <= top < bottom <= window
    tab.page.unroute_all()
    tab.drop("#stage", golden.folder / "golden" / "3a.png")
    tab.until(f"{IDLE} && !{PROBLEM} && !document.querySelector('#reading').hidden")
    tab.complaints = [text for text in tab.complaints if "Failed to load resource" not in text]


def test_a_drawing_outlives_a_mistake(tab: Tab, pdf: Path) -> None:
    tab.stroke("#paper", SEVEN)
    wait_for_reading(tab, "7")
    tab.drop("#stage", pdf)
    tab.until(PROBLEM)
    assert tab.evaluate(READ) == ""
    tab.stroke("#paper", [(0.45, 0.55), (0.7, 0.55)])
    wait_for_reading(tab, "7")


def test_what_is_read_anew_is_not_accepted(tab: Tab, golden: Repository) -> None:
    """While the service thinks, the verdict on the picture before is not seen."""
    tab.drop("#stage", golden.folder / "golden" / "2a.png")
    wait_for_reading(tab, "2")
    held: list[Route] = []
    tab.page.route("**/digits*", lambda route: held.append(route))
    tab.drop("#stage", golden.folder / "golden" / "4a.png")
    verdict = "getComputedStyle(document.querySelector('#verdict')).visibility"
    tab.until(f"{verdict} === 'hidden'")
    held[0].continue_()
    wait_for_reading(tab, "4")
    assert tab.evaluate(verdict) == "visible"


def test_layers_that_fail_leave_the_reading(tab: Tab, golden: Repository) -> None:
    tab.page.route("**/infer", lambda route: route.abort())
    tab.drop("#stage", golden.folder / "golden" / "2a.png")
    wait_for_reading(tab, "2")
    assert tab.until(PROBLEM) == "The server does not answer: is it still running?"
    assert tab.evaluate("document.querySelector('#seen').contains(document.querySelector('#problem'))")
    assert tab.evaluate("document.querySelector('#verdict').textContent") == "Accepted"
    switch(tab, "browser")
    tab.page.click("#ask-layers")
    tab.until("document.querySelector('#problem').previousElementSibling.id === 'ask-layers'")
    tab.complaints = [text for text in tab.complaints if "ERR_FAILED" not in text]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            "not a picture: expected PNG, JPEG, got 17 bytes starting b'Dear Sir'",
            "That file is no picture: choose PNG, JPEG, TIFF, BMP or WebP.",
        ),
        (
            'not a picture: expected PNG, got 9 bytes starting b"it\'s\\n"',
            "That file is no picture: choose PNG, JPEG, TIFF, BMP or WebP.",
        ),
        ("not a picture: expected PNG, got AVIF: save it as PNG", "That is not read: AVIF: save it as PNG."),
        ("damaged PNG picture: broken PNG file (chunk b'\\x00')", "Damaged PNG picture: broken PNG file."),
        ("the service is stopping", "The service is stopping."),
        ("wait!", "Wait!"),
    ],
)
def test_words_for_people(tab: Tab, line: str, words: str) -> None:
    module = "import('/web/service.js')"
    assert tab.evaluate(f"{module}.then(({{ inWords }}) => inWords({json.dumps(line)}))") == words


@pytest.mark.parametrize("where", ["server", "browser"])
def test_what_is_no_picture(tab: Tab, tmp_path: Path, where: str) -> None:
    switch(tab, where)
    (tmp_path / "letter.png").write_bytes(b"Dear Sir or Madam")
    tab.drop("#stage", tmp_path / "letter.png")
    line = tab.until(PROBLEM)
    assert ("That file is no picture" in line) if where == "server" else ("cannot open that file" in line)
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
    assert tab.evaluate(PROBLEM) == "An API key is needed."
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
