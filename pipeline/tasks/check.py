"""The stages of a run that finds the fields of checks.

Training and `evaluate` need labeled checks; those to quantize and verify with are drawn, in the handwriting of invented
writers.
"""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Final

import numpy as np

from pipeline.config import check_preset
from pipeline.data import labeled_checks
from pipeline.data.labeled_checks import LabeledChecks
from pipeline.networks.check_fields import NETWORK
from pipeline.run import Run
from pipeline.synthesis.check_layouts import Part
from pipeline.tasks import digit, stages
from pipeline.tasks.stages import Answer, TaskStages, export, load_tensorflow
from serving.errors import CheckreaderError
from serving.images.codec import Gray

_QUANTIZE: Final = 128  # checks that the activations' ranges are measured on
VERIFIED: Final = 12  # each has 9,216 parts
_BENCHMARK: Final = 16


def run_name(options: Namespace) -> str:
    """Returns the run's name."""
    return "check"


def train(run: Run, options: Namespace) -> Answer:
    """Trains from scratch on labeled checks."""
    labeled = _load_labeled(run, options)
    config = check_preset(options.preset, options.seed)
    load_tensorflow()
    from pipeline.training import check as training

    record = training.train(run, config, labeled, options.preset, options.resume)
    shares = record["metrics"]["validation_overlaps"]
    listing = ", ".join(f"{field} {share:.1%}" for field, share in shares.items())
    return record, f"{run.path}: fields found, of checks that training did not see: {listing}"


def quantize(run: Run, options: Namespace) -> Answer:
    """Makes the 8-bit network after training, by drawn checks."""
    return stages.quantize_by_drawn(run, lambda seed: _draw_thumbnails(seed, _QUANTIZE, "train"))


def verify(run: Run, options: Namespace) -> Answer:
    """Compares the formats on drawn checks, or explains where two differ."""
    return stages.verify_by_drawn(run, options, lambda seed: _draw_thumbnails(seed, VERIFIED, "test"))


def evaluate(run: Run, options: Namespace) -> Answer:
    """Measures both models on labeled checks."""
    labeled = _load_labeled(run, options)
    from pipeline.evaluation import check as evaluation

    record = evaluation.evaluate(run, labeled)
    return record, evaluation.summary(record)


def benchmark(run: Run, options: Namespace) -> Answer:
    """Measures every format on thumbnails."""
    from pipeline.evaluation import benchmark

    shape = (_BENCHMARK, NETWORK.height, NETWORK.width)
    record = benchmark.benchmark(run, np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))
    return record, benchmark.summary(record)


def calibrate(run: Run, options: Namespace) -> Answer:
    """Refuses: what is found is not accepted or rejected, what is read there is."""
    raise CheckreaderError(f"{run.path}: a run that finds fields has nothing to calibrate")


def report(run: Run, options: Namespace) -> Answer:
    """Refuses: such a run has no report."""
    raise CheckreaderError(
        f"{run.path}: a run that finds fields has no report: `{run.command('evaluate')} --data FOLDER` says what it finds, "
        "and the model card of its release shows it"
    )


def release(run: Run, options: Namespace) -> Answer:
    """Puts the models that find fields into the release."""
    from pipeline.release import check

    return stages.release(run, options, check.RELEASE)


def _load_labeled(run: Run, options: Namespace) -> LabeledChecks:
    if options.data in (None, "digits"):
        raise CheckreaderError(
            f"'checkreader {options.stage}' of a run that finds fields needs --data FOLDER: checks with labels.jsonl, as "
            "`checkreader draw-checks` writes them"
        )
    return labeled_checks.load(Path(options.data))


def _draw_thumbnails(seed: list[int], count: int, part: Part) -> list[Gray]:
    from pipeline.augmentation import check as augmentation
    from pipeline.synthesis.check_drawing import draw
    from pipeline.synthesis.check_hands import invented_hands

    hands, (first, second) = invented_hands(part), seed
    checks = [draw(part, (first * 100 + second, number), hands) for number in range(count)]
    return [
        augmentation.plain(augmentation.flatten(check.picture, check.corners, check.places))
        for check in checks
    ]


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
    {**digit.TASK.next, "verify": "evaluate --data FOLDER"},
)
