"""Writes the report of a run: one HTML file that shows what the network is, learned and does, and its pictures.

    checkreader report --run mnist       # runs/mnist/report/index.html

It needs the stages up to `benchmark`. The networks that it compares are trained first, if the run does not
hold them yet (`report.architecture_training`): half an hour on MNIST, a minute or two on the embedded digits; the
rest takes less than three minutes. Importing this needs TensorFlow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from pipeline import progress
from pipeline.data.digits import Dataset
from pipeline.report import (
    architecture_training,
    chapter1_network,
    chapter2_learned,
    chapter3_ablations,
    chapter4_quality,
    chapter5_failures,
    overview,
)
from pipeline.report import html as page
from pipeline.report.architecture_training import Budget
from pipeline.report.architectures import VARIANTS, Variant
from pipeline.report.html import Chapter
from pipeline.report.run_data import RunData, require
from pipeline.run import Run

CHAPTERS: Final[tuple[Callable[[RunData], Chapter], ...]] = (
    chapter1_network.chapter,
    chapter2_learned.chapter,
    chapter3_ablations.chapter,
    chapter4_quality.chapter,
    chapter5_failures.chapter,
)


def report(
    run: Run, dataset: Dataset, budget: Budget | None = None, variants: Sequence[Variant] = VARIANTS
) -> dict[str, Any]:
    """Runs the stage: writes `report/index.html`, its pictures and `report.json`.

    Args:
        run: a run that was benchmarked.
        dataset: the run's training data.
        budget: how the networks to compare are trained; None = the default for the data.
        variants: the networks to compare.

    Returns:
        The record; each chapter's measurements are under its name.

    Raises:
        CheckreaderError: a stage before is missing, or one of its files changed.
    """
    require(run)  # before anything is trained
    folder = run / page.FOLDER
    comparisons = architecture_training.compare(
        folder, dataset, budget or architecture_training.default_budget(dataset), variants
    )
    run_data = RunData.of(run, dataset, comparisons)
    chapters = []
    for number, write in enumerate(CHAPTERS, 1):
        progress.note(f"report: chapter {number} of {len(CHAPTERS)}")
        chapters.append(write(run_data))
    progress.note("report: pictures and page")
    files = page.write(
        run,
        page.Page(
            f"LeNet-5, run {run.path.name}",
            overview.sentences(run_data, {chapter.name: chapter.numbers for chapter in chapters}),
            _facts(run_data),
            overview.WORDS,
            chapters,
            "the run's records and weights, its data and the networks trained for comparison",
        ),
    )
    written = [*files, f"{page.FOLDER}/{architecture_training.FILE}"]
    return run.record(
        "report", written, data=dataset.record(), **{chapter.name: chapter.numbers for chapter in chapters}
    )


def _facts(run_data: RunData) -> list[tuple[str, str]]:
    train, evaluated = run_data.records.train, run_data.records.evaluate
    accuracy = evaluated.families["lenet5"].accuracy
    machine = evaluated.environment.machine
    return [
        ("data", f"{train.data['name']}, {train.data['train']:,} pictures to train on"),
        ("accuracy on test", f"{accuracy.value:.2%} ({accuracy.low:.2%}–{accuracy.high:.2%})"),
        ("parameters", f"{run_data.model.count_params():,}"),
        ("preset and seed", f"{train.preset or 'own'}, {train.config['seed']}"),
        *training_facts(train.config),
        ("TensorFlow", train.environment.packages["tensorflow"]),
        ("machine", f"{machine.cpu}, {machine.cores} cores"),
    ]


def training_facts(config: dict[str, Any]) -> list[tuple[str, str]]:
    """Names what training used beyond labels and distortion."""
    parts = []
    if config["distillation"]:
        parts.append(f"a teacher for {config['distillation']:.0%} of the loss")
    if config["defects"]:
        parts.append(f"defects on {config['defects']:.0%} of the pictures")
    return [("training", ", ".join(parts))] if parts else []


def summary(record: dict[str, Any], run: Run) -> str:
    """Formats the record in a few lines for the screen."""
    mean, ece = record["failures"]["corruptions"]["mean"], record["quality"]["calibration_error"]
    return (
        f"{run / page.FOLDER / page.PAGE}: calibration error {ece:.2%}; mean accuracy under 15 corruptions {mean['raw']:.2%} "
        f"as they are, {mean['normalized']:.2%} normalized"
    )
