"""The stages of a field run: each checks its options, loads TensorFlow and calls what does the work.

Fields to quantize, verify and benchmark with are drawn, in the handwriting of invented writers: no data set is needed
for them.
"""

from __future__ import annotations

import dataclasses
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pipeline.config import FieldTrainConfig, field_preset, finetune_preset, further_preset
from pipeline.data import labeled_fields
from pipeline.data.folds import Index
from pipeline.data.labeled_fields import Labeled
from pipeline.networks import spec
from pipeline.run import Run
from pipeline.tasks import digit, stages
from pipeline.tasks.stages import Answer, TaskStages, export, load_tensorflow
from serving.errors import CheckreaderError
from serving.images.codec import Gray
from serving.images.field import normalize_field

if TYPE_CHECKING:
    from pipeline.synthesis.sampler import HandwritingSampler

_BUILT_IN: Final = ("digits", "mnist")  # --data that names no folder of labeled fields
_INVENTED: Final = 100  # writers
_TRAINING_WRITERS: Final = {"quick": 400, "release": 1_500}  # invented ones
_QUANTIZE: Final = 512  # fields that the activations' ranges are measured on
_VERIFY: Final = 600
_BENCHMARK: Final = (16, 128)  # fields, columns


def run_name(options: Namespace) -> str:
    """Returns the run's name: the folder's for a training run on labeled fields, else `field`."""
    if options.stage == "train" and options.data not in _BUILT_IN:
        return str(options.name or Path(options.data).resolve().name)
    return "field"


def train(run: Run, options: Namespace) -> Answer:
    """Trains from scratch on drawn fields, or goes on with a user's labeled fields.

    Fields are drawn in the handwriting of invented writers, of MNIST's and UNIPEN's, and of fonts.
    """
    from pipeline.synthesis.sampler import HandwritingSampler

    labeled = None
    if options.data not in _BUILT_IN:
        if options.start == "scratch":
            raise CheckreaderError(
                "--start scratch: own fields are too few for it, they go on from released weights"
            )
        labeled = labeled_fields.load(Path(options.data), options.name)
    writers = _TRAINING_WRITERS[options.preset]
    sampler = HandwritingSampler(options.data_dir, options.fonts, options.data == "mnist", invented=writers)
    sources = sampler.record()
    load_tensorflow()
    from pipeline.evaluation import cross_validation
    from pipeline.training import field as training

    if labeled is None:
        preset = further_preset if options.start == "released" else field_preset
        config = preset(options.preset, options.seed)
        start = training.Start.of(config) if options.start == "released" else None
        record = training.train(run, config, sampler, sources, options.preset, options.resume, start=start)
        exact = record["metrics"]["validation_exact"]
        line = f"{run.path}: {exact:.2%} of drawn fields by other hands read exactly"
        return record, stages.lines(line, _bounds(record))
    config = finetune_preset(options.preset, options.seed)
    record = finetune(run, config, sampler, sources, labeled, options.preset, options.resume)
    line = f"{run.path}: {cross_validation.format_report(record['cross_validation'])}"
    return record, stages.lines(line, _bounds(record))


def _bounds(record: dict[str, Any]) -> str | None:
    """Says so where training certified no error bound: without own fields it never does."""
    thresholds = (record["calibration"] or {}).get("thresholds", ())
    line = stages.uncertified({name: thresholds for name in (spec.FIELD.model, spec.FIELD.int8)})
    return line and f"{line} (`checkreader calibrate` certifies one by labeled fields)"


def finetune(
    run: Run,
    config: FieldTrainConfig,
    sampler: HandwritingSampler,
    sources: dict[str, Any],
    labeled: Labeled,
    preset: str,
    resume: bool = False,
    *,
    nonfields: int = 2_000,
    every: int | None = None,
) -> dict[str, Any]:
    """Goes on from released weights with labeled fields, and cross-validates that.

    For each fold a network is trained on the others and reads the fold; thresholds come from these
    readings. The network of the run is trained on all. It keeps the alphabet of the weights that it starts from.

    Args:
        run: where everything is written.
        config: of the training; `start` are the weights to go on from.
        sampler: draws fields to mix in, so that the network keeps what the labeled ones do not show.
        sources: names and checksums of what the sampler draws from, for the record.
        labeled: the labeled fields.
        preset: the name that the config goes by, for the record.
        resume: go on from the run's last checkpoint, which must be of the same config and data.
        nonfields: pictures that are no field, for the minimum of the thresholds.
        every: steps between two checkpoints; None = as training from scratch.

    Returns:
        The record of `train`.
    """
    from pipeline.augmentation import field as augmentation
    from pipeline.augmentation import recombine
    from pipeline.evaluation import cross_validation, field_readings
    from pipeline.training import ctc
    from pipeline.training import field as training

    start = training.Start.of(config)
    labeled = labeled.translated(start.alphabet)
    parts = labeled_fields.folds(labeled, cross_validation.FOLDS, config.seed)
    checkpoints = training.Checkpoints.of(
        run,
        resume,
        (
            dataclasses.replace(config, start=start.sha256),
            sampler.settings(),
            sources,
            labeled.record(),
            len(parts),
        ),
        every or training.CHECKPOINT_STEPS,
    )
    items = [
        (normalize_field(labeled.picture(i)).pixels, written) for i, written in enumerate(labeled.written)
    ]
    cuts = training.cuts(start, items, labeled.marks)
    synthetic = sampler(np.random.default_rng([config.seed, 3]), config.fields)

    def train_on(index: Index, part: str, name: str) -> Any:
        real = recombine.item_source([items[i] for i in index], [cuts[i] for i in index], config.recombined)
        stream = augmentation.mixed_batches(real, synthetic, config, start.alphabet, labeled.marks)
        return training.fine_tune(config, start, stream, checkpoints.schedule(part), name)

    def reader(model: Any) -> field_readings.FieldRecognizer:
        return field_readings.field_recognizer(ctc.probabilities(model), start.alphabet, kind=labeled.kind)

    readings = []
    for number, part in enumerate(parts, 1):
        name = f"train, fold {number} of {len(parts)}, then on all fields"
        model = train_on(np.setdiff1d(np.arange(len(labeled)), part), f"fold-{number}", name)
        readings.append(field_readings.recognize(reader(model), labeled.take(part)))
    model = train_on(np.arange(len(labeled)), "all", f"train, on all {len(labeled):,} fields")
    others = field_readings.recognize_nonfields(reader(model), nonfields, config.seed, sampler.field)
    report = cross_validation.report(labeled, parts, readings, config.seed, others)
    return training.write_record(
        run,
        model,
        config,
        start.alphabet,
        {**sources, "own": labeled.record()},
        preset,
        {"exact": report["mean"]},
        checkpoints,
        calibration=report["calibration"],
        cross_validation=report,
    )


def quantize(run: Run, options: Namespace) -> Answer:
    """Makes the 8-bit network after training, by drawn fields."""
    return stages.quantize_by_drawn(run, lambda seed: _draw_fields(seed, _QUANTIZE, "train"))


def verify(run: Run, options: Namespace) -> Answer:
    """Compares the formats on drawn fields, or explains where two differ."""
    return stages.verify_by_drawn(run, options, lambda seed: _draw_fields(seed, _VERIFY, "validation"))


def calibrate(run: Run, options: Namespace) -> Answer:
    """Chooses confidence and thresholds of both models by labeled fields, which other sets may contradict."""
    labeled = _load_labeled(options)
    vetoes = [labeled_fields.load(folder) for folder in options.veto]
    load_tensorflow()
    from pipeline.evaluation import field_run

    record = field_run.calibrate(run, labeled, vetoes=vetoes, most_views=options.views)
    thresholds = {name: family["calibration"]["thresholds"] for name, family in record["families"].items()}
    return record, stages.lines(field_run.calibration_summary(record), stages.uncertified(thresholds))


def evaluate(run: Run, options: Namespace) -> Answer:
    """Measures both models on labeled fields."""
    labeled = _load_labeled(options)
    load_tensorflow()
    from pipeline.evaluation import field_run

    record = field_run.evaluate(run, labeled)
    thresholds = {name: family["thresholds"] for name, family in record["families"].items()}
    return record, stages.lines(
        field_run.summary(record),
        f"`{run.command('report')} --pictures FOLDER` shows those that are read worst",
        stages.uncertified(thresholds),
    )


def benchmark(run: Run, options: Namespace) -> Answer:
    """Measures every format on fields of one width."""
    from pipeline.evaluation import benchmark

    count, width = _BENCHMARK
    pixels = np.random.default_rng(0).integers(0, 256, (count, 32, width), dtype=np.uint8)
    record = benchmark.benchmark(run, pixels)
    return record, benchmark.summary(record)


def report(run: Run, options: Namespace) -> Answer:
    """Writes the report, with pictures of the folders that were named."""
    labeled = [labeled_fields.load(folder) for folder in options.pictures]
    from pipeline.report import field_report

    record = field_report.report(run, labeled)
    return record, field_report.summary(record, run)


def release(run: Run, options: Namespace) -> Answer:
    """Puts the field models into the release."""
    from pipeline.release import field

    return stages.release(run, options, field.RELEASE)


def _draw_fields(seed: list[int], count: int, part: str) -> list[Gray]:
    """Draws normalized fields in the handwriting of a part of the invented writers, "train" or "validation"."""
    from pipeline.synthesis.sampler import HandwritingSampler

    sampler = HandwritingSampler(part=part, invented=_INVENTED)
    return [pixels for pixels, _ in sampler(np.random.default_rng(seed), count)]


def _load_labeled(options: Namespace) -> Labeled:
    if options.data is None:
        raise CheckreaderError(
            f"'checkreader {options.stage}' of a field run needs --data FOLDER: pictures with labels.csv or labels.jsonl"
        )
    return labeled_fields.load(Path(options.data), options.name, options.read_as)


TASK: Final = TaskStages(
    run_name,
    {
        "train": train,
        "quantize": quantize,
        "export": export,
        "verify": verify,
        "calibrate": calibrate,
        "evaluate": evaluate,
        "benchmark": benchmark,
        "report": report,
        "release": release,
    },
    {
        **digit.TASK.next,
        "verify": "evaluate --data FOLDER",
        "calibrate": "evaluate --data FOLDER",
    },
)
