"""Accuracy of the released digit models under the fifteen corruptions of MNIST-C, on the test pictures.

CHECKREADER_DATA=FOLDER .venv/bin/python -m benchmarks.corruptions      # three minutes → benchmarks/results/corruptions.json

Each corruption is made anew from its description (`pipeline/evaluation/corruptions.py`). `raw` is what the network makes
of the pixels as they are, as MNIST-C is reported; `normalized` what it makes of them after the service's
normalization, which a posted picture gets.
"""

from __future__ import annotations

from pathlib import Path
from statistics import mean
from typing import Final

from pipeline.data import digits
from pipeline.data.normalize_many import parallel_normalizer
from pipeline.evaluation.corruptions import KINDS, corrupt
from pipeline.run import environment, write_json
from serving.images.digit import tensor
from serving.repository.store import Repository

RESULT: Final = Path(__file__).with_suffix(".json")
MODELS: Final = ("lenet5", "lenet5-int8")


def main() -> None:
    """Measures and writes JSON."""
    test = digits.load("mnist").test
    repository = Repository.open()
    networks = {name: repository.load(name).network for name in MODELS}
    kinds: dict[str, dict[str, dict[str, float]]] = {}
    with parallel_normalizer() as normalized:
        for kind in KINDS:
            raw = corrupt(test.images, kind)
            ways = {"raw": raw, "normalized": normalized(raw)}
            kinds[kind] = {
                name: {
                    way: float((network.infer(tensor(pixels)).argmax(1) == test.labels).mean())
                    for way, pixels in ways.items()
                }
                for name, network in networks.items()
            }
            print(kind, kinds[kind], flush=True)
    means = {
        name: {way: mean(kind[name][way] for kind in kinds.values()) for way in ("raw", "normalized")}
        for name in MODELS
    }
    version = repository.model(MODELS[0]).version
    result = {"version": version, "pictures": len(test.labels), "mean": means, "kinds": kinds}
    write_json(RESULT, result | {"environment": environment()})


if __name__ == "__main__":
    main()
