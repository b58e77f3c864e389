"""Writes chapter 5: how the network fails, and what normalization repairs."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipeline.data.digits import Split
from pipeline.data.normalize_many import Normalize, Pixels, parallel_normalizer
from pipeline.evaluation import shifts
from pipeline.evaluation.corruptions import KINDS, corrupt
from pipeline.report import image_grid, plots
from pipeline.report.html import Block, Chapter, Heading, Plot, SideBySide, Table, Text, Thumbnails
from pipeline.report.run_data import RunData

SUBSET: Final = 2_000  # test pictures, where all of them would take too long
_ANGLES: Final = tuple(range(-90, 91, 15))
_WIDER: Final = (-2.0, -1.5, -1.0, -0.5, 0.0, 1.0, 2.0, 3.0, 4.0)
SMALL_SUBSET: Final = 1_000  # and where each picture takes longer


def chapter(run_data: RunData) -> Chapter:
    """Returns the chapter of a run."""
    with parallel_normalizer() as normalized:
        corrupted, corruptions = _corruptions(run_data, normalized)
        harder, hardness = _hardships(run_data, normalized)
    return Chapter(
        "failures", "How it fails", [*corrupted, *harder], {"corruptions": corruptions, **hardness}
    )


def _accuracy(run_data: RunData, pixels: Pixels, labels: npt.NDArray[np.uint8]) -> float:
    return float((run_data.predicted_digits(pixels) == labels).mean())


def _corruptions(run_data: RunData, normalized: Normalize) -> tuple[list[Block], dict[str, Any]]:
    test = run_data.dataset.test
    accuracies: dict[str, dict[str, float]] = {}
    groups = []
    for kind in KINDS:
        raw = corrupt(test.images, kind)
        repaired = normalized(raw)
        accuracies[kind] = {
            "raw": _accuracy(run_data, raw, test.labels),
            "normalized": _accuracy(run_data, repaired, test.labels),
        }
        index = run_data.example_index
        groups.append(
            (
                kind,
                [
                    image_grid.ink(raw[index], f"{accuracies[kind]['raw']:.1%}", f"A digit under {kind}"),
                    image_grid.ink(
                        repaired[index], f"{accuracies[kind]['normalized']:.1%}", "The same, normalized"
                    ),
                ],
            )
        )
    mean = {
        key: float(np.mean([accuracy[key] for accuracy in accuracies.values()]))
        for key in ("raw", "normalized")
    }
    clean = _accuracy(run_data, test.images, test.labels)
    numbers = {"clean": clean, "mean": mean, "kinds": accuracies, "n": len(test.labels)}
    gains = {kind: accuracy["normalized"] - accuracy["raw"] for kind, accuracy in accuracies.items()}
    better = sorted((kind for kind in gains if gains[kind] > 0.02), key=lambda kind: -gains[kind])
    worse = sorted((kind for kind in gains if gains[kind] < -0.02), key=lambda kind: gains[kind])
    return [
        Text(
            "MNIST-C (Mu and Gilmer 2019) asks whether a network still reads what a person reads without effort. Its fifteen corruptions "
            f"were made anew from their description, at its severities, of all {len(test.labels):,} test pictures. Untouched ones are read "
            f"right {clean:.2%} of the time."
        ),
        Text(
            f"A client that sends tensors gets what the network makes of the pixels as they are, on average {mean['raw']:.1%}. A client that posts pictures "
            f"gets them normalized first, on average {mean['normalized']:.1%}. Normalization repairs {_names(better)}; "
            f"it does harm under {_names(worse)}."
            + (
                " Stripe inverts both sides: more than half of the picture is dark, and normalization takes the ink for paper."
                if "stripe" in worse
                else ""
            )
            + defects_note(run_data.records.train.config)
        ),
        Plot(
            "corruptions",
            _dumbbells(accuracies),
            "Accuracy on the pixels as they are (orange) and after the service's normalization (blue).",
            "Two dots for each of fifteen corruptions, before and after normalization",
        ),
        Thumbnails(
            "corrupted",
            groups,
            "One digit under each of them, as it is and normalized, with the accuracy over all test pictures.",
            64,
        ),
    ], numbers


def defects_note(config: dict[str, Any]) -> str:
    """Returns the sentence on defects in training, if there were any."""
    if not config["defects"]:
        return ""
    return (
        f" Training was prepared: {config['defects']:.0%} of its pictures had a line across, covered edges, hollow strokes, dirt, haze "
        "or blur, drawn with MNIST-C's descriptions in mind. This is no test of the unforeseen."
    )


def _names(kinds: list[str]) -> str:
    if len(kinds) < 2:
        return kinds[0] if kinds else "nothing"
    return f"{', '.join(kinds[:-1])} and {kinds[-1]}"


def _dumbbells(accuracies: dict[str, dict[str, float]]) -> str:
    order = sorted(accuracies, key=lambda kind: accuracies[kind]["normalized"])
    with plots.drawing(5.8, 5.2) as (figure, ax):
        for height, kind in enumerate(order):
            raw, repaired = (100 * accuracies[kind][key] for key in ("raw", "normalized"))
            ax.plot([raw, repaired], [height] * 2, color=plots.color("grid"), lw=4, zorder=1)
            ax.plot(raw, height, "o", ms=8, color=plots.color("orange"))
            ax.plot(repaired, height, "o", ms=8, color=plots.color("blue"))
        ax.set_yticks(range(len(order)), order)
        ax.tick_params(axis="y", labelcolor=plots.color("ink"))
        ax.set(xlabel="accuracy, %", xlim=(0, 101))
        ax.grid(axis="y", visible=False)
        ax.spines["left"].set_visible(False)
        return plots.svg(figure, "corruptions")


def _hardships(run_data: RunData, normalized: Normalize) -> tuple[list[Block], dict[str, Any]]:
    test = run_data.dataset.test
    subset = test.take(np.arange(min(SUBSET, len(test.labels))))
    angles = _series(run_data, normalized, subset, {str(a): shifts.rotate(subset.images, a) for a in _ANGLES})
    small_subset = test.take(np.arange(min(SMALL_SUBSET, len(test.labels))))
    distance = shifts.ink_distances(small_subset.images)
    pens = _series(
        run_data, normalized, small_subset, {f"{w:g}": shifts.change_pen_width(distance, w) for w in _WIDER}
    )
    photographs = shifts.photograph(subset.images)
    others = {
        "inverted": (255 - subset.images, normalized(255 - subset.images)),
        "photographed": (shifts.shrink(photographs), normalized(photographs)),
    }
    measured = {
        name: {
            key: _accuracy(run_data, pixels, subset.labels)
            for key, pixels in zip(("raw", "normalized"), pair, strict=True)
        }
        for name, pair in others.items()
    }
    indices = [0, 1, 2, 3]
    examples = [
        ("photograph", [image_grid.ink(255 - photographs[i], text="A photographed digit") for i in indices]),
        (
            "only made small",
            [image_grid.ink(others["photographed"][0][i], text="The same, made small") for i in indices],
        ),
        (
            "normalized",
            [image_grid.ink(others["photographed"][1][i], text="The same, normalized") for i in indices],
        ),
        (
            "pen 1.5 thinner",
            [
                image_grid.ink(pixels, text="A thin digit")
                for pixels in shifts.change_pen_width(distance[:4], -1.5)
            ],
        ),
        (
            "pen 4 wider",
            [
                image_grid.ink(pixels, text="A bold digit")
                for pixels in shifts.change_pen_width(distance[:4], 4)
            ],
        ),
    ]
    rows = [
        (name, f"{pixels['raw']:.1%}", f"{pixels['normalized']:.1%}") for name, pixels in measured.items()
    ]
    return [
        Heading("Turned, and with another pen"),
        SideBySide(
            [
                Plot(
                    "rotation",
                    _pair("rotation", angles, "degrees, counterclockwise"),
                    f"Accuracy on {len(subset.labels):,} test digits against rotation. Normalization does not turn a digit back: it cannot know which way up it was.",
                    "Accuracy against rotation",
                ),
                Plot(
                    "pen",
                    _pair("pen", pens, "pixels added to the pen's width"),
                    f"Accuracy on {len(small_subset.labels):,} test digits against the width of the strokes; 0 is the writer's own pen.",
                    "Accuracy against a change of the pen's width",
                ),
            ]
        ),
        Heading("Inverted and photographed"),
        Table(
            ("test digits", "as they are", "normalized"),
            rows,
            f"Accuracy on {len(subset.labels):,} test digits. As they are: the inverted pixels, and the photograph only made small. "
            "Normalization finds out which of the two levels is the ink, evens out the light and centers the digit.",
        ),
        Thumbnails("photographs", examples, "What was measured, in pictures.", 84),
    ], {"rotation": angles, "pen": pens, **measured, "n_hardships": len(subset.labels)}


def _series(
    run_data: RunData, normalized: Normalize, split: Split, cases: dict[str, Pixels]
) -> dict[str, dict[str, float]]:
    return {
        name: {
            "raw": _accuracy(run_data, pixels, split.labels),
            "normalized": _accuracy(run_data, normalized(pixels), split.labels),
        }
        for name, pixels in cases.items()
    }


def _pair(name: str, series: dict[str, dict[str, float]], label: str) -> str:
    at = [float(key) for key in series]
    with plots.drawing(plots.WIDTH, 3.4) as (figure, ax):
        for key, text, tint in (("raw", "as they are", "orange"), ("normalized", "normalized", "blue")):
            ax.plot(
                at,
                [100 * accuracy[key] for accuracy in series.values()],
                "o-",
                ms=4,
                color=plots.color(tint),
                label=text,
            )
        ax.set(xlabel=label, ylabel="accuracy, %", ylim=(0, 101))
        plots.legend(ax)
        return plots.svg(figure, name)
