"""Formats tables for the terminal."""

from __future__ import annotations

from collections.abc import Sequence


def format_table(head: Sequence[str], rows: Sequence[Sequence[str]], right: bool = True) -> str:
    """Formats rows as columns, each as wide as its widest cell.

    Args:
        head: the columns' titles.
        rows: the cells of each row, as many as there are titles.
        right: True to align all columns but the first to the right, as numbers are.
    """
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if index and right else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in (head, *rows)
    )
