"""Pictures that are no digit among those that the released digit models accept: of kinds seen in training, and of others.

    .venv/bin/python -m benchmarks.nondigits    # a minute or two; writes results/nondigits.json

`seen` are the eight kinds that training and the floor of the thresholds are fitted on (`pipeline/synthesis/nondigits.py`),
drawn with a seed of their own; `unseen` the eight that nothing is fitted on (`pipeline/synthesis/unseen_nondigits.py`).
Counts and seeds were fixed before the first model was trained that they are to judge. A picture in which the
normalization finds no ink is never accepted, and counts all the same; nor is one with less than the model's least evidence.
`default` is the threshold that applies where no `max_error` is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from benchmarks import output
from pipeline.metrics.calibration import accepted_score
from pipeline.run import environment, write_json
from pipeline.synthesis import nondigits, unseen_nondigits
from serving.decoding.thresholds import operating_point
from serving.images.digit import tensor
from serving.repository.store import Repository

MODELS: Final = ("lenet5", "lenet5-int8")
COUNT: Final = 25_000  # pictures of each half
SEEDS: Final = {"seen": 20_000_003, "unseen": 30_000_001}  # of no training, validation or test
_TABLES: Final[dict[str, dict[str, nondigits.Drawing]]] = {
    "seen": nondigits.KINDS,
    "unseen": unseen_nondigits.KINDS,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures and writes JSON."""
    description = "Measures how many pictures that are no digit the released digit models accept."
    options = output.parser("nondigits", description).parse_args(arguments)
    write_json(options.out, measure() | {"environment": environment()})


def measure(count: int = COUNT) -> dict[str, Any]:
    """Returns for each model and threshold how many of `count` pictures of either half are accepted, by kind."""
    halves = {
        name: nondigits.pictures(count, SEEDS[name], tuple(table), table) for name, table in _TABLES.items()
    }
    repository = Repository.open()
    models: dict[str, Any] = {}
    for name in MODELS:
        loaded = repository.load(name)
        confidences = {
            half: np.where(
                images.any((1, 2)),
                accepted_score(loaded.network.infer(tensor(images)), loaded.model.least_evidence),
                0.0,
            )
            for half, images in halves.items()
        }
        listed = loaded.model.thresholds
        applied = operating_point(listed).threshold
        points = {f"{threshold.max_error:g}": threshold.threshold for threshold in listed}
        if applied is not None:
            points["default"] = applied.threshold
        models[name] = {
            "version": repository.model(name).version,
            "least_evidence": loaded.model.least_evidence,
            "thresholds": {
                point: {"threshold": threshold}
                | {half: accepted(scores, threshold, half) for half, scores in confidences.items()}
                for point, threshold in points.items()
            },
        }
    return {"pictures": count, "seeds": SEEDS, "models": models}


def accepted(confidence: np.ndarray, threshold: float, half: str) -> dict[str, Any]:
    """Counts the pictures of a half that reach the threshold, together and of each kind; `confidence` [N] is 0 without evidence."""
    kinds = list(_TABLES[half])
    kind = np.arange(len(confidence)) % len(kinds)
    reached = confidence >= threshold
    return {
        "accepted": int(reached.sum()),
        "kinds": {name: int(reached[kind == number].sum()) for number, name in enumerate(kinds)},
    }


if __name__ == "__main__":
    main()
