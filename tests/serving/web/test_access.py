"""The page by keyboard, by screen reader, at every width, in light and dark.

With $CHECKREADER_SHOTS, a folder, it leaves screenshots there to be looked at.
"""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest

from serving.repository.store import Repository
from tests.support.chromium import Browser
from tests.support.page_actions import LAYERS, READ

# What must have a name for who cannot see it.
NAMED = {"button", "link", "radio", "combobox", "textbox", "image", "group", "region", "table"}


def test_by_keyboard_alone(page: Browser) -> None:
    def tab() -> str:
        page.press("Tab", 9)
        found: str = page.get(
            "(() => { const e = document.activeElement; return e === document.body ? 'nothing' : e.id || e.name || e.className || e.querySelector('img')?.alt "
            "|| e.getAttribute('href') || e.tagName; })()"
        )
        return found

    page.get("document.body.focus()")
    passed = [tab() for _ in range(7)]
    assert passed == ["skip", "/docs", "what", "file", "clear", "Sample: 2", "Sample: 6"]
    page.press("Enter", 13, "\r")
    page.until(f"{READ} === '6'")
    passed = [tab() for _ in range(5)]
    assert passed == ["Sample: 0", "Sample: 4", "Sample: 8", "where", "bound"]
    assert (
        page.get("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    )  # where one is can be seen
    page.get("document.querySelector('[name=where]:checked').focus()")
    page.press("ArrowRight", 39)
    page.until("document.querySelectorAll('#times tr').length === 2")
    page.until("!document.querySelector('#ask-layers').hidden")
    assert [tab(), tab()] == ["ask-layers", "nothing"]  # the bound is fixed in the browser: no stop
    page.get("document.querySelector('[name=what]:checked').focus()")
    page.press("ArrowRight", 39)
    page.until("document.querySelector('.desk').dataset.what === 'amount'")
    while not tab().startswith("Sample"):
        pass
    page.press("Enter", 13, "\r")
    page.until("document.querySelectorAll('#symbols button').length")


def test_everything_has_a_name(page: Browser, golden: Repository) -> None:
    page.click("[value=amount]")
    page.drop("#stage", golden.folder / "golden" / "field-b.png")
    page.until(f"{LAYERS} === 8")
    nodes = page.call("Accessibility.getFullAXTree")["nodes"]
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
    headings = page.get("[...document.querySelectorAll('h1, h2, h3')].map((one) => Number(one.tagName[1]))")
    assert headings[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(headings))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 390, 768, 1280])
def test_every_width(page: Browser, golden: Repository, width: int, dark: bool) -> None:
    page.look(width, 800, dark=dark, mobile=width < 500)
    for what, file in (("digit", "5b.png"), ("amount", "field-g.png")):
        page.click(f"[value={what}]")
        page.drop("#stage", golden.folder / "golden" / file)
        page.until(f"{LAYERS} === 8")
        assert page.get("document.documentElement.scrollWidth") <= width
        small = page.get(
            "[...document.querySelectorAll('button, select, .switch label, .button, nav a')]"
            ".map((one) => [one.getBoundingClientRect(), one.textContent])"
            ".filter(([{ width, height }]) => width && (width < 44 || height < 43.9)).map(([, text]) => text)"
        )
        assert small == []
    assert page.get("getComputedStyle(document.body).backgroundColor") == (
        "rgb(18, 20, 23)" if dark else "rgb(250, 249, 246)"
    )
    if "CHECKREADER_SHOTS" in os.environ:  # to be looked at
        name = f"{width}-{'dark' if dark else 'light'}.png"
        (Path(os.environ["CHECKREADER_SHOTS"]) / name).write_bytes(page.picture(whole=True))


def test_the_colors_can_be_told_apart(page: Browser, golden: Repository) -> None:
    luminance = """((text) => { const [r, g, b] = text.match(/[0-9.]+/g).map((v) => v / 255)
        .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; })"""
    for dark in (False, True):
        page.look(1280, 900, dark=dark)
        page.drop("#stage", golden.folder / "golden" / "5b.png")
        page.until(f"{LAYERS} === 8")
        ratios = page.get(
            f"""['.lede', '.note', '#why', 'dt', '.layer p', 'nav a', '.switch :checked + span', '#verdict', 'footer p'].map((selector) => {{
            const one = document.querySelector(selector);
            let behind = one;
            while (getComputedStyle(behind).backgroundColor === 'rgba(0, 0, 0, 0)') behind = behind.parentElement;
            const [a, b] = [getComputedStyle(one).color, getComputedStyle(behind).backgroundColor].map({luminance}).sort((a, b) => b - a);
            return (a + 0.05) / (b + 0.05); }})"""
        )
        assert min(ratios) >= 4.5, ratios
