"""The ceiling of 61,706 parameters: the effect of distillation on MNIST's validation writers.

    .venv/bin/python -m benchmarks.ceiling      # trains what is missing, hours for all; writes results/ceiling.json
    .venv/bin/python -m benchmarks.ceiling temperature-1 --seeds 0 1 2

The first three recipes each add something to the one before: a teacher's probabilities for nine tenths of the
loss (`pipeline/training/distillation.py`); defects (`pipeline/augmentation/defects.py`). They and what was tried take the maxima
of the usual LeNet-5; `release` is the third recipe for the averages that fold (`pipeline/networks/folded.py`): the release preset. What was
tried is not kept: it is trained only where it is named, some with fewer seeds. Every run is a folder `runs/ceiling-RECIPE-SEED`; a
finished one is measured and not trained again, and the JSON, which states how many seeds each mean is
over, is written after each. The validation part has 4,949 pictures, so a difference of 0.02 points is one picture,
and it also chose between the recipes. The test labels are not read.

Per run: accuracy; log-loss after temperature scaling; the share of digits accepted at the default operating
point; seconds, on a machine that did other work meanwhile (none for a run that was suspended). The first distilled
run of all also makes the views and, without one in the cache, trains the teacher.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any, Final

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import numpy.typing as npt
from scipy.special import log_softmax

from benchmarks import output
from pipeline.config import CLASSICAL, TrainConfig, train_preset
from pipeline.data import digits as datasets
from pipeline.data.digits import Dataset, Split
from pipeline.metrics import calibration
from pipeline.run import WEIGHTS, Run, environment, write_json
from pipeline.synthesis import nondigits
from pipeline.training import distillation
from pipeline.training.digit import predict, train
from serving.decoding.thresholds import MAX_ERROR, operating_point

RELEASE: Final = train_preset("release", "mnist")
_LABELS: Final = TrainConfig(network=CLASSICAL)
_MAX: Final = dataclasses.replace(RELEASE, network=CLASSICAL)
RECIPES: Final = {
    "labels": ("max pooling: labels alone", _LABELS),
    "temperature-1": (
        "max pooling: a teacher's probabilities for nine tenths of the loss",
        dataclasses.replace(_LABELS, distillation=0.9),
    ),
    "max": ("max pooling: the same, and 30 % of the pictures with a defect", _MAX),
    "release": ("the same with averages, then the activation: the release preset", RELEASE),
    "temperature-4": (
        "tried, max pooling: the teacher at temperature 4, no defects",
        dataclasses.replace(_LABELS, distillation=0.9, temperature=4.0),
    ),
    "longer": (
        "tried, max pooling: 240 epochs instead of 60",
        dataclasses.replace(_MAX, epochs=240),
    ),
    "weaker": (
        "tried, max pooling: distortions that fade to 30 % instead of 80 %",
        dataclasses.replace(_MAX, anneal=0.3),
    ),
    "stronger": (
        "tried, max pooling, accepts less: distortions that are stronger (affine 1.2, elastic 0.8) and do not fade",
        dataclasses.replace(_MAX, anneal=1.0, elastic=0.8, affine=1.2),
    ),
}
KEPT: Final = ["labels", "temperature-1", "max", "release"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Trains, measures and writes JSON."""
    command = output.parser("ceiling", "Trains and measures recipes for the digit model.")
    command.add_argument("recipes", nargs="*", default=KEPT, metavar="RECIPE", help=", ".join(RECIPES))
    command.add_argument("--seeds", nargs="+", type=int, default=list(range(5)))
    options = command.parse_args(arguments)
    warnings.simplefilter("ignore")
    nondigits.pictures = functools.cache(nondigits.pictures)  # drawn once for all runs
    data = datasets.load("mnist")
    for name in options.recipes:
        for seed in options.seeds:
            run = Run(Path("runs") / f"ceiling-{name}-{seed}")
            seconds = train_once(run, dataclasses.replace(RECIPES[name][1], seed=seed), data)
            add(options.out, name, seed, measure(run, data.validation) | seconds, data)


def train_once(run: Run, config: TrainConfig, data: Dataset) -> dict[str, float]:
    """Trains the run unless it is finished; returns `seconds`, or nothing for a finished one."""
    if (run / "train.json").exists():
        return {}
    start = time.monotonic()
    train(run, config, data, resume=True, preset="release")
    return {"seconds": round(time.monotonic() - start, 1)}


def measure(run: Run, validation: Split) -> dict[str, float]:
    """Scores a run on the validation writers, its thresholds chosen anew as training chooses them."""
    model, config = keras.models.load_model(run / WEIGHTS), run.require("train")["config"]
    logits = predict(model, validation.images)
    others = predict(model, nondigits.pictures(config["outliers"], config["seed"] + nondigits.VALIDATION))
    fitted = calibration.fit(logits, validation.labels, others)
    applied = operating_point(fitted.thresholds, MAX_ERROR).threshold
    return {**scores(logits, validation.labels), "accepted": applied.accepted if applied else 0.0}


def scores(logits: npt.NDArray[np.float32], labels: npt.NDArray[np.uint8]) -> dict[str, float]:
    """Returns accuracy, and log-loss after temperature scaling, of logits float32 [N, 10]."""
    scaled = log_softmax(logits / calibration.temperature(logits, labels), 1)
    return {
        "validation_accuracy": float((logits.argmax(1) == labels).mean()),
        "log_loss": float(-scaled[np.arange(len(labels)), labels].mean()),
    }


def add(path: Path, recipe: str, seed: int, row: dict[str, float], data: Dataset) -> None:
    """Adds a run's numbers to the JSON in `path`, with the mean over seeds and the teacher's numbers."""
    teacher = {}
    if (model := distillation.teacher_path(data)).exists():
        logits = predict(keras.models.load_model(model, compile=False), data.validation.images)
        teacher = scores(logits, data.validation.labels) | {
            "config": dataclasses.asdict(distillation.TEACHER)
        }
    record = json.loads(path.read_text()) if path.exists() else {"recipes": {}}
    recipes = record["recipes"]
    recipes.setdefault(recipe, {"seeds": {}})["seeds"].setdefault(str(seed), {}).update(row)
    record["recipes"] = {name: _summary(name, recipes[name]["seeds"]) for name in RECIPES if name in recipes}
    record["validation_pictures"] = len(data.validation.labels)
    record["test_labels_read"] = False
    record |= {"teacher": teacher} if teacher else {}
    write_json(path, record | {"environment": environment()})
    print(recipe, seed, row, flush=True)


def _summary(recipe: str, seeds: dict[str, dict[str, float]]) -> dict[str, Any]:
    """Returns a recipe with its seeds and their mean."""
    description, config = RECIPES[recipe]
    settings = {key: value for key, value in dataclasses.asdict(config).items() if key != "seed"}
    rows = [{key: value for key, value in row.items() if key != "seconds"} for row in seeds.values()]
    means = {key: mean(row[key] for row in rows) for key in rows[0]}
    return {
        "what": description,
        "config": settings,
        "seeds": seeds,
        "mean": means,
        "mean_over_seeds": len(rows),
    }


if __name__ == "__main__":
    main()
