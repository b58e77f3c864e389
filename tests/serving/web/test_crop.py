"""A part of a picture is read: dragged over it, or typed."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from serving.repository.store import Repository
from tests.support.browser import Tab
from tests.support.page_actions import IDLE, LAYERS, PROBLEM, switch, wait_for_reading


@pytest.fixture
def sheet(golden: Repository, tmp_path: Path) -> Path:
    """A sheet of 200 × 100 pixels with a 3 on its left half and an 8 on its right."""
    page = Image.new("L", (200, 100), 255)
    for left, file in ((0, "3a.png"), (100, "8a.png")):
        with Image.open(golden.folder / "golden" / file) as digit:
            page.paste(digit.convert("L").resize((80, 80)), (left + 10, 10))
    page.save(tmp_path / "sheet.png")
    return tmp_path / "sheet.png"


@pytest.mark.parametrize("where", ["server", "browser"])
def test_a_part_is_dragged(tab: Tab, sheet: Path, where: str) -> None:
    switch(tab, where)
    tab.page.set_input_files("#file", sheet)
    tab.until(f"{IDLE} && !document.querySelector('#reading').hidden")
    tab.stroke("#view", [(0.51, 0.02), (0.7, 0.5), (0.99, 0.98)])
    wait_for_reading(tab, "8")
    x, y, width, height = (int(text) for text in tab.evaluate("document.querySelector('#crop').value").split(","))
    assert abs(x - 102) <= 2
    assert abs(width - 96) <= 3
    assert abs(height - 96) <= 3
    if where == "server":
        assert [url for url in tab.requests if f"crop={x}%2C{y}%2C{width}%2C{height}" in url and "/digits" in url]
        tab.until(f"{LAYERS} === 8")  # which are those of the part
        tab.until("document.querySelector('#bars .best th').textContent === '8'")
    tab.page.click("#whole")
    assert tab.evaluate("document.querySelector('#crop').value") == ""
    tab.until(IDLE)


def test_a_part_is_typed(tab: Tab, sheet: Path) -> None:
    tab.page.set_input_files("#file", sheet)
    tab.until(f"{IDLE} && !document.querySelector('#reading').hidden")
    for text, beginning in (("1, 2", "A part of the picture is four"), ("500, 0, 20, 20", "Crop")):
        tab.page.fill("#crop", text)
        tab.page.keyboard.press("Enter")
        tab.until(f"{PROBLEM}.startsWith({beginning!r})")
        assert tab.evaluate("document.querySelector('#problem').previousElementSibling.id") == "crop-part"
    tab.page.fill("#crop", "0 0 100 100")
    tab.page.keyboard.press("Enter")
    wait_for_reading(tab, "3")
    tab.complaints = [text for text in tab.complaints if "status of 400" not in text]
