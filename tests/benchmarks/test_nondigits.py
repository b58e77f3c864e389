from __future__ import annotations

import numpy as np

from benchmarks import nondigits
from pipeline.synthesis import unseen_nondigits
from serving.repository.store import Repository


def test_measure() -> None:
    """A stricter threshold accepts no more, and the kinds add up."""
    record = nondigits.measure(32)
    assert (record["pictures"], set(record["models"])) == (32, set(nondigits.MODELS))
    repository = Repository.open()
    for name, measures in record["models"].items():
        listed = repository.model(name).thresholds
        assert list(measures["thresholds"]) == [*(f"{entry.max_error:g}" for entry in listed), "default"]
        for point in measures["thresholds"].values():
            for half in nondigits.SEEDS:
                assert sum(point[half]["kinds"].values()) == point[half]["accepted"] <= 3
    assert list(point["unseen"]["kinds"]) == list(unseen_nondigits.KINDS)


def test_accepted() -> None:
    confidence = np.zeros(20)
    confidence[[1, 9, 10]] = 0.9
    counts = nondigits.accepted(confidence, 0.9, "seen")
    assert counts["accepted"] == 3
    assert {kind: count for kind, count in counts["kinds"].items() if count} == {"noise": 2, "texture": 1}
