"""JavaScript expressions over the page's state, and strokes that tests of the page draw on it."""

from __future__ import annotations

import json
import math
from typing import Any, Final

from tests.support.browser import Tab

READ: Final = "document.querySelector('#read').textContent"
PROBLEM: Final = "document.querySelector('#problem').textContent"
IDLE: Final = "!document.querySelector('#result').hasAttribute('aria-busy')"
LAYERS: Final = "document.querySelectorAll('.layer').length"
SEVEN: Final = [(0.3, 0.25), (0.5, 0.25), (0.7, 0.25), (0.6, 0.45), (0.5, 0.65), (0.42, 0.85)]


def wait_for_reading(tab: Tab, text: str) -> None:
    """Waits until the page shows a reading and is idle."""
    tab.until(f"{READ} === {json.dumps(text)} && {IDLE}")


def switch(tab: Tab, choice: str) -> None:
    """Switches to digits or amounts, to the server or the browser, by the visible label of the choice."""
    tab.page.locator(f"label:has([value={choice}])").click()


def ring(x: float, y: float, across: float, down: float) -> list[tuple[float, float]]:
    """Returns points of an ellipse, from the top."""
    turns = [2 * math.pi * step / 24 for step in range(26)]
    return [(x + across * math.sin(turn), y - down * math.cos(turn)) for turn in turns]


def serve_only(tab: Tab, address: str, **models: Any) -> None:
    """Opens the page again as if the service offered other models."""
    offered = tab.evaluate("fetch('/web/models.json').then((reply) => reply.json())")
    tab.page.route("**/web/models.json", lambda route: route.fulfill(json=offered | models))
    tab.open(f"{address}?again")
