"""Trains the networks that the report compares, each with the same small budget.

They are kept in the run, in `report/comparisons.json`, one entry a training, written as soon as it is
done: a report that was interrupted goes on with the next one. Accuracy is that on the validation
pictures; nothing is chosen here, but a part of the network that looks good here may be.
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
    """How each network is trained: Adam, cosine decay to 0, no augmentation."""

    epochs: int
    batch: int
    learning_rate: float
    seeds: tuple[int, ...]


MNIST: Final = Budget(epochs=3, batch=128, learning_rate=2e-3, seeds=(0, 1, 2))
SMALL: Final = Budget(epochs=25, batch=32, learning_rate=2e-3, seeds=(0, 1))  # a thousand pictures or so


def budget(data: Dataset) -> Budget:
    """What goes with a data set of that size."""
    return MNIST if len(data.train.labels) > 10_000 else SMALL


def compare(
    folder: Path, data: Dataset, how: Budget, variants: Sequence[Variant] = VARIANTS
) -> dict[str, Any]:
    """Trains what is missing, one network at a time.

    Args:
        folder: where `comparisons.json` is kept; what it holds of other data or another budget is dropped.
        data: its training pictures to train on, its validation pictures to measure on.
        how: the budget.
        variants: what to train.

    Returns:
        `data`, `budget` and `trainings`, for each its `name`, `seed`, `parameters`, `accuracy`, `seconds`
        and `shifted`, its accuracy for each of `SHIFTS`.
    """
    from tqdm import tqdm

    path = folder / FILE
    record = _kept(path, data, how)
    done = {(one["name"], one["seed"]) for one in record["trainings"]}
    left = [(variant, seed) for seed in how.seeds for variant in variants if (variant.name, seed) not in done]
    with tqdm(total=len(left), desc="comparisons", unit="network", disable=None if left else True) as bar:
        for variant, seed in left:
            bar.set_postfix_str(f"{variant.label}, seed {seed}")
            record["trainings"].append(_train(variant, seed, data, how))
            write_json(path, record)
            bar.update()
    return record


def _kept(path: Path, data: Dataset, how: Budget) -> dict[str, Any]:
    """What was trained on this data with this budget already."""
    fresh = {
        "data": data.record(),
        "budget": json.loads(json.dumps(dataclasses.asdict(how))),
        "trainings": [],
    }
    try:
        found = json.loads(path.read_text())
        same = all(found[key] == fresh[key] for key in ("data", "budget"))
        return found if same and isinstance(found["trainings"], list) else fresh
    except (FileNotFoundError, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError):
        return fresh


def _train(variant: Variant, seed: int, data: Dataset, how: Budget) -> dict[str, Any]:
    start = time.monotonic()
    keras.utils.set_random_seed(seed)
    model = variant.build()
    steps = how.epochs * -(-len(data.train.labels) // how.batch)
    model.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(how.learning_rate, steps)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,  # compiling takes longer than it saves
    )
    model.fit(
        tensor(data.train.images),
        data.train.labels,
        batch_size=how.batch,
        epochs=how.epochs,
        verbose=0,
    )
    record = {
        "name": variant.name,
        "seed": seed,
        "parameters": sum(int(np.prod(weight.shape)) for weight in model.trainable_weights),
        "accuracy": _accuracy(model, data.validation),
        "shifted": shift_accuracy(lambda pixels: _answers(model, pixels), data.validation),
        "seconds": round(time.monotonic() - start, 1),
    }
    keras.backend.clear_session(free_memory=True)
    return record


def _answers(model: keras.Model, pixels: Pixels) -> npt.NDArray[np.intp]:
    return np.argmax(predict(model, pixels), axis=1)


def _accuracy(model: keras.Model, split: Split) -> float:
    return float((_answers(model, split.images) == split.labels).mean())


def shift_accuracy(answer: Any, split: Split) -> list[float]:
    """Accuracy on pictures moved by each of `SHIFTS` to the left, right, top and bottom alike.

    Args:
        answer: uint8 [N, 28, 28] → int [N].
        split: pictures and labels; the first thousand are used.
    """
    some = split.take(np.arange(min(SHIFTED, len(split.labels))))
    found = []
    for distance in SHIFTS:
        moved = [
            move(some.images, *step)
            for step in ((0, distance), (0, -distance), (distance, 0), (-distance, 0))
        ]
        right = answer(np.concatenate(moved if distance else moved[:1])).reshape(-1, len(some.labels))
        found.append(float((right == some.labels).mean()))
    return found


def move(images: Pixels, down: int, right: int) -> Pixels:
    """The pictures, uint8 [N, H, W], moved by whole pixels; paper comes in, what goes out is lost."""
    height, width = images.shape[1:]
    out = np.zeros_like(images)
    out[:, max(down, 0) : height + min(down, 0), max(right, 0) : width + min(right, 0)] = images[
        :, max(-down, 0) : height + min(-down, 0), max(-right, 0) : width + min(-right, 0)
    ]
    return out


def summary(record: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Per network the mean over the seeds: `accuracy` with its `low` and `high`est, `shifted`, `parameters`."""
    found: dict[str, dict[str, Any]] = {}
    for variant in VARIANTS:
        ones = [one for one in record["trainings"] if one["name"] == variant.name]
        if ones:
            accuracies = [one["accuracy"] for one in ones]
            found[variant.name] = {
                "parameters": ones[0]["parameters"],
                "accuracy": float(np.mean(accuracies)),
                "low": min(accuracies),
                "high": max(accuracies),
                "shifted": np.mean([one["shifted"] for one in ones], axis=0).tolist(),
                "seeds": len(ones),
            }
    return found
