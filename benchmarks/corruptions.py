"""Accuracy of the released digit models under the fifteen corruptions of MNIST-C, on the test pictures.

    CHECKREADER_DATA=FOLDER .venv/bin/python -m benchmarks.corruptions    # three minutes; writes results/corruptions.json

Each corruption is made anew from its description (`pipeline/evaluation/corruptions.py`). `raw` is the accuracy on
the pixels as they are, as MNIST-C is reported; `normalized` that after the service's normalization, which a posted
picture gets.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean
from typing import Any, Final

from benchmarks import output
from pipeline.data import digits
from pipeline.data.digits import Split
from pipeline.data.normalize_many import parallel_normalizer
from pipeline.evaluation.corruptions import KINDS, corrupt
from pipeline.run import environment, write_json
from serving.images.digit import tensor
from serving.repository.store import Repository

MODELS: Final = ("lenet5", "lenet5-int8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures and writes JSON."""
    description = "Measures the released digit models under the corruptions of MNIST-C."
    options = output.parser("corruptions", description).parse_args(arguments)
    write_json(options.out, measure(digits.load("mnist").test) | {"environment": environment()})


def measure(test: Split, names: Sequence[str] = tuple(KINDS)) -> dict[str, Any]:
    """Returns the accuracy of each model under each corruption, and the means over the corruptions.

    Args:
        test: the pictures to corrupt, with their labels.
        names: keys of `KINDS`.
    """
    repository = Repository.open()
    networks = {name: repository.load(name).network for name in MODELS}
    kinds: dict[str, dict[str, dict[str, float]]] = {}
    with parallel_normalizer() as normalized:
        for kind in names:
            raw = corrupt(test.images, kind)
            variants = {"raw": raw, "normalized": normalized(raw)}
            kinds[kind] = {
                name: {
                    variant: float((network.infer(tensor(pixels)).argmax(1) == test.labels).mean())
                    for variant, pixels in variants.items()
                }
                for name, network in networks.items()
            }
            print(kind, kinds[kind], flush=True)
    means = {
        name: {
            variant: mean(kind[name][variant] for kind in kinds.values()) for variant in ("raw", "normalized")
        }
        for name in MODELS
    }
    version = repository.model(MODELS[0]).version
    return {"version": version, "pictures": len(test.labels), "mean": means, "kinds": kinds}


if __name__ == "__main__":
    main()
