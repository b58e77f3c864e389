"""The report's page on a phone, in headless Chromium."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.report import html as page
from tests.support.browser import Tab, chromium, require_chromium


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_wide_table_shows_that_it_scrolls(tmp_path: Path, dark: bool) -> None:
    """Its side is shaded where more of it lies, and only there."""
    require_chromium()
    tables = [
        page.Table([f"column {number}" for number in range(columns)], [["1"] * columns] * 9, "A table.")
        for columns in (12, 2)
    ]
    chapter = page.Chapter("one", "One", tables, {})
    (tmp_path / "index.html").write_text(page.render(page.Page("A run", [], [], [], [chapter], "nothing")))
    with chromium() as browser:
        tab = Tab.new(browser, 390, 844, dark=dark, mobile=True)
        tab.page.goto((tmp_path / "index.html").as_uri())
        assert tab.evaluate("document.documentElement.scrollWidth") <= 390
        wide, narrow = tab.page.locator(".scroll").all()

        def shaded() -> tuple[bool, bool]:
            """Whether the left and the right side of the wide table are shaded, below its head."""
            rows = np.asarray(Image.open(io.BytesIO(wide.screenshot())).convert("L")).astype(int)
            first, middle, last = (np.median(rows[80:, column]) for column in (1, rows.shape[1] // 2, -2))
            return bool(abs(first - middle) > 15), bool(abs(last - middle) > 15)

        assert shaded() == (False, True)
        wide.evaluate("element => element.scrollLeft = 40")
        assert shaded() == (True, True)
        wide.evaluate("element => element.scrollLeft = element.scrollWidth")
        assert shaded() == (True, False)
        assert wide.evaluate("element => element.tabIndex") == 0  # by keyboard, too
        wide = narrow
        assert shaded() == (False, False)
        tab.close()
