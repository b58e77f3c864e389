"""The pipeline's half of the command `checkreader`: one subcommand per stage.

`serving.cli.main` hands over here when one of them is called, so that serving
never loads TensorFlow.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import re
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# Before TensorFlow: its notices are no news to the user, and its failures raise exceptions anyway.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from pipeline.config import Lenet5Options, QuantizeConfig, choices, quantize_preset, train_preset
from pipeline.data import digits as datasets
from pipeline.networks import spec
from pipeline.networks.lenet5 import format_table, table
from pipeline.run import Run
from pipeline.tasks import field as commands
from serving.errors import CheckreaderError


def main(argv: Sequence[str]) -> int:
    """Runs one stage; the exit code. `CheckreaderError` and `OSError` are the caller's to print."""
    options = _parser().parse_args(argv)
    # absl and Keras warn about their own insides; what a user can act on is an error line.
    warnings.simplefilter("ignore")
    try:
        return int(options.call(options))
    except Exception as error:
        tensorflow = sys.modules.get("tensorflow")
        if tensorflow is None or not isinstance(error, tensorflow.errors.OpError):
            raise
        # Its own writers say so when the disk is full.
        line = re.sub(r"^\{\{.*?\}\} ?", "", error.message.splitlines()[0])
        raise CheckreaderError(f"TensorFlow: {line}") from None


def _load_tensorflow() -> None:
    """Imports TensorFlow without its dozen lines about GPUs and its own insides on standard error.

    Called when a command has looked at everything else that could be wrong: it takes seconds.
    """
    saved = os.dup(2)
    try:
        # Below Python: the lines come from C++, before any log level counts.
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        import tensorflow as tf
    finally:
        os.dup2(saved, 2)
        os.close(saved)
    tf.get_logger().setLevel("ERROR")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="checkreader")
    stages = parser.add_subparsers(required=True)

    def stage(name: str, call: Any, summary: str, example: str) -> argparse.ArgumentParser:
        sub = stages.add_parser(
            name,
            description=summary,
            epilog=f"example:\n  {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        sub.set_defaults(call=call)
        sub.add_argument(
            "--run",
            default=None,
            metavar="NAME",
            help="the run, a folder in runs/ (default: the data's name)",
        )
        sub.add_argument("--data-dir", type=Path, metavar="PATH", help="where the data lie")
        sub.add_argument("--json", action="store_true", help="print the record as JSON")
        return sub

    train = stage("train", _train, "Train LeNet-5 in float.", "checkreader train --data mnist --preset quick")
    train.add_argument(
        "--task", choices=("digit", "field"), default="digit", help="field: read whole amounts and numbers"
    )
    train.add_argument(
        "--data",
        default="digits",
        help=f"{', '.join(datasets.NAMES)}; with --task field also a folder with labels.csv or labels.jsonl "
        "(file, text) to go on with; default: digits, which are built in",
    )
    train.add_argument(
        "--fonts",
        type=Path,
        metavar="DIR",
        help="with --task field: where `python -m pipeline.synthesis.fonts` put fonts",
    )
    train.add_argument("--preset", choices=("quick", "release"), default="quick")
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--epochs", type=_positive, help="instead of the preset's")
    for field in dataclasses.fields(Lenet5Options):
        train.add_argument(f"--{field.name}", choices=choices(field.name), default=field.default)
    train.add_argument(
        "--distillation",
        type=_share,
        metavar="SHARE",
        help="share of the loss that comes from a larger network's probabilities, with --data mnist; "
        "that network is trained first, half an hour, and kept (default: the preset's, 0 = no such network)",
    )
    train.add_argument(
        "--strategy", choices=("single", "mirrored"), default="single", help="mirrored: on all GPUs"
    )
    train.add_argument("--resume", action="store_true", help="go on after the last finished epoch")

    quantize = stage(
        "quantize",
        _quantize,
        "Make the 8-bit sibling of a trained network.",
        "checkreader quantize --run mnist",
    )
    quantize.add_argument(
        "--method",
        choices=("qat", "ptq"),
        default="qat",
        help="quantization-aware training, or post-training",
    )
    quantize.add_argument(
        "--prune", type=_share, default=0.0, metavar="SHARE", help="share of weights set to zero first"
    )
    quantize.add_argument("--cluster", type=int, default=0, metavar="N", help="distinct weights per layer")
    quantize.add_argument(
        "--compare", action="store_true", help="measure pruning and clustering, each alone and before QAT"
    )

    stage("export", _export, "Write every format.", "checkreader export --run mnist")
    verify = stage(
        "verify",
        _verify,
        "Prove that the formats compute the same.",
        "checkreader verify --run mnist --explain keras onnx_int8",
    )
    verify.add_argument(
        "--explain", nargs=2, metavar="FORMAT", help="name the first layer where these two drift apart"
    )
    calibrate = stage(
        "calibrate",
        _calibrate,
        "Choose what a field model accepts, by labeled fields that it was not trained on.",
        "checkreader calibrate --run field --data FOLDER",
    )
    evaluate = stage(
        "evaluate",
        _evaluate,
        "Measure accuracy, calibration and rejection on the test set, or on labeled fields.",
        "checkreader evaluate --task field --data FOLDER",
    )
    calibrate.set_defaults(task="field")
    evaluate.add_argument(
        "--task",
        choices=("digit", "field"),
        default="digit",
        help="field: of the run called field, unless --run",
    )
    for sub in (calibrate, evaluate):
        sub.add_argument(
            "--data",
            type=Path,
            metavar="FOLDER",
            help="of a field run: pictures with labels.csv or labels.jsonl",
        )
    stage(
        "benchmark",
        _benchmark,
        "Measure size, speed and memory of every format.",
        "checkreader benchmark --run mnist",
    )
    stage(
        "report",
        _report,
        "Show a run in one HTML file: what it is, learned and does, and where it fails.",
        "checkreader report --run mnist",
    )
    release = stage(
        "release", _release, "Put a verified run into models/.", "checkreader release --run mnist"
    )
    release.add_argument("--models", type=Path, default=Path("models"), metavar="DIR")
    release.add_argument(
        "--keep", action="store_true", help="keep the version before, served under the label 'previous'"
    )
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError("must be at least 0 and below 1")
    return value


def _run(options: argparse.Namespace) -> Run:
    if options.run:
        return Run(Path("runs") / options.run)
    if getattr(options, "task", "digit") == "field":
        return Run(Path("runs") / commands.RUN)
    return Run(Path("runs") / (options.data if options.call is _train else "digits"))


def _data(run: Run, options: argparse.Namespace) -> datasets.Dataset:
    """The data that the run was trained on, and no other."""
    record = run.require("train")
    folder = options.data_dir or (Path(record["data_dir"]) if record["data_dir"] else None)
    data = datasets.load(record["data"]["name"], folder)
    if data.record() != record["data"]:
        raise CheckreaderError(
            f"{run.path}: was trained on other data than {folder or data.name} now holds: train again, "
            "or name the data with --data-dir"
        )
    return data


def _show(record: dict[str, Any], options: argparse.Namespace, text: str) -> None:
    print(json.dumps(record) if options.json else text)


def _train(options: argparse.Namespace) -> int:
    if options.task == "field":
        return _field(commands.named(options), "train", options)
    run = _run(options)
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
    data = datasets.load(options.data, options.data_dir)
    if not options.json:
        print(format_table(table(network)))
        print(
            f"{len(data.train.labels):,} {data.name} pictures to train on, "
            f"{len(data.validation.labels):,} to choose by (cut by {data.validation_by})"
        )
    _load_tensorflow()
    from pipeline.training.digit import train

    record = train(run, config, data, options.resume, preset=options.preset, data_dir=options.data_dir)
    accuracy = record["metrics"]["validation_accuracy"]
    _show(
        record,
        options,
        f"{run.path}: validation accuracy {accuracy:.2%}, temperature {record['calibration']['temperature']:.3f}",
    )
    return 0


def _of_fields(run: Run, stage: str, options: argparse.Namespace) -> int | None:
    """The stage of a field run; None where the run is one of digits."""
    if spec.task_of_run(run) is not spec.FIELD:
        return None
    return _field(run, stage, options)


def _field(run: Run, stage: str, options: argparse.Namespace) -> int:
    _load_tensorflow()
    record, text = getattr(commands, stage)(run, options)
    _show(record, options, text)
    return 0 if record.get("passed", True) else 1


def _quantize(options: argparse.Namespace) -> int:
    run = _run(options)
    if (code := _of_fields(run, "quantize", options)) is not None:
        return code
    data = _data(run, options)
    _load_tensorflow()
    from pipeline.quantization import digit as quantize

    record = run.require("train")
    config: QuantizeConfig = dataclasses.replace(
        quantize_preset(record["preset"]),
        method=options.method,
        prune=options.prune,
        cluster=options.cluster,
        seed=record["config"]["seed"],
    )
    if options.compare:
        from pipeline.evaluation import compression

        record = compression.compare(run, config, data)
        _show(record, options, compression.summary(record))
        return 0
    record = quantize.quantize(run, config, data)
    _show(
        record,
        options,
        f"{run.path}: {config.method}: validation accuracy {record['metrics']['validation_accuracy']:.2%}",
    )
    return 0


def _export(options: argparse.Namespace) -> int:
    run = _run(options)
    for stage in ("train", "quantize"):
        run.require(stage)
    _load_tensorflow()
    from pipeline.export.export import export

    record = export(run)
    if options.json:
        print(json.dumps(record))
    return 0


def _verify(options: argparse.Namespace) -> int:
    run = _run(options)
    if (code := _of_fields(run, "verify", options)) is not None:
        return code
    images = _data(run, options).test.images  # the labels stay unread
    _load_tensorflow()
    from pipeline.verification import agreement, verify

    if options.explain:
        explanation = verify.explain(run, *options.explain, images)
        _show(explanation, options, agreement.explanation(explanation))
        return 0
    record = verify.verify(run, images)
    _show(record, options, agreement.summary(record))
    return 0 if record["passed"] else 1


def _calibrate(options: argparse.Namespace) -> int:
    run = _run(options)
    if (code := _of_fields(run, "calibrate", options)) is not None:
        return code
    raise CheckreaderError(f"{run.path}: a digit run is calibrated by `train` and `quantize` themselves")


def _evaluate(options: argparse.Namespace) -> int:
    run = _run(options)
    if (code := _of_fields(run, "evaluate", options)) is not None:
        return code
    data = _data(run, options)
    _load_tensorflow()
    from pipeline.evaluation import digit as evaluate

    record = evaluate.evaluate(run, data.test, data.name)
    _show(record, options, evaluate.summary(record))
    return 0


def _benchmark(options: argparse.Namespace) -> int:
    run = _run(options)
    if (code := _of_fields(run, "benchmark", options)) is not None:
        return code
    from pipeline.evaluation import benchmark

    record = benchmark.benchmark(run, np.ascontiguousarray(_data(run, options).validation.images[:256]))
    _show(record, options, benchmark.summary(record))
    return 0


def _report(options: argparse.Namespace) -> int:
    run = _run(options)
    _load_tensorflow()
    from pipeline.report import report

    report.require(run)  # before its data, which a run of fields has none of
    data = _data(run, options)
    record = report.report(run, data)
    _show(record, options, report.summary(record, run))
    return 0


def _release(options: argparse.Namespace) -> int:
    run = _run(options)
    run.records()
    _load_tensorflow()
    from pipeline.release import digit, fast, field
    from pipeline.release.release import release

    releases = {"digit": digit.RELEASE, "field": field.RELEASE, "fast": fast.RELEASE}
    manifest = release(run, options.models, releases[spec.task_of_run(run).name], options.keep)
    _show(manifest, options, f"{options.models}: released {', '.join(manifest['models'])} from {run.path}")
    return 0
