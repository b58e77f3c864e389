"""Several pictures on the page are read one after the other, each with a result or an error of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from serving.repository.store import Repository
from tests.support.browser import Tab
from tests.support.page_actions import IDLE, PROBLEM, SEVEN, switch, wait_for_reading

READY = "document.querySelectorAll('#queue button').length && !document.querySelector('#queue button:disabled')"


@pytest.fixture
def files(golden: Repository, tmp_path: Path) -> list[Path]:
    """Pictures of a 2 and a 5, between them a letter, and a PDF at the end."""
    (tmp_path / "letter.png").write_bytes(b"Dear Sir or Madam")
    (tmp_path / "scan.pdf").write_bytes(b"%PDF-1.7\n")
    folder = golden.folder / "golden"
    return [folder / "2a.png", tmp_path / "letter.png", folder / "5a.png", tmp_path / "scan.pdf"]


def test_none_is_lost_by_an_error_of_another(tab: Tab, files: list[Path]) -> None:
    tab.page.set_input_files("#file", files)
    tab.until(READY)
    wait_for_reading(tab, "2")
    assert tab.texts("#queue b") == ["2", "–", "5", "–"]
    assert tab.texts("#queue .name") == [file.name for file in files]
    assert tab.texts("#queue-state") == ["4 of 4 pictures read, 2 accepted, 2 not readable"]
    tab.page.click("#queue button:nth-child(2)")
    assert tab.until(PROBLEM) == "That file is no picture: choose PNG, JPEG, TIFF, BMP or WebP."
    tab.page.click("#queue button:nth-child(4)")
    tab.until(f"{PROBLEM}.startsWith('That is a PDF')")
    tab.page.click("#queue button:nth-child(3)")
    wait_for_reading(tab, "5")
    assert tab.evaluate(PROBLEM) == ""
    tab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.page.click("#copy-all")
    tab.until("document.querySelector('#copied').textContent")
    copied = json.loads(tab.evaluate("navigator.clipboard.readText()"))
    assert [entry["file"] for entry in copied] == [file.name for file in files]
    assert [entry["answer"]["digits"][0]["digit"] for entry in copied if "answer" in entry] == [2, 5]
    assert [list(entry) for entry in copied if "answer" not in entry] == [["file", "error"]] * 2
    tab.complaints = [text for text in tab.complaints if "status of 400" not in text]


def test_another_kind_reads_all_of_them_anew(tab: Tab, files: list[Path]) -> None:
    tab.page.set_input_files("#file", [files[0], files[2]])
    tab.until(READY)
    sent = [url for url in tab.requests if "/fields" in url]
    switch(tab, "number")
    tab.until(f"{READY} && {IDLE} && document.querySelector('#facts dt').textContent === 'Digits alone'")
    assert len([url for url in tab.requests if "/fields?" in url and "kind=number" in url]) == 2 + len(sent)


def test_a_drawing_or_another_picture_takes_their_place(tab: Tab, files: list[Path]) -> None:
    for take in (lambda: tab.stroke("#paper", SEVEN), lambda: tab.page.set_input_files("#file", files[0])):
        tab.page.set_input_files("#file", [files[0], files[2]])
        tab.until(READY)
        tab.page.click("#clear")
        assert not tab.page.locator("#queue-part").is_visible()
        take()
        tab.until(f"{IDLE} && !document.querySelector('#reading').hidden")
        assert tab.texts("#queue button") == []
