"""How far LeNet-5 goes, as a README table: what each part of the recipe gave, and the fifteen corruptions."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import mean
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
        "share of them at the default operating point. From `benchmarks/results/ceiling.json` (`python -m benchmarks.ceiling`). "
        + _folded(ceiling["recipes"]),
        "",
        "| 15 corruptions of MNIST-C, mean accuracy on test | pixels as they are | normalized by the service |",
        "|---|---:|---:|",
        *(
            f"| {name} | {found['raw']:.1%} | {found['normalized']:.1%} |"
            for name, found in corruptions["mean"].items()
        ),
        "",
        f"{_worst(corruptions)} Training draws defects with MNIST-C's descriptions in mind (`pipeline/augmentation/defects.py`), so this is no "
        "test of the unforeseen. From `benchmarks/results/corruptions.json` (`python -m benchmarks.corruptions`).",
    ]
    return "\n".join(lines)


def _recipe(name: str, one: dict[str, Any]) -> str:
    means = one["mean"]
    found = [seed["validation_accuracy"] for seed in one["seeds"].values()]
    return (
        f"| {one['what']} | {len(found)} | {means['validation_accuracy']:.2%} ({min(found):.2%}–{max(found):.2%}) "
        f"| {means['log_loss']:.4f} | {means['accepted']:.1%} |"
    )


def _folded(recipes: dict[str, Any]) -> str:
    """What folding costs in accuracy, over the seeds that both networks were trained with."""
    whole, fast = (recipes[name]["seeds"] for name in ("release", "fast"))
    both = sorted(whole.keys() & fast.keys())
    lost = mean(whole[seed]["validation_accuracy"] - fast[seed]["validation_accuracy"] for seed in both)
    return f"Over the {len(both)} seeds that both have, `lenet5-fast` loses {100 * lost:.2f} points."


def _worst(corruptions: dict[str, Any]) -> str:
    def lowest(way: str) -> str:
        kinds = {kind: found["lenet5"][way] for kind, found in corruptions["kinds"].items()}
        return ", ".join(
            f"{kind} {kinds[kind]:.1%}" for kind in sorted(kinds, key=lambda kind: kinds[kind])[:3]
        )

    return f"Worst for `lenet5` as they are: {lowest('raw')}; normalized: {lowest('normalized')}."
