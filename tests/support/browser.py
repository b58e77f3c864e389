"""Debian's Chromium, driven by Playwright: tabs that record their requests and errors.

    with chromium() as browser:
        tab = Tab.new(browser, 1280, 900)
        tab.open("http://127.0.0.1:8000/")
        tab.until("document.title === 'checkreader'")

While a browser is open, an event loop runs in this thread: no other can.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, CDPSession, ConsoleMessage, Page, sync_playwright

CHROMIUM: Final = shutil.which("chromium")
TIMEOUT: Final = 60_000  # ms
FLAGS: Final = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_NOT_YET: Final = "if (error instanceof TypeError) return false; throw error"


def require_chromium() -> None:
    """Skips a test where Chromium is not installed."""
    if CHROMIUM is None:
        pytest.skip("`make edge-tools` installs chromium")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Launches a headless browser with an empty profile and closes it when the block ends."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Tab:
    """One tab in a context of its own.

    Attributes:
        page: Playwright's page, for everything that this class has no method for.
        devtools: the DevTools protocol, for what Playwright does not do: touch strokes, dropped files.
        requests: the addresses that it asked for.
        complaints: its errors and warnings.
    """

    page: Page
    devtools: CDPSession
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    @classmethod
    def new(
        cls,
        browser: Browser,
        width: int,
        height: int,
        *,
        dark: bool = False,
        mobile: bool = False,
        scale: float = 1,
    ) -> Tab:
        """Opens a tab.

        Args:
            browser: where.
            width, height: the window's size in CSS pixels.
            dark: whether the user prefers dark colors.
            mobile: whether it is a phone's, with touch in place of a mouse.
            scale: device pixels of a CSS pixel.
        """
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            is_mobile=mobile,
            has_touch=mobile,
            device_scale_factor=scale,
        )
        context.set_default_timeout(TIMEOUT)
        page = context.new_page()
        tab = cls(page, context.new_cdp_session(page))
        page.on("request", lambda request: tab.requests.append(request.url))
        page.on("console", tab._note)
        page.on("pageerror", lambda error: tab.complaints.append(str(error)))
        return tab

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning", "assert"):
            self.complaints.append(f"{message.text} {message.location['url']}")

    def close(self) -> None:
        """Closes the tab and its context."""
        self.page.context.close()

    def open(self, address: str) -> None:
        """Loads a page and waits for its scripts to be ready."""
        self.page.goto(address)
        self.until("'ready' in document.documentElement.dataset")

    def evaluate(self, expression: str) -> Any:
        """Returns the value of a JavaScript expression, or of the promise that it gives."""
        return self.page.evaluate(expression)

    def until(self, condition: str) -> Any:
        """Waits until a JavaScript expression is true, and returns its value.

        An expression about an element that is not there yet, as in a page that still loads, is not true yet.
        """
        guarded = f"() => {{ try {{ return {condition} }} catch (error) {{ {_NOT_YET} }} }}"
        return self.page.wait_for_function(guarded).json_value()

    def texts(self, selector: str) -> list[str]:
        """Returns the text of each element."""
        return self.page.locator(selector).all_text_contents()

    def stroke(self, selector: str, points: Sequence[tuple[float, float]], touch: bool = False) -> None:
        """Draws a line on an element through points given as shares of its size."""
        element = self.page.locator(selector)
        element.scroll_into_view_if_needed()
        box = element.bounding_box()
        assert box is not None, selector
        places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
        if touch:
            for kind, (x, y) in zip(["Start", *["Move"] * (len(places) - 1)], places, strict=True):
                self._touch(kind, [{"x": x, "y": y}])
            self._touch("End", [])
            return
        self.page.mouse.move(*places[0])
        self.page.mouse.down()
        for place in places[1:]:
            self.page.mouse.move(*place)
        self.page.mouse.up()

    def _touch(self, kind: str, points: list[dict[str, float]]) -> None:
        self.devtools.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})

    def drop(self, selector: str, file: Path) -> None:
        """Drags a file from the desktop onto the middle of an element and drops it there."""
        x, y = self.evaluate(
            f"(() => {{ const element = document.querySelector({json.dumps(selector)}); "
            "element.scrollIntoView({ block: 'center' }); const box = element.getBoundingClientRect(); "
            "return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        files = {"items": [], "files": [str(file)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.devtools.send("Input.dispatchDragEvent", {"type": kind, "x": x, "y": y, "data": files})
