"""The page by keyboard, by screen reader, at every width, in light and dark.

With $CHECKREADER_SHOTS, a folder, it leaves screenshots there for review.
"""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest

from serving.repository.store import Repository
from tests.serving.web.conftest import OpenTab
from tests.support.browser import Tab
from tests.support.page_actions import LAYERS, READ, switch

# Roles whose elements must have a name for screen readers.
NAMED = {"button", "link", "radio", "combobox", "textbox", "image", "group", "region", "table"}


def test_by_keyboard_alone(tab: Tab) -> None:
    def next_stop() -> str:
        tab.page.keyboard.press("Tab")
        name: str = tab.evaluate(
            "(() => { const e = document.activeElement; return e === document.body ? 'nothing' : e.id || e.name || e.className || e.querySelector('img')?.alt "
            "|| e.getAttribute('href') || e.tagName; })()"
        )
        return name

    tab.evaluate("document.body.focus()")
    passed = [next_stop() for _ in range(7)]
    assert passed == ["skip", "docs", "kind", "file", "clear", "Sample: 2", "Sample: 6"]
    tab.page.keyboard.press("Enter")
    tab.until(f"{READ} === '6'")
    passed = [next_stop() for _ in range(5)]
    assert passed == ["Sample: 0", "Sample: 4", "Sample: 8", "runtime", "bound"]
    assert (
        tab.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    )  # where one is can be seen
    tab.evaluate("document.querySelector('[name=runtime]:checked').focus()")
    tab.page.keyboard.press("ArrowRight")
    tab.until("document.querySelectorAll('#times tr').length === 2")
    tab.until("!document.querySelector('#ask-layers').hidden")
    assert [next_stop(), next_stop(), next_stop()] == ["bound", "ask-layers", "nothing"]
    tab.evaluate("document.querySelector('[name=kind]:checked').focus()")
    tab.page.keyboard.press("ArrowRight")
    tab.until("document.querySelector('.desk').dataset.kind === 'amount'")
    while not next_stop().startswith("Sample"):
        pass
    tab.page.keyboard.press("Enter")
    tab.until("document.querySelectorAll('#symbols button').length")


def test_everything_has_a_name(tab: Tab, golden: Repository) -> None:
    switch(tab, "amount")
    tab.drop("#stage", golden.folder / "golden" / "field-b.png")
    tab.until(f"{LAYERS} === 8")
    nodes = tab.devtools.send("Accessibility.getFullAXTree")["nodes"]
    named = [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in nodes
        if not node["ignored"] and node["role"]["value"] in NAMED
    ]
    assert {role for role, _ in named} >= {
        "button",
        "link",
        "radio",
        "combobox",
        "image",
        "group",
        "region",
        "table",
    }
    assert [role for role, name in named if not name.strip()] == []
    headings = tab.evaluate(
        "[...document.querySelectorAll('h1, h2, h3')].map((one) => Number(one.tagName[1]))"
    )
    assert headings[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(headings))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 390, 768, 1280])
def test_every_width(open_tab: OpenTab, golden: Repository, width: int, dark: bool) -> None:
    tab = open_tab(width, 800, dark=dark, mobile=width < 500)
    for kind, file in (("digit", "5b.png"), ("amount", "field-g.png")):
        switch(tab, kind)
        tab.drop("#stage", golden.folder / "golden" / file)
        tab.until(f"{LAYERS} === 8")
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        small = tab.evaluate(
            "[...document.querySelectorAll('button, select, .switch label, .button, nav a')]"
            ".map((one) => [one.getBoundingClientRect(), one.textContent])"
            ".filter(([{ width, height }]) => width && (width < 44 || height < 43.9)).map(([, text]) => text)"
        )
        assert small == []
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == (
        "rgb(18, 20, 23)" if dark else "rgb(250, 249, 246)"
    )
    if "CHECKREADER_SHOTS" in os.environ:  # to be looked at
        name = f"{width}-{'dark' if dark else 'light'}.png"
        tab.page.screenshot(path=Path(os.environ["CHECKREADER_SHOTS"]) / name, full_page=True)


def test_the_colors_can_be_told_apart(open_tab: OpenTab, golden: Repository) -> None:
    luminance = """((text) => { const [r, g, b] = text.match(/[0-9.]+/g).map((v) => v / 255)
        .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; })"""
    for dark in (False, True):
        tab = open_tab(1280, 900, dark=dark)
        tab.drop("#stage", golden.folder / "golden" / "5b.png")
        tab.until(f"{LAYERS} === 8")
        ratios = tab.evaluate(
            f"""['.lede', '.note', '#why', 'dt', '.layer p', 'nav a', '.switch :checked + span', '#verdict', 'footer p'].map((selector) => {{
            const one = document.querySelector(selector);
            let behind = one;
            while (getComputedStyle(behind).backgroundColor === 'rgba(0, 0, 0, 0)') behind = behind.parentElement;
            const [a, b] = [getComputedStyle(one).color, getComputedStyle(behind).backgroundColor].map({luminance}).sort((a, b) => b - a);
            return (a + 0.05) / (b + 0.05); }})"""
        )
        assert min(ratios) >= 4.5, ratios
