"""The stages of a field run, as the command line calls them: record and its lines for the screen.

Fields to quantize, verify and benchmark with are drawn by invented hands: no data set is needed for them.
"""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any, Final

import numpy as np

from pipeline.field import labeled
from pipeline.field.config import field_preset, finetune_preset
from pipeline.field.hands import Hands
from pipeline.run import Run
from serving.errors import CheckdigitError

RUN: Final = "field"  # unless another is named
_INVENTED: Final = 100  # hands
_WRITERS: Final = {"quick": 400, "release": 1_500}  # invented ones to train on
_QUANTIZE: Final = 512  # fields that the activations' ranges are measured on
_VERIFY: Final = 600
_BENCHMARK: Final = (16, 128)  # fields, columns
_WORST: Final = "worst.png"

Answer = tuple[dict[str, Any], str]


def named(options: Namespace) -> Run:
    """The run of a `train --task field`: as named, else after the folder of labeled fields."""
    own = options.data not in ("digits", "mnist")
    return Run(Path("runs") / (options.run or (Path(options.data).resolve().name if own else RUN)))


def train(run: Run, options: Namespace) -> Answer:
    """From scratch on what invented hands, MNIST's writers and fonts write, or on with a user's own fields."""
    own = None if options.data in ("digits", "mnist") else labeled.load(Path(options.data))
    writers = _WRITERS[options.preset]
    hands = Hands(options.data_dir, options.fonts, options.data == "mnist", invented=writers)
    data = hands.record()
    from pipeline.field import cross_validation
    from pipeline.field import train as training

    if own is None:
        config = field_preset(options.preset, options.seed)
        record = training.train(run, config, hands, data, options.preset)
        exact = record["metrics"]["validation_exact"]
        return record, f"{run.path}: {exact:.2%} of drawn fields by other hands read exactly"
    config = finetune_preset(options.preset, options.seed)
    record = training.finetune(run, config, hands, data, own, options.preset)
    return record, f"{run.path}: {cross_validation.format_report(record['cross_validation'])}"


def quantize(run: Run, options: Namespace) -> Answer:
    from pipeline.field import quantize as quantization

    seed = run.require("train")["config"]["seed"]
    fields = [pixels for pixels, _ in Hands(invented=_INVENTED)(np.random.default_rng([seed, 11]), _QUANTIZE)]
    record = quantization.quantize(run, quantization.FieldQuantizeConfig(seed=seed), fields)
    same = record["metrics"]["same_best_symbol"]
    return record, f"{run.path}: at {same:.2%} of {record['metrics']['steps']:,} steps the same best symbol"


def verify(run: Run, options: Namespace) -> Answer:
    from pipeline import verify as verification

    seed = run.require("train")["config"]["seed"]
    fields = [
        pixels
        for pixels, _ in Hands(part="validation", invented=_INVENTED)(
            np.random.default_rng([seed, 13]), _VERIFY
        )
    ]
    if options.explain:
        explanation = verification.explain(run, *options.explain, fields)
        return explanation, verification.explanation(explanation)
    record = verification.verify(run, fields)
    return record, verification.summary(record)


def calibrate(run: Run, options: Namespace) -> Answer:
    from pipeline.field import families

    record = families.calibrate(run, _labeled("calibrate", options))
    return record, families.calibration_summary(record)


def evaluate(run: Run, options: Namespace) -> Answer:
    from pipeline.field import families, gallery

    own = _labeled("evaluate", options)
    record = families.evaluate(run, own)
    gallery.worst(next(iter(record["families"].values())), own, run / _WORST)
    return record, f"{families.summary(record)}\nthe worst of them: {run / _WORST}"


def benchmark(run: Run, options: Namespace) -> Answer:
    from pipeline import benchmark as measurement

    count, width = _BENCHMARK
    pixels = np.random.default_rng(0).integers(0, 256, (count, 32, width), dtype=np.uint8)
    record = measurement.benchmark(run, pixels)
    return record, measurement.summary(record)


def _labeled(stage: str, options: Namespace) -> labeled.Labeled:
    if options.data is None:
        raise CheckdigitError(
            f"'checkdigit {stage}' of a field run needs --data FOLDER: pictures with labels.csv or labels.jsonl"
        )
    return labeled.load(Path(options.data))
