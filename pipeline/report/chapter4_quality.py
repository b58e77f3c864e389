"""Writes chapter 4: how good the network is, and whether its other formats are as good."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipeline.metrics.calibration import ERROR_RATES, NONDIGIT_RATE, calibration_error, reliability
from pipeline.records import Calibration, Point
from pipeline.report import formats, image_grid, plots
from pipeline.report.html import Block, Chapter, Heading, Plot, SideBySide, Table, Text, Thumbnails
from pipeline.report.run_data import RunData

_BINS: Final = 15  # as in `calibration.calibration_error`
_REJECTED: Final = 0.3  # the end of the error–reject curve
_LISTED: Final = 200  # misread digits on the page; a good network has fewer

Floats = npt.NDArray[np.floating[Any]]


def chapter(run_data: RunData) -> Chapter:
    """Returns the chapter of a run."""
    layers = formats.layer_errors(run_data)
    ece = calibration_error(run_data.probabilities, run_data.dataset.test.labels)
    return Chapter(
        "quality",
        "How good it is",
        [
            *_accuracy(run_data),
            *_misread(run_data),
            *_confidence(run_data, ece),
            *formats.blocks(run_data, layers),
        ],
        {"calibration_error": ece, "int8_layers": layers},
    )


def _accuracy(run_data: RunData) -> list[Block]:
    families = run_data.records.evaluate.families
    rows = [
        (
            name,
            f"{family.accuracy.value:.2%}",
            f"{family.accuracy.low:.2%}–{family.accuracy.high:.2%}",
            f"{family.calibration_error.after:.2%}",
            f"{family.nondigits.accepted:,} of {family.nondigits.n:,}",
        )
        for name, family in families.items()
    ]
    first = next(iter(families.values()))
    confusion = np.array(first.confusion)
    return [
        Table(
            ("model", "accuracy", "95 % interval", "calibration error", "non-digits accepted"),
            rows,
            f"On {first.accuracy.n:,} pictures of {first.accuracy.data}, which nothing was chosen by.",
        ),
        SideBySide(
            [
                *_curves(run_data),
                Plot(
                    "confusion",
                    _confusion(confusion),
                    "What was written (rows) and what was read (columns), shaded by how often the wrong ones happened. "
                    + most_frequent_mistake(confusion),
                    "Confusion matrix of ten digits",
                ),
            ]
        ),
    ]


def most_frequent_mistake(confusion: npt.NDArray[np.intp]) -> str:
    """Returns the sentence on it; several may be equally frequent.

    Args:
        confusion: int [10, 10], what was written by what was read.
    """
    wrong = confusion - np.diag(np.diag(confusion))
    most = int(wrong.max())
    if most < 2:
        return "No mistake happened twice." if most else "There was none."
    pairs = [f"{label} read as {guess}" for label, guess in np.argwhere(wrong == most)]
    return f"The most frequent: {' and '.join(pairs)}, {most} times{' each' if len(pairs) > 1 else ''}."


def _confusion(confusion: npt.NDArray[np.intp]) -> str:
    wrong = confusion - np.diag(np.diag(confusion))
    shade = wrong / max(1, wrong.max())
    texts = [[str(count) if count else "" for count in row] for row in confusion]
    names = [str(digit) for digit in range(10)]
    with plots.drawing(plots.WIDTH, 4.4) as (figure, ax):
        plots.matrix(ax, shade, texts, names, names, "orange")
        ax.set(xlabel="read", ylabel="written")
        return plots.svg(figure, "confusion")


def _curves(run_data: RunData) -> list[Plot]:
    loss, accuracy = (history(run_data.run / "tensorboard", *where) for where in _CURVES)
    if not loss or not accuracy:
        return []
    with plots.drawing(plots.WIDTH, 4.4, 2, 1, sharex=True) as (figure, (upper, lower)):
        upper.plot(range(1, len(loss) + 1), loss, color=plots.color("orange"))
        upper.set_title("loss on distorted training pictures")
        lower.plot(
            range(1, len(accuracy) + 1),
            [100 * epoch_accuracy for epoch_accuracy in accuracy],
            color=plots.color("blue"),
        )
        lower.set_title("accuracy of the averaged weights on validation, %")
        best = 100 * max(accuracy)
        lower.set(xlabel="epoch", ylim=(max(0.0, best - 4), min(100.0, best + 0.3)))
        drawing = plots.svg(figure, "curves")
    return [
        Plot(
            "curves",
            drawing,
            f"{len(loss)} epochs of training.{loss_note(run_data.records.train.config)} Validation ended at {accuracy[-1]:.2%}.",
            "Loss and validation accuracy by epoch",
        )
    ]


def loss_note(config: dict[str, Any]) -> str:
    """Explains why the loss cannot reach 0, if it cannot."""
    why = []
    if config["nondigits"]:
        why.append("pictures that are no digits are to be answered with ten equal probabilities")
    if config["distillation"]:
        why.append(f"for {config['distillation']:.0%} of it a teacher's probabilities are the answer")
    return f" The loss cannot reach 0: {', and '.join(why)}." if why else ""


_CURVES: Final = (("train", "epoch_loss"), ("validation", "epoch_accuracy"))


def history(folder: Path, part: str, tag: str) -> list[float]:
    """Reads what training wrote for TensorBoard, one number an epoch; returns [] if there is nothing."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorflow import make_ndarray

    if not (folder / part).is_dir():
        return []
    events = EventAccumulator(str(folder / part), size_guidance={"tensors": 0})
    events.Reload()
    if tag not in events.Tags()["tensors"]:
        return []
    last = {event.step: float(make_ndarray(event.tensor_proto)) for event in events.Tensors(tag)}
    return [last[step] for step in sorted(last)]


def _misread(run_data: RunData) -> list[Block]:
    test, probabilities = run_data.dataset.test, run_data.probabilities
    guess = probabilities.argmax(1)
    wrong = np.flatnonzero(guess != test.labels)
    wrong = wrong[np.argsort(-probabilities[wrong, guess[wrong]], kind="stable")]
    tiles = []
    for index in wrong[:_LISTED]:
        row, label = probabilities[index], int(test.labels[index])
        probabilities_text = ", ".join(f"{digit}: {probability:.1%}" for digit, probability in enumerate(row))
        tiles.append(
            image_grid.ink(
                test.images[index],
                f"{label} read as {guess[index]}; p({guess[index]}) = {row[guess[index]]:.0%}, p({label}) = {row[label]:.0%}",
                f"Labeled {label}, read as {guess[index]}; {probabilities_text}",
            )
        )
    if not tiles:
        return [Text("No test digit was misread.")]
    rest = f" Of {len(wrong):,} the {len(tiles):,} surest." if len(wrong) > len(tiles) else ""
    return [
        Heading("Every misread digit" if not rest else "Misread digits"),
        Thumbnails(
            "misread",
            [("", tiles)],
            f"All {len(wrong):,} test digits that are read wrong, the surest mistakes first: the label, what was read with its probability, "
            f"and the probability of the label.{rest} Some a person would not read either.",
            84,
        ),
    ]


def _confidence(run_data: RunData, ece: float) -> list[Block]:
    labels, probabilities = run_data.dataset.test.labels, run_data.probabilities
    score, right = probabilities.max(1), probabilities.argmax(1) == labels
    order = np.argsort(score, kind="stable")
    bins = reliability(score, right)
    with plots.drawing(plots.WIDTH, 3.8) as (figure, ax):
        ax.plot([0, 100], [0, 100], color=plots.color("muted"), lw=1, ls=(0, (4, 3)))
        for entry in bins:
            ax.plot(
                [100 * entry["confidence"]] * 2,
                [100 * entry["low"], 100 * entry["high"]],
                color=plots.color("blue"),
                alpha=0.4,
            )
            ax.plot(100 * entry["confidence"], 100 * entry["accuracy"], "o", ms=7, color=plots.color("blue"))
        ax.set(
            xlabel="what it says: confidence, %",
            ylabel="what is true: accuracy, %",
            xlim=(0, 101),
            ylim=(0, 102),
        )
        diagram = plots.svg(figure, "reliability")
    kept = np.arange(1, len(order) + 1)
    errors = np.cumsum(~right[order[::-1]]) / kept
    rejected = 1 - kept / len(order)
    plotted = np.flatnonzero(rejected <= _REJECTED)
    plotted = plotted[:: -max(1, len(plotted) // 500)]  # from the back, where nothing is rejected
    with plots.drawing(plots.WIDTH, 3.8) as (figure, ax):
        ax.plot(100 * rejected[plotted], 100 * errors[plotted], color=plots.color("blue"))
        ax.set(
            xlabel="left to a human, %",
            ylabel="wrong among the rest, %",
            ylim=(0, None),
            xlim=(0, 100 * _REJECTED),
        )
        curve = plots.svg(figure, "error-reject")
    thresholds = next(iter(run_data.records.evaluate.families.values())).thresholds
    return [
        Heading("Does it know when it does not know?"),
        SideBySide(
            [
                Plot(
                    "reliability",
                    diagram,
                    f"Reliability: the test digits in ten bins by confidence, with 95 % intervals; on the dashed line it would be as often right as it says. "
                    f"{bins[-1]['n']:,} of {len(labels):,} are in the last bin. Expected calibration error over {_BINS} equally filled bins: {ece:.2%}.",
                    "Accuracy against confidence",
                ),
                Plot(
                    "error-reject",
                    curve,
                    "The error among what is accepted when the least sure digits are left to a human: the curve that matters for reading checks.",
                    "Error against the share rejected",
                ),
            ]
        ),
        *thresholds_table(thresholds, run_data.records.train.calibration),
    ]


def thresholds_table(thresholds: Sequence[Point], calibration: Calibration | None) -> list[Table | Text]:
    """Returns the table of the certified thresholds, or why there is none."""
    note = thresholds_note(calibration)
    if not thresholds:
        return [Text(f"No threshold is certified, so nothing is accepted without a human.{note}")]
    rows = [
        (
            f"{point.max_error:.1%}",
            f"{point.threshold:.4f}",
            f"{point.accepted:.2%}",
            f"{point.error:.3%}",
            f"{point.low:.3%}–{point.high:.3%}",
        )
        for point in thresholds
    ]
    head = ("wanted error", "threshold", "accepted", "error among them", "95 % interval")
    return [Table(head, rows, f"The thresholds that validation chose, measured on test.{note}")]


def thresholds_note(calibration: Calibration | None) -> str:
    """Explains what no threshold lies below, and why some error rates have none."""
    assert calibration is not None  # every training of digits is calibrated
    least, thresholds = calibration.least_evidence, calibration.thresholds
    text = (
        f" Evidence of at least {least:.2f} is asked for, too, which turns away all but one in {1 / NONDIGIT_RATE:,.0f} pictures "
        "that are no digit."
        if least is not None and thresholds
        else ""
    )
    smallest = min((threshold.max_error for threshold in thresholds), default=1.0)
    missing = [
        rate for rate in ERROR_RATES if rate < smallest
    ]  # equal thresholds are listed under the smallest
    rates = ", ".join(f"{rate:.1%}" for rate in missing)
    return text + (
        f" For {rates} too few validation digits are read surely enough without an error." if missing else ""
    )
