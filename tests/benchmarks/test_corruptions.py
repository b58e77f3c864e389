from __future__ import annotations

from statistics import mean

import numpy as np

from benchmarks import corruptions
from pipeline.data.digits import Split
from pipeline.evaluation.corruptions import corrupt
from serving.images.codec import decode
from serving.images.digit import normalize, tensor
from serving.repository.store import Repository


def test_measure() -> None:
    """Of the golden digits as many are read as when each is corrupted, normalized and read by hand."""
    repository = Repository.open()
    golden = repository.golden[0]
    pictures = [
        normalize(decode((repository.folder / "golden" / digit.file).read_bytes())) for digit in golden
    ]
    test = Split(np.stack(pictures), np.array([digit.digit for digit in golden], np.uint8))
    record = corruptions.measure(test, ("spatter", "zigzag"))
    assert record["version"] == repository.model("lenet5").version
    assert record["pictures"] == len(golden)
    for model in corruptions.MODELS:
        by_kind = {kind: shares[model] for kind, shares in record["kinds"].items()}
        network = repository.load(model).network
        for kind, shares in by_kind.items():
            corrupted = corrupt(test.images, kind)
            for variant, pixels in (
                ("raw", corrupted),
                ("normalized", np.stack([normalize(picture) for picture in corrupted])),
            ):
                right = network.infer(tensor(pixels)).argmax(1) == test.labels
                assert shares[variant] == right.mean()
        for variant in ("raw", "normalized"):
            accuracies = [shares[variant] for shares in by_kind.values()]
            assert record["mean"][model][variant] == mean(accuracies)
