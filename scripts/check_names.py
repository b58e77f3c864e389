"""Counts variables whose name says nothing of what they hold, and fails above a bound.

    python scripts/check_names.py            # the shares, by package
    python scripts/check_names.py --list     # each such binding, as file:line name

A binding is a name that is assigned (also by `for`, `with`, `as`, `:=` and comprehensions), a parameter, or an
exception's name.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
EMPTY: Final = frozenset(
    [
        "found",
        "one",
        "what",
        "given",
        "known",
        "said",
        "made",
        "ran",
        "met",
        "shown",
        "chosen",
        "drawn",
        "own",
        "whole",
        "told",
        "asked",
        "taken",
        "seen",
        "wanted",
    ]
)
EMPTY_BOUND: Final = 0.003
VAGUE: Final = frozenset(["item", "value", "result", "data", "obj", "res", "tmp", "it", "this"])
# What each package had when this was first counted.
VAGUE_BOUNDS: Final = {
    "pipeline": 0.0118,
    "serving": 0.0141,
    "checkreader": 0.0141,
    "benchmarks": 0.0321,
    "scripts": 0.0,
}


def bindings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yields line and name of each binding."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.ExceptHandler) and node.name:
            yield node.lineno, node.name


def main(arguments: list[str]) -> int:
    """Prints the shares; returns 1 if one is above its bound."""
    status = 0
    for package, vague_bound in VAGUE_BOUNDS.items():
        files = {path: list(bindings(ast.parse(path.read_text()))) for path in (ROOT / package).rglob("*.py")}
        count = sum(map(len, files.values()))
        shares = []
        for names, bound in ((EMPTY, EMPTY_BOUND), (VAGUE, vague_bound)):
            hits = [
                (path, line, name) for path, rows in files.items() for line, name in rows if name in names
            ]
            shares.append(f"{len(hits) / max(count, 1):.2%} of at most {bound:.2%}")
            status |= len(hits) > bound * count
            if "--list" in arguments:
                print("\n".join(f"{path.relative_to(ROOT)}:{line} {name}" for path, line, name in hits))
        print(f"{package}: {count} bindings; empty names {shares[0]}, vague names {shares[1]}")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
