"""The stages of a digit run: each checks its options and data, loads TensorFlow and calls what does the work."""

from __future__ import annotations

import dataclasses
from argparse import Namespace
from pathlib import Path
from typing import Final

import numpy as np

from pipeline.config import Lenet5Options, QuantizeConfig, quantize_preset, train_preset
from pipeline.data import digits
from pipeline.networks.lenet5 import format_table, table
from pipeline.records import TrainRecord
from pipeline.run import Run
from pipeline.tasks import stages
from pipeline.tasks.stages import Answer, TaskStages, export, load_tensorflow
from serving.errors import CheckreaderError

_BENCHMARK: Final = 256  # pictures


def run_name(options: Namespace) -> str:
    """Returns the run's name: the data's for a training run, else that of the built-in digits."""
    return str(options.data) if options.stage == "train" else "digits"


def load_dataset(run: Run, options: Namespace) -> digits.Dataset:
    """Loads the data that the run was trained on, and no other.

    Raises:
        CheckreaderError: the run was not trained, or the data have changed since.
    """
    trained = run.read(TrainRecord)
    folder = options.data_dir or (Path(trained.data_dir) if trained.data_dir else None)
    dataset = digits.load(trained.data["name"], folder)
    if dataset.record() != trained.data:
        raise CheckreaderError(
            f"{run.path}: was trained on other data than {folder or dataset.name} now holds: train again, "
            "or name the data with --data-dir"
        )
    return dataset


def train(run: Run, options: Namespace) -> Answer:
    """Trains LeNet-5 in float; prints what it trains before that takes its time."""
    network = Lenet5Options(options.pooling, options.activation, options.activate)
    config = dataclasses.replace(
        train_preset(options.preset, options.data),
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
    dataset = digits.load(options.data, options.data_dir)
    if not options.json:
        print(format_table(table(network)))
        print(
            f"{len(dataset.train.labels):,} {dataset.name} pictures to train on, "
            f"{len(dataset.validation.labels):,} to choose by (cut by {dataset.validation_by})"
        )
    load_tensorflow()
    from pipeline.training import digit as training

    record = training.train(
        run, config, dataset, options.resume, preset=options.preset, data_dir=options.data_dir
    )
    accuracy, temperature = record["metrics"]["validation_accuracy"], record["calibration"]["temperature"]
    return record, f"{run.path}: validation accuracy {accuracy:.2%}, temperature {temperature:.3f}"


def quantize(run: Run, options: Namespace) -> Answer:
    """Makes the 8-bit network, or compares ways of making it smaller."""
    dataset = load_dataset(run, options)
    load_tensorflow()
    from pipeline.evaluation import compression
    from pipeline.quantization import digit as quantization

    trained = run.read(TrainRecord)
    config: QuantizeConfig = dataclasses.replace(
        quantize_preset(trained.preset),
        method=options.method,
        prune=options.prune,
        cluster=options.cluster,
        seed=trained.config["seed"],
    )
    if options.compare:
        record = compression.compare(run, config, dataset)
        return record, compression.summary(record)
    record = quantization.quantize(run, config, dataset)
    accuracy = record["metrics"]["validation_accuracy"]
    return record, f"{run.path}: {config.method}: validation accuracy {accuracy:.2%}"


def verify(run: Run, options: Namespace) -> Answer:
    """Compares the formats on the test pictures, whose labels stay unread, or explains where two differ."""
    images = load_dataset(run, options).test.images
    load_tensorflow()
    from pipeline.verification import agreement, verify

    if options.explain:
        left, right = options.explain
        explanation = verify.explain(run, left, right, images)
        return explanation, agreement.explanation(explanation)
    record = verify.verify(run, images)
    return record, agreement.summary(record)


def calibrate(run: Run, options: Namespace) -> Answer:
    """Refuses: training and quantization have calibrated a digit run."""
    raise CheckreaderError(f"{run.path}: a digit run is calibrated by `train` and `quantize` themselves")


def evaluate(run: Run, options: Namespace) -> Answer:
    """Measures both models on the test pictures."""
    dataset = load_dataset(run, options)
    load_tensorflow()
    from pipeline.evaluation import digit as evaluation

    record = evaluation.evaluate(run, dataset.test, dataset.name)
    return record, evaluation.summary(record)


def benchmark(run: Run, options: Namespace) -> Answer:
    """Measures every format on validation pictures."""
    from pipeline.evaluation import benchmark

    pictures = np.ascontiguousarray(load_dataset(run, options).validation.images[:_BENCHMARK])
    record = benchmark.benchmark(run, pictures)
    return record, benchmark.summary(record)


def report(run: Run, options: Namespace) -> Answer:
    """Writes the report; a run of another task is refused before its data, which a run of fields has none of."""
    from pipeline.report.progress import progress

    with progress("report") as step:
        step("loading TensorFlow")
        load_tensorflow()
        from pipeline.report import report, run_data

        run_data.require(run)
        record = report.report(run, load_dataset(run, options), step=step)
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
)
