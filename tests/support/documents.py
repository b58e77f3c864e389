"""The fenced blocks of the documents."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from tests.support.paths import ROOT


@dataclass(frozen=True)
class Block:
    """A fenced block of a document.

    Attributes:
        where: document and line.
        language: the word after the opening fence.
        text: without the fences and their indent.
        skipped: `<!-- not run -->` stands before it.
        output: the block of language `text` or `json` that follows at once: what the block prints; else None.
    """

    where: str
    language: str
    text: str
    skipped: bool
    output: Block | None


def parse_blocks(document: str) -> list[Block]:
    """Returns the fenced blocks of a document."""
    lines = (ROOT / document).read_text().splitlines()
    blocks: list[tuple[int, int, str]] = []  # first and last line of the fences, language
    start: int | None = None
    for number, line in enumerate(lines):
        if line.lstrip().startswith("```"):
            if start is None:
                start = number
            else:
                blocks.append((start, number, lines[start].strip().removeprefix("```")))
                start = None
    assert start is None, f"{document}:{start}: a block without an end"
    parsed: list[Block] = []
    end_of_next, following = None, None
    for first, last, language in reversed(blocks):
        before = next((line.strip() for line in reversed(lines[:first]) if line.strip()), "")
        between = (
            lines[last + 1 : end_of_next] if following and following.language in ("text", "json") else ["-"]
        )
        block = Block(
            where=f"{document}:{first + 1}",
            language=language,
            text=textwrap.dedent("\n".join(lines[first + 1 : last])) + "\n",
            skipped=before == "<!-- not run -->",
            output=None if any(line.strip() for line in between) else following,
        )
        parsed.append(block)
        end_of_next, following = first, block
    return parsed[::-1]
