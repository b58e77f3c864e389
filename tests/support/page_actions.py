"""What tests of the page do again and again, and where they look."""

from __future__ import annotations

import json
import math

from tests.support.chromium import Browser

READ = "document.querySelector('#read').textContent"
PROBLEM = "document.querySelector('#problem').textContent"
IDLE = "!document.querySelector('#result').hasAttribute('aria-busy')"
LAYERS = "document.querySelectorAll('.layer').length"
SEVEN = [(0.3, 0.25), (0.5, 0.25), (0.7, 0.25), (0.6, 0.45), (0.5, 0.65), (0.42, 0.85)]


def texts(page: Browser, selector: str) -> list[str]:
    found: list[str] = page.get(
        f"[...document.querySelectorAll({json.dumps(selector)})].map((one) => one.textContent)"
    )
    return found


def read(page: Browser, digit: str) -> None:
    page.until(f"{READ} === {json.dumps(digit)} && {IDLE}")


def ring(x: float, y: float, across: float, down: float) -> list[tuple[float, float]]:
    """Points of an ellipse, from the top."""
    turns = [2 * math.pi * step / 24 for step in range(26)]
    return [(x + across * math.sin(turn), y - down * math.cos(turn)) for turn in turns]
