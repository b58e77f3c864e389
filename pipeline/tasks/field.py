"""The stages of a field run, as the command line calls them: record and its lines for the screen.

Fields to quantize, verify and benchmark with are drawn by invented hands: no data set is needed for them.
"""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any, Final

import numpy as np

from pipeline.config import FieldTrainConfig, field_preset, finetune_preset
from pipeline.data import labeled_fields
from pipeline.data.labeled_fields import Index, Labeled
from pipeline.run import Run
from pipeline.synthesis.sampler import HandwritingSampler
from serving.errors import CheckreaderError
from serving.images.field import normalize_field

RUN: Final = "field"  # unless another is named
_INVENTED: Final = 100  # hands
_WRITERS: Final = {"quick": 400, "release": 1_500}  # invented ones to train on
_QUANTIZE: Final = 512  # fields that the activations' ranges are measured on
_VERIFY: Final = 600
_BENCHMARK: Final = (16, 128)  # fields, columns
_NONFIELDS: Final = 2_000  # pictures that are no field, for the floor of the thresholds
_WORST: Final = "worst.png"

Answer = tuple[dict[str, Any], str]


def named(options: Namespace) -> Run:
    """The run of a `train --task field`: as named, else after the folder of labeled fields."""
    own = options.data not in ("digits", "mnist")
    return Run(Path("runs") / (options.run or (Path(options.data).resolve().name if own else RUN)))


def train(run: Run, options: Namespace) -> Answer:
    """From scratch on what invented hands, MNIST's writers and fonts write, or on with a user's own fields."""
    own = None if options.data in ("digits", "mnist") else labeled_fields.load(Path(options.data))
    writers = _WRITERS[options.preset]
    sampler = HandwritingSampler(options.data_dir, options.fonts, options.data == "mnist", invented=writers)
    data = sampler.record()
    from pipeline.evaluation import cross_validation
    from pipeline.training import field as training

    if own is None:
        config = field_preset(options.preset, options.seed)
        record = training.train(run, config, sampler, data, options.preset)
        exact = record["metrics"]["validation_exact"]
        return record, f"{run.path}: {exact:.2%} of drawn fields by other hands read exactly"
    config = finetune_preset(options.preset, options.seed)
    record = finetune(run, config, sampler, data, own, options.preset)
    return record, f"{run.path}: {cross_validation.format_report(record['cross_validation'])}"


def finetune(
    run: Run,
    config: FieldTrainConfig,
    sampler: HandwritingSampler,
    data: dict[str, Any],
    own: Labeled,
    preset: str,
) -> dict[str, Any]:
    """Goes on from released weights with labeled fields, and cross-validates that.

    For each fold a network is trained on the others and reads the fold; thresholds come from these
    readings. The released network is trained on all.

    Args:
        run: where everything is written.
        config: what to train; `start` are the weights to go on from.
        sampler: draw fields that are mixed in, lest the network forget what the labeled ones do not show.
        data: names and checksums, for the record.
        own: the labeled fields.
        preset: the name that the config goes by, for the record.
    """
    from pipeline.augmentation import field as augmentation
    from pipeline.augmentation import recombine
    from pipeline.evaluation import cross_validation, field_readings
    from pipeline.training import ctc
    from pipeline.training import field as training

    parts = labeled_fields.folds(own, cross_validation.FOLDS, config.seed)
    items = [(normalize_field(own.picture(i)).pixels, own.classes(i)) for i in range(len(own))]
    cuts = training.cuts(config, items, own.separators)
    synthetic = sampler(np.random.default_rng([config.seed, 3]), config.fields)

    def trained_on(index: Index) -> Any:
        real = recombine.item_source([items[i] for i in index], [cuts[i] for i in index], config.recombined)
        return training.fine_tune(config, augmentation.mixed_batches(real, synthetic, config, own.separators))

    def reader(model: Any) -> field_readings.FieldRecognizer:
        return field_readings.field_recognizer(ctc.probabilities(model))

    readings = []
    for part in parts:
        model = trained_on(np.setdiff1d(np.arange(len(own)), part))
        readings.append(field_readings.recognize(reader(model), own.take(part)))
    model = trained_on(np.arange(len(own)))
    nonfields = field_readings.recognize_nonfields(reader(model), _NONFIELDS, config.seed, sampler.field)
    report = cross_validation.report(own, parts, readings, config.seed, nonfields)
    return training.write_record(
        run,
        model,
        config,
        {**data, "own": own.record()},
        preset,
        {"exact": report["mean"]},
        calibration=report["calibration"],
        cross_validation=report,
    )


def quantize(run: Run, options: Namespace) -> Answer:
    from pipeline.quantization import field as quantization

    seed = run.require("train")["config"]["seed"]
    fields = [
        pixels
        for pixels, _ in HandwritingSampler(invented=_INVENTED)(np.random.default_rng([seed, 11]), _QUANTIZE)
    ]
    record = quantization.quantize(run, quantization.FieldQuantizeConfig(seed=seed), fields)
    same = record["metrics"]["same_best_symbol"]
    return record, f"{run.path}: at {same:.2%} of {record['metrics']['steps']:,} steps the same best symbol"


def verify(run: Run, options: Namespace) -> Answer:
    from pipeline.verification import agreement
    from pipeline.verification import verify as verification

    seed = run.require("train")["config"]["seed"]
    fields = [
        pixels
        for pixels, _ in HandwritingSampler(part="validation", invented=_INVENTED)(
            np.random.default_rng([seed, 13]), _VERIFY
        )
    ]
    if options.explain:
        explanation = verification.explain(run, *options.explain, fields)
        return explanation, agreement.explanation(explanation)
    record = verification.verify(run, fields)
    return record, agreement.summary(record)


def calibrate(run: Run, options: Namespace) -> Answer:
    from pipeline.evaluation import field_run

    record = field_run.calibrate(run, _labeled("calibrate", options))
    return record, field_run.calibration_summary(record)


def evaluate(run: Run, options: Namespace) -> Answer:
    from pipeline.evaluation import field_run, worst_sheet

    own = _labeled("evaluate", options)
    record = field_run.evaluate(run, own)
    worst_sheet.write_worst_sheet(next(iter(record["families"].values())), own, run / _WORST)
    return record, f"{field_run.summary(record)}\nthe worst of them: {run / _WORST}"


def benchmark(run: Run, options: Namespace) -> Answer:
    from pipeline.evaluation import benchmark as measurement

    count, width = _BENCHMARK
    pixels = np.random.default_rng(0).integers(0, 256, (count, 32, width), dtype=np.uint8)
    record = measurement.benchmark(run, pixels)
    return record, measurement.summary(record)


def _labeled(stage: str, options: Namespace) -> Labeled:
    if options.data is None:
        raise CheckreaderError(
            f"'checkreader {stage}' of a field run needs --data FOLDER: pictures with labels.csv or labels.jsonl"
        )
    return labeled_fields.load(Path(options.data))
