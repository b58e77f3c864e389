"""Renders a review as a page that works from a file, without a network."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from string import Template
from typing import Final

import msgspec

from serving.bulk.review import Review

_FOLDER: Final = Path(__file__).parent / "static"


def render(review: Review) -> str:
    """Returns the page: HTML with its style, script and data in it; pictures are files beside it.

    Its content security policy lets it load these pictures and nothing else, and run its own script alone.
    """
    style, script = (_text(f"review.{kind}") for kind in ("css", "js"))
    return Template(_text("review.html")).substitute(
        style=style,
        style_hash=_digest(style),
        script=script,
        script_hash=_digest(script),
        review=_embedded(review),
    )


def _text(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """Returns the source that a content security policy names an element by."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _embedded(review: Review) -> str:
    """Returns JSON that ends no element and begins none: without a `<` or a `&`."""
    text = msgspec.json.encode(review).decode()
    return text.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")
