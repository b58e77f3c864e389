"""Trains the networks that the report compares, each with the same small budget.

The run keeps them in `report/comparisons.json`, one entry a training, written as soon as it is
done: an interrupted report goes on with the next one. Accuracy is that on the validation
pictures; nothing is chosen here, but a part of the network that is good here may be.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt

from pipeline import progress
from pipeline.data.digits import Dataset, Split
from pipeline.report.architectures import VARIANTS, Variant
from pipeline.run import write_json
from pipeline.training.digit import predict
from serving.images.digit import tensor

FILE: Final = "comparisons.json"
SHIFTS: Final = tuple(range(7))  # pixels
SHIFTED: Final = 1_000  # validation pictures that are shifted

Pixels = npt.NDArray[np.uint8]


@dataclasses.dataclass(frozen=True)
class Budget:
    """The training of each network, with Adam, cosine decay to 0 and no augmentation."""

    epochs: int
    batch: int
    learning_rate: float
    seeds: tuple[int, ...]


MNIST: Final = Budget(epochs=3, batch=128, learning_rate=2e-3, seeds=(0, 1, 2))
SMALL: Final = Budget(epochs=25, batch=32, learning_rate=2e-3, seeds=(0, 1))  # a thousand pictures or so


def default_budget(dataset: Dataset) -> Budget:
    """Returns the budget for a data set of that size."""
    return MNIST if len(dataset.train.labels) > 10_000 else SMALL


def compare(
    folder: Path, dataset: Dataset, budget: Budget, variants: Sequence[Variant] = VARIANTS
) -> dict[str, Any]:
    """Trains the missing networks, one at a time.

    Args:
        folder: where `comparisons.json` is kept; what it holds of other data or another budget is dropped.
        dataset: its training pictures to train on, its validation pictures to measure on.
        budget: how to train.
        variants: the networks to train.

    Returns:
        `data`, `budget` and `trainings`, for each its `name`, `seed`, `parameters`, `accuracy`, `seconds`
        and `shifted`, its accuracy for each of `SHIFTS`.
    """
    from tqdm import tqdm

    path = folder / FILE
    record = _kept(path, dataset, budget)
    trained = {(training["name"], training["seed"]) for training in record["trainings"]}
    missing = [
        (variant, seed)
        for seed in budget.seeds
        for variant in variants
        if (variant.name, seed) not in trained
    ]
    with tqdm(
        total=len(missing), desc="comparisons", unit="network", disable=None if missing else True
    ) as bar:
        for number, (variant, seed) in enumerate(missing, 1):
            bar.set_postfix_str(f"{variant.label}, seed {seed}")
            progress.note(f"report: comparing {variant.label}, seed {seed}, {number} of {len(missing)}")
            record["trainings"].append(train_variant(variant, seed, dataset, budget))
            write_json(path, record)
            bar.update()
    return record


def _kept(path: Path, dataset: Dataset, budget: Budget) -> dict[str, Any]:
    """Returns the stored record if it is of this data and this budget, else an empty one."""
    empty = {
        "data": dataset.record(),
        "budget": json.loads(json.dumps(dataclasses.asdict(budget))),
        "trainings": [],
    }
    try:
        stored = json.loads(path.read_text())
        same = all(stored[key] == empty[key] for key in ("data", "budget"))
        return stored if same and isinstance(stored["trainings"], list) else empty
    except (FileNotFoundError, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError):
        return empty


def train_variant(variant: Variant, seed: int, dataset: Dataset, budget: Budget) -> dict[str, Any]:
    """Trains one network and measures it; returns its entry in the record."""
    start = time.monotonic()
    keras.utils.set_random_seed(seed)
    model = variant.build()
    steps = budget.epochs * -(-len(dataset.train.labels) // budget.batch)
    model.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(budget.learning_rate, steps)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,  # compiling takes longer than it saves
    )
    model.fit(
        tensor(dataset.train.images),
        dataset.train.labels,
        batch_size=budget.batch,
        epochs=budget.epochs,
        verbose=0,
    )
    record = {
        "name": variant.name,
        "seed": seed,
        "parameters": sum(int(np.prod(weight.shape)) for weight in model.trainable_weights),
        "accuracy": _accuracy(model, dataset.validation),
        "shifted": shift_accuracy(lambda pixels: _answers(model, pixels), dataset.validation),
        "seconds": round(time.monotonic() - start, 1),
    }
    keras.backend.clear_session(free_memory=True)
    return record


def _answers(model: keras.Model, pixels: Pixels) -> npt.NDArray[np.intp]:
    return np.asarray(np.argmax(predict(model, pixels), axis=1))


def _accuracy(model: keras.Model, split: Split) -> float:
    return float((_answers(model, split.images) == split.labels).mean())


def shift_accuracy(predict_digits: Any, split: Split) -> list[float]:
    """Measures the accuracy on pictures moved by each of `SHIFTS` to the left, right, top and bottom alike.

    Args:
        predict_digits: uint8 [N, 28, 28] → int [N].
        split: pictures and labels; the first thousand are used.
    """
    subset = split.take(np.arange(min(SHIFTED, len(split.labels))))
    accuracies = []
    for distance in SHIFTS:
        moved = [
            move(subset.images, *step)
            for step in ((0, distance), (0, -distance), (distance, 0), (-distance, 0))
        ]
        correct = predict_digits(np.concatenate(moved if distance else moved[:1])).reshape(
            -1, len(subset.labels)
        )
        accuracies.append(float((correct == subset.labels).mean()))
    return accuracies


def move(images: Pixels, down: int, right: int) -> Pixels:
    """Moves pictures, uint8 [N, H, W], by whole pixels; paper comes in, ink that leaves is lost."""
    height, width = images.shape[1:]
    out = np.zeros_like(images)
    out[:, max(down, 0) : height + min(down, 0), max(right, 0) : width + min(right, 0)] = images[
        :, max(-down, 0) : height + min(-down, 0), max(-right, 0) : width + min(-right, 0)
    ]
    return out


def summary(record: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Returns for each network `accuracy`, the mean over the seeds, its `low` and `high`, `shifted` and `parameters`."""
    networks: dict[str, dict[str, Any]] = {}
    for variant in VARIANTS:
        trainings = [training for training in record["trainings"] if training["name"] == variant.name]
        if trainings:
            accuracies = [training["accuracy"] for training in trainings]
            networks[variant.name] = {
                "parameters": trainings[0]["parameters"],
                "accuracy": float(np.mean(accuracies)),
                "low": min(accuracies),
                "high": max(accuracies),
                "shifted": np.mean([training["shifted"] for training in trainings], axis=0).tolist(),
                "seeds": len(trainings),
            }
    return networks
