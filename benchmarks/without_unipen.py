"""What digit models are worth that were trained on MNIST alone, without UNIPEN and invented writers: their accuracy by domain.

    CHECKREADER_DATA=FOLDER .venv/bin/python -m benchmarks.without_unipen MODELS    # a minute; writes results/without_unipen.json

MODELS is the folder of a release of such models, as one whose data folder had no UNIPEN in it. The pictures are those of
`checkreader evaluate`, so that the model card can quote both.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks import output
from pipeline.config import train_preset
from pipeline.data import digits
from pipeline.data.digits import Split
from pipeline.data.normalize_many import parallel_normalizer
from pipeline.evaluation import domains
from pipeline.run import environment, write_json
from pipeline.training import sources
from serving.errors import CheckreaderError
from serving.repository.store import Repository

MODELS: Final = ("lenet5", "lenet5-int8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures and writes JSON."""
    parser = output.parser("without_unipen", "Measures digit models that were trained without UNIPEN.")
    parser.add_argument("models", type=Path, help="folder of a release")
    options = parser.parse_args(arguments)
    hands = sources.other_hands(train_preset("release", "mnist"), None)
    if "unipen" not in hands:
        raise CheckreaderError("CHECKREADER_DATA: no UNIPEN in its subfolder unipen")
    record = measure(Repository.open(options.models), digits.load("mnist").test, hands)
    write_json(options.out, record | {"environment": environment()})


def measure(
    repository: Repository, test: Split, hands: dict[str, Split], corrupted: int = domains.CORRUPTED
) -> dict[str, Any]:
    """Returns version, preset and seed of the models and their accuracy by domain.

    Args:
        repository: the models.
        test: MNIST's test pictures.
        hands: by name, digits of other hands.
        corrupted: how many test pictures are corrupted.

    Raises:
        CheckreaderError: the models were trained with UNIPEN.
    """
    if "sources" in repository.manifest.data:
        raise CheckreaderError(f"{repository.folder}: these models were trained with UNIPEN")
    predictors = {name: repository.load(name).network.infer for name in MODELS}
    model = repository.model(MODELS[0])
    with parallel_normalizer() as normalize:
        rows = domains.measure(predictors, test, "mnist", hands, normalize, corrupted)
    return {"version": model.version, "preset": model.preset, "seed": model.seed, "domains": rows}


if __name__ == "__main__":
    main()
