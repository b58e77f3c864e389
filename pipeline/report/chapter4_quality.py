"""Chapter 4: how good the network is, and whether its other formats are as good."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipeline.metrics.calibration import ERROR_RATES, NONDIGIT_RATE, calibration_error, interval
from pipeline.report import formats, image_grid, plots
from pipeline.report.html import Block, Chapter, Heading, Plot, SideBySide, Table, Text, Thumbnails
from pipeline.report.run_data import RunData

_BINS: Final = 15  # as `calibrate.calibration_error` counts them
_REJECTED: Final = 0.3  # the end of the error–reject curve
_LISTED: Final = 200  # misread digits that are shown; all of a good network's

Floats = npt.NDArray[np.floating[Any]]


def chapter(run_data: RunData) -> Chapter:
    """The chapter of a run."""
    layers = formats.layer_errors(run_data)
    ece = calibration_error(run_data.probabilities, run_data.data.test.labels)
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
    families = run_data.records["evaluate"]["families"]
    rows = [
        (
            name,
            f"{one['accuracy']['value']:.2%}",
            f"{one['accuracy']['low']:.2%}–{one['accuracy']['high']:.2%}",
            f"{one['calibration_error']['after']:.2%}",
            f"{one['nondigits']['accepted']:,} of {one['nondigits']['n']:,}",
        )
        for name, one in families.items()
    ]
    top = next(iter(families.values()))
    confusion = np.array(top["confusion"])
    return [
        Table(
            ("model", "accuracy", "95 % interval", "calibration error", "non-digits accepted"),
            rows,
            f"On {top['accuracy']['n']:,} pictures of {top['accuracy']['data']}, which nothing was chosen by.",
        ),
        SideBySide(
            [
                *_curves(run_data),
                Plot(
                    "confusion",
                    _confusion(confusion),
                    "What was written (rows) and what was read (columns), shaded by how often the wrong ones happened. The most frequent mistake: "
                    + _worst(confusion),
                    "Confusion matrix of ten digits",
                ),
            ]
        ),
    ]


def _worst(confusion: npt.NDArray[np.intp]) -> str:
    wrong = confusion - np.diag(np.diag(confusion))
    label, guess = (int(i) for i in np.unravel_index(wrong.argmax(), wrong.shape))
    return f"{label} read as {guess}, {wrong[label, guess]} times." if wrong.any() else "none."


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
            range(1, len(accuracy) + 1), [100 * value for value in accuracy], color=plots.color("blue")
        )
        lower.set_title("accuracy of the averaged weights on validation, %")
        best = 100 * max(accuracy)
        lower.set(xlabel="epoch", ylim=(max(0.0, best - 4), min(100.0, best + 0.3)))
        drawing = plots.svg(figure, "curves")
    return [
        Plot(
            "curves",
            drawing,
            f"{len(loss)} epochs of training.{_least(run_data.records['train']['config'])} Validation ended at {accuracy[-1]:.2%}.",
            "Loss and validation accuracy by epoch",
        )
    ]


def _least(config: dict[str, Any]) -> str:
    """Why the loss cannot reach 0, if it cannot."""
    why = []
    if config["nondigits"]:
        why.append("pictures that are no digits are to be answered with ten equal probabilities")
    if config["distillation"]:
        why.append(f"for {config['distillation']:.0%} of it a teacher's probabilities are the answer")
    return f" The loss cannot reach 0: {', and '.join(why)}." if why else ""


_CURVES: Final = (("train", "epoch_loss"), ("validation", "epoch_accuracy"))


def history(folder: Path, part: str, tag: str) -> list[float]:
    """What training wrote for TensorBoard, one number an epoch; empty where there is nothing."""
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
    test, probabilities = run_data.data.test, run_data.probabilities
    guess = probabilities.argmax(1)
    wrong = np.flatnonzero(guess != test.labels)
    wrong = wrong[np.argsort(-probabilities[wrong, guess[wrong]], kind="stable")]
    shown = []
    for index in wrong[:_LISTED]:
        row, label = probabilities[index], int(test.labels[index])
        every = ", ".join(f"{digit}: {value:.1%}" for digit, value in enumerate(row))
        shown.append(
            image_grid.ink(
                test.images[index],
                f"{label} read as {guess[index]}; p({guess[index]}) = {row[guess[index]]:.0%}, p({label}) = {row[label]:.0%}",
                f"Labeled {label}, read as {guess[index]}; {every}",
            )
        )
    if not shown:
        return [Text("No test digit was misread.")]
    rest = f" Of {len(wrong):,} the {len(shown):,} surest." if len(wrong) > len(shown) else ""
    return [
        Heading("Every misread digit" if not rest else "Misread digits"),
        Thumbnails(
            "misread",
            [("", shown)],
            f"All {len(wrong):,} test digits that are read wrong, the surest mistakes first: the label, what was read with its probability, "
            f"and the probability of the label.{rest} Some a person would not read either.",
            84,
        ),
    ]


def _confidence(run_data: RunData, ece: float) -> list[Block]:
    labels, probabilities = run_data.data.test.labels, run_data.probabilities
    score, right = probabilities.max(1), probabilities.argmax(1) == labels
    order = np.argsort(score, kind="stable")
    bins = reliability(score, right)
    with plots.drawing(plots.WIDTH, 3.8) as (figure, ax):
        ax.plot([0, 100], [0, 100], color=plots.color("muted"), lw=1, ls=(0, (4, 3)))
        for one in bins:
            ax.plot(
                [100 * one["confidence"]] * 2,
                [100 * one["low"], 100 * one["high"]],
                color=plots.color("blue"),
                alpha=0.4,
            )
            ax.plot(100 * one["confidence"], 100 * one["accuracy"], "o", ms=7, color=plots.color("blue"))
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
    some = np.flatnonzero(rejected <= _REJECTED)
    some = some[:: -max(1, len(some) // 500)]  # from the back, where nothing is rejected
    with plots.drawing(plots.WIDTH, 3.8) as (figure, ax):
        ax.plot(100 * rejected[some], 100 * errors[some], color=plots.color("blue"))
        ax.set(
            xlabel="left to a human, %",
            ylabel="wrong among the rest, %",
            ylim=(0, None),
            xlim=(0, 100 * _REJECTED),
        )
        curve = plots.svg(figure, "error-reject")
    thresholds = next(iter(run_data.records["evaluate"]["families"].values()))["thresholds"]
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
        Table(
            ("wanted error", "threshold", "accepted", "error among them", "95 % interval"),
            [
                (
                    f"{one['max_error']:.1%}",
                    f"{one['threshold']:.4f}",
                    f"{one['accepted']:.2%}",
                    f"{one['error']:.3%}",
                    f"{one['low']:.3%}–{one['high']:.3%}",
                )
                for one in thresholds
            ],
            f"The thresholds that validation chose, measured on test.{_floor(run_data.records['train']['calibration'])}",
        ),
    ]


def _floor(calibration: dict[str, Any]) -> str:
    """Why some thresholds are equal, and why some are missing."""
    least, found = calibration["floor"], calibration["thresholds"]
    text = (
        f" None lies below {least:.4f}, which turns away all but one in {1 / NONDIGIT_RATE:,.0f} pictures that are no digit."
        if least
        else ""
    )
    missing = sorted(set(ERROR_RATES) - {one["max_error"] for one in found}, reverse=True)
    rates = ", ".join(f"{rate:.1%}" for rate in missing)
    return text + (f" For {rates} there are too few validation digits." if missing else "")


def reliability(score: Floats, right: npt.NDArray[np.bool_], bins: int = 10) -> list[dict[str, float]]:
    """Confidence and accuracy, with its 95 % interval, in bins of equal width that hold any digit; both arguments [N]."""
    place = np.minimum((score * bins).astype(int), bins - 1)
    found = []
    for number in np.unique(place):
        mine = place == number
        hits, count = int(right[mine].sum()), int(mine.sum())
        low, high = interval(hits, count)
        found.append(
            {
                "confidence": float(score[mine].mean()),
                "accuracy": hits / count,
                "low": low,
                "high": high,
                "n": count,
            }
        )
    return found
