"""Draws the packages and the imports between them, from the code itself.

    python scripts/draw_architecture.py docs/architecture.svg

The rows follow the order that pyproject.toml's import contracts state, the last stage on top. Of the imports inside
`pipeline` and inside `serving` those are drawn that do not follow from others; what `pipeline` takes from `serving` is
drawn as one bundle.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import grimp

ROOT: Final = Path(__file__).resolve().parents[1]
HALVES: Final = ("pipeline", "serving")
INTERFACE: Final = "checkreader"
COLORS: Final = {"pipeline": "#2a6f97", "serving": "#8f4e00", INTERFACE: "#4a5a2a"}
WIDTH, BOX, HEIGHT, STEP, TOP, FRAME = 920, 150, 28, 44, 96, 16
LEFT: Final = {"pipeline": 140, "serving": 540}  # left edges of the boxes

Edge = tuple[str, str]


def imports_between(graph: grimp.ImportGraph) -> set[Edge]:
    """Returns the pairs (importer, imported) of packages: `pipeline.data`, `serving.images`, `checkreader`."""

    def package(module: str) -> str:
        parts = module.split(".")
        return parts[0] if parts[0] == INTERFACE else ".".join(parts[:2])

    pairs = {
        (package(module), package(imported))
        for module in graph.modules
        for imported in graph.find_modules_directly_imported_by(module)
    }
    return {pair for pair in pairs if pair[0] != pair[1] and not set(pair) & set(HALVES)}


def reduce_edges(edges: Iterable[Edge]) -> set[Edge]:
    """Returns the edges that no path of two or more other edges replaces; the graph has no circles."""
    targets: dict[str, set[str]] = {}
    for source, target in edges:
        targets.setdefault(source, set()).add(target)

    def reachable(source: str) -> set[str]:
        following = targets.get(source, set())
        return following.union(*(reachable(target) for target in following))

    return {
        (source, target)
        for source, following in targets.items()
        for target in following
        if not any(target in reachable(other) for other in following - {target})
    }


def rows(contracts: Sequence[Mapping[str, Any]], edges: set[Edge]) -> dict[str, list[str]]:
    """Returns the packages of each half from top to bottom, importers above what they import.

    Args:
        contracts: those of import-linter; `layers` contracts state the order, with `:` between packages of one rank.
        edges: the imports, which order packages of one rank.
    """
    order: dict[str, list[str]] = {}
    for contract in contracts:
        if contract["type"] != "layers":
            continue
        (half,) = contract["containers"]
        order[half] = []
        for layer in contract["layers"]:
            rank = sorted(f"{half}.{name.strip()}" for name in layer.split(":"))
            while rank:
                unimported = [
                    name
                    for name in rank
                    if not any((other, name) in edges for other in rank if other != name)
                ]
                order[half].append(unimported[0])
                rank.remove(unimported[0])
    return order


def draw(order: Mapping[str, list[str]], edges: set[Edge]) -> str:
    """Returns the picture as SVG.

    Args:
        order: the packages of each half, from top to bottom.
        edges: all imports between packages.
    """
    deepest = max(map(len, order.values()))
    height = TOP + deepest * STEP + 46
    middle: dict[str, tuple[int, int]] = {INTERFACE: (LEFT["serving"] + BOX // 2, 44)}
    for half, packages in order.items():
        for row, name in enumerate(packages):
            y = TOP + (deepest - len(packages) + row) * STEP + HEIGHT // 2
            middle[name] = (LEFT[half] + BOX // 2, y)
    shapes = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'font-family="Helvetica, Arial, sans-serif" font-size="14">',
        "<title>The packages of checkreader and the imports between them</title>",
        "<defs>",
        *(
            f'<marker id="{name}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
            f'orient="auto"><path d="M0 0 10 5 0 10z" fill="{color}"/></marker>'
            for name, color in COLORS.items()
        ),
        "</defs>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
    ]
    for half, packages in order.items():
        top = middle[packages[0]][1] - HEIGHT // 2 - FRAME - 18
        shapes += [
            f'<rect x="{LEFT[half] - FRAME}" y="{top}" width="{BOX + 2 * FRAME}" '
            f'height="{len(packages) * STEP + 2 * FRAME + 6}" rx="8" fill="{COLORS[half]}" fill-opacity="0.07"/>',
            f'<text x="{LEFT[half]}" y="{top + 20}" fill="{COLORS[half]}" font-weight="bold">{half}/</text>',
        ]
    shapes += _bundle(order, edges, middle)
    for half in HALVES:
        inside = {
            (source, target)
            for source, target in edges
            if target.startswith(half)
            and source.split(".")[0] in ((half, INTERFACE) if half == "serving" else (half,))
        }
        sides: dict[str, int] = {}
        for source, target in sorted(
            reduce_edges(inside), key=lambda edge: (_rows_apart(edge, middle), edge)
        ):
            shapes.append(_arrow(source, target, middle, half, sides))
    for name, (x, y) in middle.items():
        color = COLORS[name.split(".")[0]]
        label = f"{name}/" if name == INTERFACE else name.partition(".")[2]
        shapes += [
            f'<rect x="{x - BOX // 2}" y="{y - HEIGHT // 2}" width="{BOX}" height="{HEIGHT}" rx="4" fill="#ffffff" '
            f'stroke="{color}"/>',
            f'<text x="{x}" y="{y + 5}" text-anchor="middle" fill="#1a1a1a">{label}</text>',
        ]
    shapes += [
        f'<text x="{FRAME}" y="{height - 14}" font-size="12" fill="#555555">An arrow points to what is imported. '
        "Imports that follow from others are left out.</text>",
        "</svg>",
    ]
    return "\n".join(shapes) + "\n"


def _rows_apart(edge: Edge, middle: Mapping[str, tuple[int, int]]) -> int:
    return (middle[edge[1]][1] - middle[edge[0]][1]) // STEP


def _arrow(
    source: str, target: str, middle: Mapping[str, tuple[int, int]], half: str, sides: dict[str, int]
) -> str:
    """Returns an arrow: straight to the next row, else a curve next to the boxes, on the half's outer side.

    Args:
        source: the package that imports.
        target: the package that is imported.
        middle: where the boxes are.
        half: to which the arrow belongs.
        sides: how many curves end at a box so far, so that they do not lie on each other; counted up.
    """
    (x, start), (_, end) = middle[source], middle[target]
    color = COLORS[source.split(".")[0]]
    line = f'fill="none" stroke="{color}" stroke-width="1.4" marker-end="url(#{source.split(".")[0]})"'
    apart = _rows_apart((source, target), middle)
    if apart == 1:
        return f'<path d="M{x} {start + HEIGHT // 2}V{end - HEIGHT // 2}" {line}/>'
    outward = -1 if half == "pipeline" else 1
    edge = x + outward * BOX // 2
    reach = edge + outward * (26 + 13 * apart)
    begin = start + 4 + min(sides.get(f"from {source}", 0), 2) * 4
    finish = end - 8 + min(sides.get(target, 0), 4) * 5
    sides[target] = sides.get(target, 0) + 1
    sides[f"from {source}"] = sides.get(f"from {source}", 0) + 1
    return f'<path d="M{edge} {begin}C{reach} {begin} {reach} {finish} {edge} {finish}" {line}/>'


def _bundle(
    order: Mapping[str, list[str]], edges: set[Edge], middle: Mapping[str, tuple[int, int]]
) -> list[str]:
    """Returns what the pipeline imports from serving: one line out of its frame that parts to each package."""
    targets = sorted(
        {
            target
            for source, target in edges
            if source.startswith("pipeline") and target.startswith("serving")
        },
        key=order["serving"].index,
    )
    heights = [middle[target][1] for target in targets]
    begin = LEFT["pipeline"] + BOX + FRAME
    trunk = (begin + LEFT["serving"] - FRAME) // 2
    line = f'fill="none" stroke="{COLORS["pipeline"]}"'
    center = (heights[0] + heights[-1]) // 2
    shapes = [
        f'<path d="M{begin} {center}H{trunk}M{trunk} {heights[0]}V{heights[-1]}" {line} stroke-width="2.6"/>',
        f'<text x="{begin + 6}" y="{center - 10}" font-size="12" fill="{COLORS["pipeline"]}">pipeline imports</text>',
    ]
    return shapes + [
        f'<path d="M{trunk} {y}H{LEFT["serving"]}" {line} stroke-width="1.4" marker-end="url(#pipeline)"/>'
        for y in heights
    ]


def picture() -> str:
    """Returns the picture of the code as it is, as SVG."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    edges = imports_between(grimp.build_graph(INTERFACE, *HALVES, cache_dir=None))
    return draw(rows(contracts, edges), edges)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    Path(sys.argv[1]).write_text(picture())
