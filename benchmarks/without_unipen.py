"""What the digit model is worth without UNIPEN: the accuracy by domain of a run that was trained on MNIST alone.

    .venv/bin/checkreader train --data mnist --data-dir MNIST --preset release --run alone --resume   # no UNIPEN in the folder MNIST
    .venv/bin/checkreader quantize --run alone && .venv/bin/checkreader export --run alone
    .venv/bin/checkreader evaluate --run alone --data-dir FOLDER                    # UNIPEN in FOLDER
    .venv/bin/python -m benchmarks.without_unipen runs/alone                        # writes results/without_unipen.json

The model card quotes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import output
from pipeline.records import EvaluateRecord, TrainRecord
from pipeline.run import Run, write_json
from serving.errors import CheckreaderError


def main(arguments: Sequence[str] | None = None) -> None:
    """Takes over the run's records and writes JSON."""
    parser = output.parser("without_unipen", "Records what a run that was trained without UNIPEN reads.")
    parser.add_argument("run", type=Path, help="folder of the run")
    options = parser.parse_args(arguments)
    write_json(options.out, measure(Run(options.run)))


def measure(run: Run) -> dict[str, Any]:
    """Returns the run's settings and its accuracy by domain.

    Raises:
        CheckreaderError: the run was trained with UNIPEN, or was not evaluated with it at hand.
    """
    trained, record = run.read(TrainRecord), run.require(EvaluateRecord.STAGE)
    if len(trained.sources) > 1:
        raise CheckreaderError(
            f"{run.path}: trained with UNIPEN: train with a --data-dir that has MNIST alone"
        )
    if not any(row["name"] == "unipen" for row in record["domains"]):
        raise CheckreaderError(
            f"{run.path}: evaluated without UNIPEN: evaluate with a --data-dir that has it"
        )
    return {
        "preset": trained.preset,
        "seed": trained.config["seed"],
        "domains": record["domains"],
        "environment": record["environment"],
    }


if __name__ == "__main__":
    main()
