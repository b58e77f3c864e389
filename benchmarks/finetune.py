"""The effect of fine-tuning on a user's labeled fields, cross-validated: each field is read by a network that never saw it.

    .venv/bin/python -m benchmarks.finetune FOLDER      # a quarter of an hour; writes results/finetune.json

The released weights are trained further as `checkreader train --task field --data FOLDER --preset release` does; neither
pictures nor labels nor weights are written anywhere.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks import output
from pipeline.config import FieldTrainConfig, finetune_preset
from pipeline.data import labeled_fields
from pipeline.data.labeled_fields import Labeled
from pipeline.evaluation.field import anonymized
from pipeline.run import Run, write_json
from pipeline.synthesis.sampler import HandwritingSampler
from pipeline.tasks.field import finetune


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures and writes JSON."""
    command = output.parser("finetune", "Measures fine-tuning on labeled fields, cross-validated.")
    command.add_argument("folder", type=Path, metavar="FOLDER", help="the labeled fields")
    options = command.parse_args(arguments)
    labeled = labeled_fields.load(options.folder)
    write_json(options.out, measure(labeled, finetune_preset("release", 0), HandwritingSampler()))


def measure(labeled: Labeled, config: FieldTrainConfig, sampler: HandwritingSampler) -> dict[str, Any]:
    """Fine-tunes on labeled fields and returns the cross-validation without readings and labels.

    Args:
        labeled: the user's fields.
        config: how to train; by the preset "release" in what is recorded.
        sampler: draw the synthetic fields that are mixed in.
    """
    with tempfile.TemporaryDirectory() as folder:
        record = finetune(Run(Path(folder)), config, sampler, sampler.record(), labeled, "release")
    report = record["cross_validation"]
    report["pooled"] = anonymized(report["pooled"])
    return {**{key: record[key] for key in ("config", "data", "seconds", "environment")}, **report}


if __name__ == "__main__":
    main()
