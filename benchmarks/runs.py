"""Accuracy and duration of several runs side by side, with the mean over seeds.

for seed in 0 1 2; do make DATA=mnist PRESET=release RUN=release-$seed SEED=$seed; done
make && make DATA=mnist
.venv/bin/python -m benchmarks.runs digits mnist release-0 release-1 release-2    # writes results/runs.json
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks import output
from pipeline.run import STAGES, write_json


def main(arguments: Sequence[str] | None = None) -> None:
    """Summarizes finished runs and writes JSON."""
    command = output.parser("runs", "Summarizes finished runs.")
    command.add_argument("runs", nargs="+", metavar="RUN", help="a finished run below the folder of runs")
    command.add_argument("--folder", type=Path, default=Path("runs"), help="the folder of runs (%(default)s)")
    options = command.parse_args(arguments)
    runs = {name: summarize(options.folder / name) for name in options.runs}
    write_json(options.out, {"runs": runs, "mean_over_seeds": over_seeds(runs)})


def summarize(folder: Path) -> dict[str, Any]:
    """Returns a run's data, preset, pooling, seed, accuracies, and seconds per stage."""
    records = {
        stage: json.loads((folder / f"{stage}.json").read_text())
        for stage in STAGES
        if (folder / f"{stage}.json").exists()
    }
    seconds = {stage: record["seconds"] for stage, record in records.items()}
    return {
        "data": records["train"]["data"]["name"],
        "preset": records["train"]["preset"],
        "pooling": records["train"]["config"]["network"]["pooling"],
        "seed": records["train"]["config"]["seed"],
        "accuracy": {name: family["accuracy"] for name, family in records["evaluate"]["families"].items()},
        "verified": records["verify"]["passed"],
        "seconds": {**seconds, "total": round(sum(seconds.values()), 1)},
        "machine": records["train"]["environment"]["machine"],
    }


def over_seeds(runs: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Returns the mean test accuracy of each family for every data set, preset and pooling with several seeds."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for run in runs.values():
        groups.setdefault(f"{run['data']}, {run['preset']} preset, {run['pooling']} pooling", []).append(run)
    return {
        name: {
            "seeds": [run["seed"] for run in group],
            **{
                family: mean(run["accuracy"][family]["value"] for run in group)
                for family in group[0]["accuracy"]
            },
        }
        for name, group in groups.items()
        if len(group) > 1
    }


if __name__ == "__main__":
    main()
