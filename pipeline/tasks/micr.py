"""The stages of a MICR run: those of a field run, on drawn lines.

No data set is needed for training; `calibrate` and `evaluate` need labeled lines.
"""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Final

import numpy as np

from pipeline.config import micr_preset
from pipeline.data import labeled_lines
from pipeline.data.labeled_lines import LabeledLines
from pipeline.run import Run
from pipeline.tasks import digit, stages
from pipeline.tasks.stages import Answer, TaskStages, export, load_tensorflow
from serving.errors import CheckreaderError
from serving.images.codec import Gray

_QUANTIZE: Final = 256  # lines that the activations' ranges are measured on
_VERIFY: Final = 300
_BENCHMARK: Final = (16, 640)  # lines, columns
_OF_FIELDS: Final = {"--veto": "veto", "--views": "views", "--as": "read_as"}


def run_name(options: Namespace) -> str:
    """Returns the run's name."""
    return "micr"


def train(run: Run, options: Namespace) -> Answer:
    """Trains from scratch on drawn lines."""
    from pipeline.synthesis.micr_sampler import MicrSampler

    sampler = MicrSampler()
    load_tensorflow()
    from pipeline.networks import spec
    from pipeline.training import field as training

    config = micr_preset(options.preset, options.seed)
    record = training.train(
        run, config, sampler, sampler.record(), options.preset, options.resume, task=spec.MICR
    )
    exact = record["metrics"]["validation_exact"]
    uncertified = stages.uncertified({name: () for name in (spec.MICR.model, spec.MICR.int8)})
    return record, stages.lines(f"{run.path}: {exact:.2%} of drawn lines read exactly", uncertified)


def quantize(run: Run, options: Namespace) -> Answer:
    """Makes the 8-bit network after training, by drawn lines."""
    return stages.quantize_by_drawn(run, lambda seed: _draw_lines(seed, _QUANTIZE, "train"))


def verify(run: Run, options: Namespace) -> Answer:
    """Compares the formats on drawn lines, or explains where two differ."""
    return stages.verify_by_drawn(run, options, lambda seed: _draw_lines(seed, _VERIFY, "validation"))


def calibrate(run: Run, options: Namespace) -> Answer:
    """Chooses confidence and thresholds of both models by labeled lines."""
    labeled = _load_labeled(run, options)
    from pipeline.evaluation import micr_run

    record = micr_run.calibrate(run, labeled)
    thresholds = {name: family["calibration"]["thresholds"] for name, family in record["families"].items()}
    return record, stages.lines(micr_run.calibration_summary(record), stages.uncertified(thresholds))


def evaluate(run: Run, options: Namespace) -> Answer:
    """Measures both models on labeled lines."""
    labeled = _load_labeled(run, options)
    from pipeline.evaluation import micr_run

    record = micr_run.evaluate(run, labeled)
    thresholds = {name: family["thresholds"] for name, family in record["families"].items()}
    return record, stages.lines(micr_run.summary(record), stages.uncertified(thresholds))


def benchmark(run: Run, options: Namespace) -> Answer:
    """Measures every format on lines of one width."""
    from pipeline.evaluation import benchmark

    count, width = _BENCHMARK
    pixels = np.random.default_rng(0).integers(0, 256, (count, 32, width), dtype=np.uint8)
    record = benchmark.benchmark(run, pixels)
    return record, benchmark.summary(record)


def report(run: Run, options: Namespace) -> Answer:
    """Refuses: a MICR run has no report."""
    raise CheckreaderError(
        f"{run.path}: a MICR run has no report: `{run.command('evaluate')} --data FOLDER` says what it reads, and the "
        "model card of its release shows it"
    )


def release(run: Run, options: Namespace) -> Answer:
    """Puts the MICR models into the release."""
    from pipeline.release import micr

    return stages.release(run, options, micr.RELEASE)


def _load_labeled(run: Run, options: Namespace) -> LabeledLines:
    if options.data is None:
        raise CheckreaderError(
            f"'checkreader {options.stage}' of a MICR run needs --data FOLDER: lines with labels.csv"
        )
    for option, name in _OF_FIELDS.items():
        if getattr(options, name, None):
            raise CheckreaderError(f"{option}: for fields alone, and {run.path} reads MICR lines")
    return labeled_lines.load(Path(options.data))


def _draw_lines(seed: list[int], count: int, part: str) -> list[Gray]:
    from pipeline.synthesis.micr_sampler import MicrSampler

    return [pixels for pixels, _ in MicrSampler(part)(np.random.default_rng(seed), count)]


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
    {**digit.TASK.next, "verify": "calibrate --data FOLDER", "calibrate": "evaluate --data FOLDER"},
)
