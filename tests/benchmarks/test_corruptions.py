from __future__ import annotations

from statistics import mean

import numpy as np

from benchmarks import corruptions
from pipeline.data.digits import Split
from serving.images.codec import decode
from serving.images.digit import normalize
from serving.repository.store import Repository


def test_measure() -> None:
    """The golden digits, which the released models read, are read less well where a stripe inverts them."""
    repository = Repository.open()
    golden = repository.golden[0]
    pictures = [
        normalize(decode((repository.folder / "golden" / digit.file).read_bytes())) for digit in golden
    ]
    test = Split(np.stack(pictures), np.array([digit.digit for digit in golden], np.uint8))
    record = corruptions.measure(test, ("spatter", "stripe"))
    assert record["version"] == repository.model("lenet5").version
    assert record["pictures"] == len(golden)
    for model in corruptions.MODELS:
        by_kind = {kind: shares[model] for kind, shares in record["kinds"].items()}
        assert by_kind["spatter"]["normalized"] > by_kind["stripe"]["normalized"]
        for variant in ("raw", "normalized"):
            shares = [kind[variant] for kind in by_kind.values()]
            assert record["mean"][model][variant] == mean(shares)
