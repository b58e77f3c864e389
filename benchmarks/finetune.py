"""What going on with a user's own labeled fields gives, cross-validated: each field read by a network that never saw it.

.venv/bin/python -m benchmarks.finetune FOLDER > benchmarks/results/finetune.json      # a quarter of an hour

The released weights go on as `checkreader train --task field --data FOLDER --preset release` does; neither
pictures nor labels nor weights are written anywhere.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from pipeline.config import finetune_preset
from pipeline.data import labeled_fields
from pipeline.evaluation.field import public
from pipeline.run import Run
from pipeline.synthesis.sampler import HandwritingSampler
from pipeline.tasks.field import finetune


def main() -> None:
    """Measures and prints JSON."""
    own = labeled_fields.load(Path(sys.argv[1]))
    sampler = HandwritingSampler()
    with tempfile.TemporaryDirectory() as folder:
        config = finetune_preset("release", 0)
        record = finetune(Run(Path(folder)), config, sampler, sampler.record(), own, "release")
    report = record["cross_validation"]
    report["pooled"] = public(report["pooled"])
    result = {key: record[key] for key in ("config", "data", "seconds", "environment")}
    print(json.dumps({**result, **report}, indent=1))


if __name__ == "__main__":
    main()
