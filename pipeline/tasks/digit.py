"""The stages of a digit run: each checks its options and data, loads TensorFlow and calls what does the work."""

from __future__ import annotations

import dataclasses
from argparse import Namespace
from pathlib import Path
from typing import Any, Final

import numpy as np

from pipeline.config import (
    CLASSICAL,
    Lenet5Options,
    QuantizeConfig,
    TrainConfig,
    quantize_preset,
    train_preset,
)
from pipeline.data import digits
from pipeline.networks import folded, spec
from pipeline.networks.lenet5 import format_table, table
from pipeline.records import TrainRecord
from pipeline.run import Run
from pipeline.tasks import stages
from pipeline.tasks.stages import Answer, TaskStages, export, load_tensorflow
from serving.errors import CheckreaderError

_BENCHMARK: Final = 256  # pictures


def run_name(options: Namespace) -> str:
    """Returns the run's name: the data's for a training run, else that of the built-in digits."""
    return _data_name(options) if options.stage == "train" else "digits"


def _data_name(options: Namespace) -> str:
    """Returns the name of the data to train on."""
    if options.data in digits.BUILT_IN:
        return str(options.data)
    return digits.own_name(digits.own_folder(options.data, options.data_dir), options.name)


def _data_folder(trained: TrainRecord, options: Namespace) -> Path | None:
    """Returns the folder of the data: the one that is named, else the training's."""
    return options.data_dir or (Path(trained.data_dir) if trained.data_dir else None)


def load_dataset(run: Run, options: Namespace) -> digits.Dataset:
    """Loads the data that the run was trained on, and no other.

    Raises:
        CheckreaderError: the run was not trained, or the data have changed since.
    """
    trained = run.read(TrainRecord)
    folder = _data_folder(trained, options)
    name = trained.data["name"]
    dataset = digits.load(name, folder) if name in digits.BUILT_IN else digits.load("folder", folder, name)
    if dataset.record() != trained.data:
        raise CheckreaderError(
            f"{run.path}: was trained on other data than {folder or dataset.name} now holds: train again, "
            "or name the data with --data-dir"
        )
    return dataset


def train(run: Run, options: Namespace) -> Answer:
    """Trains LeNet-5 in float; prints what it trains before that takes its time."""
    usual = CLASSICAL if options.pooling == CLASSICAL.pooling else Lenet5Options()
    network = Lenet5Options(options.pooling, options.activation, options.activate or usual.activate)
    config = dataclasses.replace(
        train_preset(options.preset, _data_name(options)),
        seed=options.seed,
        network=network,
        strategy=options.strategy,
    )
    if options.distillation is not None:
        config = dataclasses.replace(config, distillation=options.distillation)
    if config.distillation and options.data != "mnist":
        raise CheckreaderError("--distillation: there is a teacher for --data mnist alone")
    if options.epochs:
        config = dataclasses.replace(config, epochs=options.epochs)
    folder = options.data_dir
    if options.data not in digits.BUILT_IN:
        folder = digits.own_folder(options.data, folder)
    dataset = digits.load(options.data, folder, options.name)
    if not options.json:
        print(format_table(table(network)))
        if network == Lenet5Options():
            print("Deployed, its pooling folds into the convolutions:")
            print(format_table(folded.table()))
        print(
            f"{len(dataset.train.labels):,} {dataset.name} pictures to train on, "
            f"{len(dataset.validation.labels):,} to choose by (cut by {dataset.validation_by})"
        )
    load_tensorflow()
    from pipeline.training import digit as training

    record = training.train(run, config, dataset, options.resume, preset=options.preset, data_dir=folder)
    accuracy, temperature = record["metrics"]["validation_accuracy"], record["calibration"]["temperature"]
    line = f"{run.path}: validation accuracy {accuracy:.2%}, temperature {temperature:.3f}"
    teacher = record["metrics"].get("teacher", {})
    return record, stages.lines(
        line,
        _by_source("validation", record["metrics"]["sources"]),
        _by_source("the teacher's", teacher),
        _bounds(record, record["sources"], spec.DIGIT.model),
    )


def _by_source(title: str, accuracies: dict[str, float]) -> str | None:
    """Names each source's validation accuracy; None where there is a single source."""
    if len(accuracies) < 2:
        return None
    return f"{title}: " + ", ".join(f"{name} {accuracy:.2%}" for name, accuracy in accuracies.items())


def quantize(run: Run, options: Namespace) -> Answer:
    """Makes the 8-bit network, or compares ways of making it smaller."""
    dataset = load_dataset(run, options)
    load_tensorflow()
    from pipeline.evaluation import compression
    from pipeline.quantization import digit as quantization

    trained = run.read(TrainRecord)
    folder = _data_folder(trained, options)
    config: QuantizeConfig = dataclasses.replace(
        quantize_preset(trained.preset, trained.data["name"]),
        method=options.method,
        prune=options.prune,
        cluster=options.cluster,
        seed=trained.config["seed"],
    )
    if options.compare:
        record = compression.compare(run, config, dataset, folder)
        return record, compression.summary(record)
    record = quantization.quantize(run, config, dataset, folder)
    accuracy = record["metrics"]["validation_accuracy"]
    line = f"{run.path}: {config.method}: validation accuracy {accuracy:.2%}"
    return record, stages.lines(
        line,
        _by_source("validation", record["metrics"]["sources"]),
        _bounds(record, trained.sources, spec.DIGIT.int8),
    )


def _bounds(record: dict[str, Any], sources: list[dict[str, Any]], model: str) -> str | None:
    """Says so where a stage certified no error bound, and what the largest one takes."""
    line = stages.uncertified({model: record["calibration"].get("thresholds", ())})
    if line is None:
        return None
    from pipeline.metrics.calibration import shortfall

    fitted = record["calibration"]
    certifying = sum(source["validation"][source["name"]] for source in sources if source["certifies"])
    return f"{line} ({shortfall(certifying or record['data']['validation'], fitted.get('above'), fitted.get('least_evidence'))})"


def verify(run: Run, options: Namespace) -> Answer:
    """Compares the formats on the test pictures, whose labels stay unread, or explains where two differ."""
    images = load_dataset(run, options).test.images
    load_tensorflow()
    return stages.compare(run, options, images)


def calibrate(run: Run, options: Namespace) -> Answer:
    """Refuses: training and quantization have calibrated a digit run."""
    raise CheckreaderError(f"{run.path}: a digit run is calibrated by `train` and `quantize` themselves")


def evaluate(run: Run, options: Namespace) -> Answer:
    """Measures both models on the test pictures of the run's own data."""
    if (options.data, options.name, options.read_as) != (None, None, None):
        raise CheckreaderError(
            f"{run.path}: a digit run is measured by the test pictures of its own data: to measure it by others, release "
            "it and run `checkreader evaluate --models DIR --data FOLDER`"
        )
    dataset = load_dataset(run, options)
    load_tensorflow()
    from pipeline.evaluation import digit as evaluation
    from pipeline.training import sources

    trained = run.read(TrainRecord)
    folder = _data_folder(trained, options)
    hands = sources.other_hands(TrainConfig.from_json(trained.config), folder)
    record = evaluation.evaluate(run, dataset.test, dataset.name, hands)
    thresholds = {name: family["thresholds"] for name, family in record["families"].items()}
    return record, stages.lines(evaluation.summary(record), stages.uncertified(thresholds))


def benchmark(run: Run, options: Namespace) -> Answer:
    """Measures every format on validation pictures."""
    from pipeline.evaluation import benchmark

    pictures = np.ascontiguousarray(load_dataset(run, options).validation.images[:_BENCHMARK])
    record = benchmark.benchmark(run, pictures)
    return record, benchmark.summary(record)


def report(run: Run, options: Namespace) -> Answer:
    """Writes the report, which shows the misread digits of the run's test pictures."""
    if options.pictures:
        raise CheckreaderError(
            f"{run.path}: --pictures shows fields; the report of a digit run shows its misread digits anyway"
        )
    load_tensorflow()
    from pipeline.report import report, run_data

    run_data.require(run)
    record = report.report(run, load_dataset(run, options))
    return record, report.summary(record, run)


def release(run: Run, options: Namespace) -> Answer:
    """Puts the digit models into the release."""
    from pipeline.release import digit

    return stages.release(run, options, digit.RELEASE)


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
        "train": "quantize",
        "quantize": "export",
        "export": "verify",
        "verify": "evaluate",
        "evaluate": "benchmark",
        "benchmark": "release",
        "report": "release",
    },
)
