"""Checks of HTML by the parser of the standard library."""

from __future__ import annotations

import base64
from html.parser import HTMLParser

_VOID = {"meta", "img", "link", "br", "hr", "input"}
_FETCHED = {"src", "href", "action", "data", "poster", "srcset", "xlink:href"}


class Checked(HTMLParser):
    """A parsed page: its links, addresses, titles and images; mistakes in it raise AssertionError."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.addresses: list[str] = []
        self.titles: list[str] = []
        self.images = 0

    @classmethod
    def of(cls, text: str) -> Checked:
        """Parses and checks a page."""
        page = cls()
        page.feed(text)
        page.close()
        assert not page.open, f"never closed: {page.open}"
        assert len(set(page.ids)) == len(page.ids), "an id twice"
        for link in page.links:
            assert link in page.ids, f"#{link} leads nowhere"
        assert "@import" not in text
        assert "url(http" not in text
        return page

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names), f"an attribute twice in <{tag}>"
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in _FETCHED and value:
                if value.startswith("#"):
                    self.links.append(value[1:])
                elif value.startswith("data:image/png;base64,"):
                    assert base64.b64decode(value.split(",", 1)[1])[:4] == b"\x89PNG"
                else:
                    self.addresses.append(value)
        if tag == "img":
            self.images += 1
            assert dict(attrs).get("alt"), "an image without a description"
        if tag in ("h1", "h2", "h3"):
            self.titles.append("")
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1] == tag, f"</{tag}> closes <{self.open[-1]}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("h1", "h2", "h3"):
            self.titles[-1] += data
