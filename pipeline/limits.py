"""How far LeNet-5 goes, as a README table: what each part of the recipe gave, and the fifteen corruptions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def table(benchmarks: Path) -> str:
    """From `ceiling.json` and `corruptions.json`, in Markdown."""
    ceiling = json.loads((benchmarks / "ceiling.json").read_text())
    corruptions = json.loads((benchmarks / "corruptions.json").read_text())
    lines = [
        "| recipe | seeds | validation, mean (lowest–highest) | log-loss | accepted |",
        "|---|---:|---:|---:|---:|",
        *(_recipe(name, one) for name, one in ceiling["recipes"].items()),
        "",
        f"Accuracy on the {ceiling['validation_pictures']:,} pictures of MNIST's validation writers; *accepted* is the "
        "share of them at the default operating point. From `benchmarks/ceiling.json` (`python -m benchmarks.ceiling`).",
        "",
        "| 15 corruptions of MNIST-C, mean accuracy on test | pixels as they are | normalized by the service |",
        "|---|---:|---:|",
        *(
            f"| {name} | {mean['raw']:.1%} | {mean['normalized']:.1%} |"
            for name, mean in corruptions["mean"].items()
        ),
        "",
        f"{_worst(corruptions)} From `benchmarks/corruptions.json` (`python -m benchmarks.corruptions`).",
    ]
    return "\n".join(lines)


def _recipe(name: str, one: dict[str, Any]) -> str:
    mean = one["mean"]
    found = [seed["validation_accuracy"] for seed in one["seeds"].values()]
    return (
        f"| {one['what']} | {len(found)} | {mean['validation_accuracy']:.2%} ({min(found):.2%}–{max(found):.2%}) "
        f"| {mean['log_loss']:.4f} | {mean['accepted']:.1%} |"
    )


def _worst(corruptions: dict[str, Any]) -> str:
    def lowest(way: str) -> str:
        kinds = {kind: found["lenet5"][way] for kind, found in corruptions["kinds"].items()}
        return ", ".join(
            f"{kind} {kinds[kind]:.1%}" for kind in sorted(kinds, key=lambda kind: kinds[kind])[:3]
        )

    return f"Worst for `lenet5` as they are: {lowest('raw')}; normalized: {lowest('normalized')}."
