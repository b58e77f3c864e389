"""Finds tests that depend on private names of other modules, and modules without a test file; fails above a bound.

    python scripts/check_tests.py            # each occurrence, as file:line, and both counts

A test should see a module as its callers do. Private is a name with one leading underscore that the test file
does not define itself; it must be neither read nor patched nor imported. A module of more than 40 lines has a test
file of its name: `serving/http/routes.py` has `tests/serving/http/test_routes.py`.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
PACKAGES: Final = ("pipeline", "serving", "checkreader")
LINES: Final = 40  # of a module, up to which it needs no test file
# Counts that may only fall.
PRIVATE_BOUND: Final = 0
UNTESTED_BOUND: Final = 0
# Private names of other projects that have no public counterpart: `flatbuffers.Builder`'s table.
FOREIGN: Final = frozenset({"_tab"})
# Functions that patch or read an attribute by its name.
_BY_NAME: Final = frozenset({"setattr", "getattr", "delattr", "object", "patch"})


def is_private(name: str) -> bool:
    """Whether a name has one leading underscore; `_` and `__name__` have not."""
    return name.startswith("_") and not name.startswith("__") and name.strip("_") != ""


def definitions(tree: ast.AST) -> set[str]:
    """Returns the names that a file defines: functions, classes, variables, attributes of `self` and `cls`."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and _is_own(node):
            names.add(node.attr)
    return names


def _is_own(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")


def private_uses(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yields line and name of each use of a private name that the file does not define."""
    own_names = definitions(tree) | FOREIGN
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Attribute) and not _is_own(node):
            names = [node.attr]
        elif isinstance(node, ast.ImportFrom):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.Call) and _called(node) in _BY_NAME:
            texts = [argument.value for argument in node.args[:2] if isinstance(argument, ast.Constant)]
            names = [text.rpartition(".")[2] for text in texts if isinstance(text, str)]
        for name in names:
            if is_private(name) and name not in own_names:
                yield node.lineno, name


def _called(node: ast.Call) -> str:
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def untested_modules(root: Path) -> Iterator[Path]:
    """Yields the modules of more than `LINES` lines without a test file of their name."""
    for package in PACKAGES:
        for module in sorted((root / package).rglob("*.py")):
            relative = module.relative_to(root)
            if len(module.read_text().splitlines()) > LINES and not any(
                (root / "tests" / file).exists() for file in test_files(relative)
            ):
                yield relative


def test_files(module: Path) -> list[Path]:
    """Returns the paths below `tests/` where a module's test file may lie; for a package, next to it or inside."""
    if module.stem in ("__init__", "__main__"):
        name = f"test_{module.parent.name}.py"
        return [module.parent / name, module.parent.with_name(name)]
    return [module.with_name(f"test_{module.stem.lstrip('_')}.py")]


def main() -> int:
    """Prints every occurrence; returns 1 if there are more than allowed."""
    uses = [
        f"{file.relative_to(ROOT)}:{line} {name}"
        for file in sorted((ROOT / "tests").rglob("*.py"))
        for line, name in private_uses(ast.parse(file.read_text()))
    ]
    modules = [str(path) for path in untested_modules(ROOT)]
    status = 0
    for title, occurrences, bound in (
        ("uses of private names in tests", uses, PRIVATE_BOUND),
        ("modules without a test file of their name", modules, UNTESTED_BOUND),
    ):
        print("\n".join([*occurrences, f"{title}: {len(occurrences)} of at most {bound}"]))
        status |= len(occurrences) > bound
    return status


if __name__ == "__main__":
    sys.exit(main())
