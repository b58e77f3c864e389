"""The pipeline's half of the command `checkreader`: one subcommand per stage, and `draw-checks`.

`serving.cli.main` hands over here when one of them is called, so that serving
never loads TensorFlow.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline import progress
from pipeline.config import Lenet5Options, choices
from pipeline.data import digits
from pipeline.networks import spec
from pipeline.records import VerifyRecord
from pipeline.run import Run, real_names
from pipeline.synthesis import check_folder
from pipeline.tasks import released, stages
from pipeline.tasks.table import TASKS
from serving.arguments import Parser, number, positive, share
from serving.errors import CheckreaderError

_SEED = number(int, lambda seed: 0 <= seed < 2**32, "a whole number from 0 to 4294967295")
_VIEWS = number(float, lambda views: 1 <= views <= 3, "a number from 1 to 3")
_CLUSTERS = number(int, lambda clusters: 2 <= clusters <= 256, "a whole number from 2 to 256")


def main(argv: Sequence[str]) -> int:
    """Runs one stage and returns the exit code; the caller prints `CheckreaderError` and `OSError`."""
    options = _parser().parse_args(argv)
    if options.stage == "draw-checks":
        return check_folder.run(options)
    # absl and Keras warn about their own internals; what a user can act on is an error line.
    warnings.simplefilter("ignore")
    try:
        return _call(options)
    except Exception as error:
        tensorflow = sys.modules.get("tensorflow")
        if tensorflow is None or not isinstance(error, tensorflow.errors.OpError):
            raise
        # Its own writers say so when the disk is full.
        line = re.sub(r"^\{\{.*?\}\} ?", "", error.message.splitlines()[0])
        raise CheckreaderError(f"TensorFlow: {real_names(line)}") from None


def _call(options: argparse.Namespace) -> int:
    """Calls a stage, of a run's task or on released models, and prints its record or what it says of it."""
    if options.stage == "release" and options.roll_back:
        return _print(options, *stages.roll_back(options.models), stages.serve_command(options.models))
    if options.stage in ("evaluate", "calibrate") and options.models is not None:
        with progress.shown(options.stage):
            answer = released.run(options)
        return _print(options, *answer, released.next_command(options))
    name = options.run
    if name is None:
        default = "field" if options.stage == "calibrate" else "digit"
        name = TASKS[options.task or default].run_name(options)
    run = Run.named(name)
    created = [folder for folder in (run.path, run.path.parent) if not folder.exists()]
    if options.stage == "train":
        if options.start and options.task != "field":
            raise CheckreaderError(f"--start {options.start}: goes with --task field alone")
        run.path.mkdir(parents=True, exist_ok=True)
    try:
        with run.locked(), progress.shown(options.stage):
            task = options.task if options.stage == "train" else spec.task_of_run(run).name
            record, text = TASKS[task].stages[options.stage](run, options)
    finally:
        with contextlib.suppress(OSError):  # they are no longer empty, or nothing was made
            for folder in created:
                folder.rmdir()
    return _print(options, record, text, _next_command(run, options, record, task))


def _print(options: argparse.Namespace, record: dict[str, Any], text: str, following: str | None) -> int:
    """Prints a stage's record, or its lines and the command that follows; returns the exit code."""
    if options.json:
        print(json.dumps(record))
    else:
        print(stages.lines(text, following and f"next: {following}"))
    return 0 if record.get("passed", True) else 1


def _next_command(run: Run, options: argparse.Namespace, record: dict[str, Any], task: str) -> str | None:
    """Returns the command that comes after a stage of a run; None: none helps."""
    if options.stage == "release":
        return stages.serve_command(options.models)
    for judged in record.get("judged", ()):
        if not judged["passed"]:
            return f"{run.command('verify')} --explain {judged['bound']['against']} {judged['format']}"
    if not record.get("passed", True) or getattr(options, "explain", None):
        return None
    stage, _, rest = TASKS[task].next[options.stage].partition(" ")
    if stage == "release" and not _is_verified(run):
        return run.command("verify")
    return f"{run.command(stage)} {rest}".rstrip()


def _is_verified(run: Run) -> bool:
    with contextlib.suppress(CheckreaderError):
        return run.read(VerifyRecord).passed
    return False


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="checkreader")
    commands = parser.add_subparsers(required=True)

    def stage(name: str, summary: str, example: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(
            name,
            description=summary,
            epilog=f"example:\n  {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        sub.set_defaults(stage=name, task="digit")
        sub.add_argument(
            "--run",
            default=None,
            metavar="NAME",
            help="the run, a folder in runs/ (default: the data's name)",
        )
        sub.add_argument("--data-dir", type=Path, metavar="PATH", help="where the data lie")
        sub.add_argument("--json", action="store_true", help="print the record as JSON")
        return sub

    train = stage("train", "Train LeNet-5 in float.", "checkreader train --data mnist --preset quick")
    train.add_argument(
        "--task",
        choices=tuple(TASKS),
        default="digit",
        help="field: read whole amounts and numbers; micr: read MICR lines",
    )
    train.add_argument(
        "--data",
        default="digits",
        help=f"{', '.join(digits.BUILT_IN)}, or your own: a folder of LABEL/*.png or a CSV of file,label; with "
        "--task field a folder with labels.csv or labels.jsonl (file, text) to go on with; default: digits, which "
        "are built in",
    )
    train.add_argument(
        "--name",
        metavar="NAME",
        help="what to call your own data, and the run (default: their folder's name)",
    )
    train.add_argument(
        "--fonts",
        type=Path,
        metavar="DIR",
        help="with --task field: where `python -m pipeline.synthesis.fonts` put fonts",
    )
    train.add_argument(
        "--start",
        choices=("scratch", "released"),
        help="with --task field: the weights to begin with (default: scratch; own fields go on from the released ones)",
    )
    train.add_argument("--preset", choices=("quick", "release"), default="quick")
    train.add_argument("--seed", type=_SEED, default=0)
    train.add_argument("--epochs", type=positive, help="instead of the preset's")
    train.add_argument(
        "--pooling",
        choices=choices("pooling"),
        default=Lenet5Options.pooling,
        help="max: the network of today's textbooks, which does not fold (default: %(default)s)",
    )
    train.add_argument(
        "--activation",
        choices=choices("activation"),
        default=Lenet5Options.activation,
        help="only relu has an 8-bit version (default: %(default)s)",
    )
    train.add_argument(
        "--activate",
        choices=choices("activate"),
        help="before or after subsampling (default: after, with --pooling max before)",
    )
    train.add_argument(
        "--distillation",
        type=share,
        metavar="SHARE",
        help="share of the loss that comes from a larger network's probabilities, with --data mnist; "
        "that network is trained first, an hour, and kept (default: the preset's, 0 = no such network)",
    )
    train.add_argument(
        "--strategy", choices=("single", "mirrored"), default="single", help="mirrored: on all GPUs"
    )
    train.add_argument("--resume", action="store_true", help="go on from the last checkpoint")

    quantize = stage(
        "quantize",
        "Make the 8-bit version of a trained network.",
        "checkreader quantize --run mnist",
    )
    quantize.add_argument(
        "--method",
        choices=("qat", "ptq"),
        default="qat",
        help="quantization-aware training, or post-training",
    )
    quantize.add_argument(
        "--prune", type=share, default=0.0, metavar="SHARE", help="share of weights set to zero first"
    )
    quantize.add_argument(
        "--cluster", type=_CLUSTERS, default=0, metavar="N", help="distinct weights per layer, 2 to 256"
    )
    quantize.add_argument(
        "--compare", action="store_true", help="measure pruning and clustering, each alone and before QAT"
    )

    stage("export", "Write every format.", "checkreader export --run mnist")
    verify = stage(
        "verify",
        "Prove that the formats compute the same.",
        "checkreader verify --run mnist --explain keras onnx_int8",
    )
    verify.add_argument(
        "--explain", nargs=2, metavar="FORMAT", help="name the first layer where these two drift apart"
    )
    calibrate = stage(
        "calibrate",
        "Choose what a field or MICR model or released models accept, by labeled data that they were not trained on.",
        "checkreader calibrate --run field --data FOLDER\n  checkreader calibrate --models released --data FOLDER",
    )
    calibrate.add_argument(
        "--veto",
        type=Path,
        metavar="FOLDER",
        action="append",
        default=[],
        help="of fields: other labeled fields, which may contradict what --data certify; may be repeated",
    )
    calibrate.add_argument(
        "--views",
        type=_VIEWS,
        metavar="MOST",
        help="of fields: read more than one view only where the first leaves doubt, of at most so many fields that each "
        "takes MOST views on average (default: every view of each)",
    )
    evaluate = stage(
        "evaluate",
        "Measure accuracy, calibration and rejection on the test set, or on labeled fields.",
        "checkreader evaluate --run mnist\n  checkreader evaluate --models released --data FOLDER",
    )
    for sub in (calibrate, evaluate):
        sub.add_argument(
            "--models",
            type=Path,
            metavar="DIR",
            help="released models instead of a run; a folder without any is filled with those of `checkreader info`",
        )
        sub.add_argument(
            "--data",
            metavar="FOLDER",
            help="of a field run: pictures with labels.csv or labels.jsonl; of a MICR run: lines with labels.csv; of "
            "released models either fields, or digits in LABEL/*.png",
        )
        sub.add_argument(
            "--as",
            dest="read_as",
            choices=("amount", "number"),
            help="of fields: what --data hold (default: amounts where labels have them, else numbers)",
        )
        sub.add_argument(
            "--name", metavar="NAME", help="what to call your own data (default: their folder's name)"
        )
        sub.add_argument(
            "--task",
            choices=("digit", "field"),
            default=None,
            help="which run without --run, which models with --models (default: that whose labels the data have)",
        )
    stage(
        "benchmark",
        "Measure size, speed and memory of every format.",
        "checkreader benchmark --run mnist",
    )
    report = stage(
        "report",
        "Show a run in one HTML file: what it is, learned and does, and where it fails.",
        "checkreader report --run mnist\n  checkreader report --run field --pictures FOLDER",
    )
    report.add_argument(
        "--pictures",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="of a field run: show the worst read of these labeled fields, pictures and labels (default: of none)",
    )
    release = stage(
        "release",
        "Put a verified run into a models folder, which the service follows.",
        "checkreader release --run mnist\n  checkreader release --roll-back",
    )
    release.add_argument(
        "--models",
        type=Path,
        default=Path(os.environ.get("CHECKREADER_MODELS") or "released"),
        metavar="DIR",
        help="the folder (default: $CHECKREADER_MODELS, else released)",
    )
    release.add_argument(
        "--keep",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="keep the release before for --roll-back, and serve its version under the label 'previous' (default)",
    )
    release.add_argument(
        "--roll-back",
        action="store_true",
        help="take the last release or calibration back; once more: forth again",
    )
    drawing = commands.add_parser(
        "draw-checks",
        description=check_folder.SUMMARY,
        epilog=f"example:\n  {check_folder.EXAMPLE}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    drawing.set_defaults(stage="draw-checks")
    check_folder.add_options(drawing)
    return parser
