"""What goes wrong on the page is one line, and the page goes on.

`make edge-tools` installs what this needs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from PIL import Image

from serving.repository.store import Repository
from tests.support.chromium import Browser
from tests.support.page_actions import IDLE, PROBLEM, READ, SEVEN, read, texts


@pytest.fixture
def pdf(tmp_path: Path) -> Path:
    file = tmp_path / "check.pdf"
    file.write_bytes(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    return file


def test_a_pdf_is_one_line_and_the_page_goes_on(page: Browser, golden: Repository, pdf: Path) -> None:
    page.drop("#stage", pdf)
    line = page.until(PROBLEM)
    assert line.startswith("That is a PDF, which is not read")
    assert "\n" not in line
    assert page.get("document.querySelector('#problem').getAttribute('role')") == "alert"
    page.drop("#stage", golden.folder / "golden" / "2a.png")
    read(page, "2")
    assert page.get(PROBLEM) == ""
    page.drop("body", pdf)  # beside the paper, too
    assert page.until(PROBLEM) == line
    assert page.get(READ) == "2"


@pytest.mark.parametrize("where", ["server", "browser"])
def test_what_is_no_picture(page: Browser, tmp_path: Path, where: str) -> None:
    page.click(f"[value={where}]")
    (tmp_path / "letter.png").write_bytes(b"Dear Sir or Madam")
    page.drop("#stage", tmp_path / "letter.png")
    line = page.until(PROBLEM)
    assert ("not a picture: expected PNG" in line) if where == "server" else ("cannot open that file" in line)
    page.complaints = [one for one in page.complaints if "status of 400" not in one]
    (tmp_path / "large.png").write_bytes(bytes(16 * 2**20 + 1))
    page.drop("#stage", tmp_path / "large.png")
    assert "at most 16" in page.until(f"{PROBLEM}.includes('MB') && {PROBLEM}")
    page.stroke("#paper", SEVEN)
    read(page, "7")


def test_a_tiff_that_the_browser_cannot_show(page: Browser, golden: Repository, tmp_path: Path) -> None:
    Image.open(golden.folder / "golden" / "5a.png").save(tmp_path / "five.tiff")
    page.drop("#stage", tmp_path / "five.tiff")
    read(page, "5")
    assert "cannot show" in texts(page, "#invitation")[0]
    page.click("[value=browser]")
    assert "cannot open" in page.until(PROBLEM)


def test_the_server_is_gone(page: Browser, golden: Repository) -> None:
    page.click("[value=browser]")
    page.drop("#stage", golden.folder / "golden" / "6a.png")
    read(page, "6")
    page.offline()
    page.click("[value=server]")
    assert page.until(PROBLEM) == "The server does not answer: is it still running?"
    page.click("[value=browser]")
    page.drop("#stage", golden.folder / "golden" / "8b.png")
    read(page, "8")
    page.offline(False)
    page.click("[value=server]")
    page.until(f"document.querySelectorAll('#times tr').length === 2 && {READ} === '8'")
    page.complaints = [one for one in page.complaints if "ERR_INTERNET_DISCONNECTED" not in one]


def test_a_key_is_asked_for_and_kept_in_memory(page: Browser, golden: Repository) -> None:
    def locked(request: Any) -> tuple[int, bytes] | None:
        given = {name.lower(): value for name, value in request["headers"].items()}
        return (
            None
            if given.get("authorization") == "Bearer open sesame"
            else (401, b'{"error": "an API key is needed"}')
        )

    page.intercept("/digits*", locked)
    page.drop("#stage", golden.folder / "golden" / "3a.png")
    page.until("!document.querySelector('#access').hidden")
    assert page.get(PROBLEM) == "an API key is needed"
    assert page.get("document.activeElement.id") == "key"
    assert page.get("document.querySelector('#key').type") == "password"
    for attempt in ("wrong", "open sesame"):
        page.call("Input.insertText", text=attempt)
        page.press("Enter", 13, "\r")
        page.until(
            f"{READ} === '3'" if " " in attempt else f"{PROBLEM} && document.activeElement.id === 'key'"
        )
    assert page.get("document.querySelector('#access').hidden")
    assert page.get(
        "[localStorage.length, sessionStorage.length, document.cookie, document.querySelector('#key').value]"
    ) == [0, 0, "", ""]
    page.drop("#stage", golden.folder / "golden" / "1b.png")
    read(page, "1")
    page.complaints = [one for one in page.complaints if "status of 401" not in one]


def test_a_module_that_computes_something_else_reads_nothing(
    page: Browser, address: str, golden: Repository
) -> None:
    offered = page.get("fetch('/web/models.json').then((reply) => reply.json())")
    offered["browser"]["golden"][0]["probabilities"].reverse()
    page.intercept("/web/models.json", lambda request: (200, msgspec.json.encode(offered)))
    page.open(f"{address}?again")
    page.click("[value=browser]")
    assert "does not compute in this browser what was released" in page.until(PROBLEM)
    page.drop("#stage", golden.folder / "golden" / "3a.png")
    page.until(f"{IDLE} && document.querySelector('#nothing').textContent.includes('not read')")
    page.click("[value=server]")
    read(page, "3")


def test_without_a_module_the_switch_says_why(page: Browser, address: str) -> None:
    offered = page.get("fetch('/web/models.json').then((reply) => reply.json())")
    offered |= {"browser": None, "no_browser": "this release has no model in WebAssembly"}
    page.intercept("/web/models.json", lambda request: (200, msgspec.json.encode(offered)))
    page.open(f"{address}?again")
    assert page.get("document.querySelector('[value=browser]').disabled")
    assert texts(page, "#where-note") == ["Not in the browser: this release has no model in WebAssembly."]
    page.stroke("#paper", SEVEN)
    read(page, "7")
