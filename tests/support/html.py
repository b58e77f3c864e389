"""What a browser would say of a page, as far as the standard library can tell."""

from __future__ import annotations

import base64
from html.parser import HTMLParser

_VOID = {"meta", "img", "link", "br", "hr", "input"}
_FETCHED = {"src", "href", "action", "data", "poster", "srcset", "xlink:href"}


class Checked(HTMLParser):
    """Parses and remembers; mistakes raise AssertionError."""

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
        found = cls()
        found.feed(text)
        found.close()
        assert not found.open, f"never closed: {found.open}"
        assert len(set(found.ids)) == len(found.ids), "an id twice"
        for link in found.links:
            assert link in found.ids, f"#{link} leads nowhere"
        assert "@import" not in text
        assert "url(http" not in text
        return found

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
            assert dict(attrs).get("alt"), "an image without words"
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
