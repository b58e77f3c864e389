"""Writes chapter 3: the effect of each part of the network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.networks import lenet5_1998
from pipeline.report import architecture_training, image_grid, plots
from pipeline.report.architecture_training import SHIFTED, SHIFTS
from pipeline.report.architectures import VARIANTS, named
from pipeline.report.html import Block, Chapter, Heading, Plot, SideBySide, Table, Text, Thumbnails
from pipeline.report.run_data import RunData

Networks = dict[str, dict[str, Any]]


def chapter(run_data: RunData) -> Chapter:
    """Returns the chapter of a run."""
    networks = architecture_training.summary(run_data.comparisons)
    released = architecture_training.shift_accuracy(run_data.predicted_digits, run_data.dataset.validation)
    return Chapter(
        "parts",
        "What its parts buy",
        [*_trained(run_data, networks), *_original(), *_shifts(run_data, networks, released)],
        {"comparisons": networks, "released_shifted": released},
    )


def _trained(run_data: RunData, networks: Networks) -> list[Block]:
    budget, dataset = run_data.comparisons["budget"], run_data.comparisons["data"]
    rows = [
        (
            variant.label,
            variant.note,
            f"{network['parameters']:,}",
            f"{network['accuracy']:.2%}",
            f"{network['low']:.2%}–{network['high']:.2%}",
        )
        for variant in VARIANTS
        if variant.group != "size" and (network := networks.get(variant.name))
    ]
    return [
        Text(
            f"Each network below is the LeNet-5 of today's textbooks (max pooling, ReLU before it) with one part exchanged, trained from scratch with the same small budget: {budget['epochs']} epochs "
            f"of {dataset['train']:,} pictures of {dataset['name']}, batches of {budget['batch']}, Adam from {budget['learning_rate']:g} along a cosine to 0, "
            f"no augmentation, seeds {', '.join(map(str, budget['seeds']))}. Accuracy is that on the {dataset['validation']:,} validation pictures. With so "
            "few epochs it says how fast a network learns as much as how far it could get; differences "
            "smaller than the spread of the seeds say nothing."
        ),
        Plot(
            "parts",
            _dots(networks),
            "Mean over the seeds, with a line from the worst to the best. The farther right the better.",
            "Accuracy of each network as a dot with its spread",
        ),
        Table(
            ("network", "what is different", "parameters", "accuracy", "lowest–highest"),
            rows,
            "The same in numbers.",
            left=2,
        ),
    ]


def _dots(networks: Networks) -> str:
    groups = [
        [variant for variant in VARIANTS if variant.group == group and variant.name in networks]
        for group in ("pooling", "activation", "structure")
    ]
    labels, heights = [], []
    with plots.drawing(5.8, 4.6) as (figure, ax):
        height = 0.0
        for number, group in enumerate(group for group in groups if group):
            tint = plots.color(plots.SERIES[number])
            for variant in group:
                network = networks[variant.name]
                ax.plot(
                    [100 * network["low"], 100 * network["high"]], [height] * 2, color=tint, lw=3, alpha=0.45
                )
                ax.plot(100 * network["accuracy"], height, "o", ms=8, color=tint)
                labels.append("max pooling, ReLU" if variant.name == "max" else variant.label)
                heights.append(height)
                height -= 1
            height -= 0.7
        ax.set_yticks(heights, labels)
        ax.tick_params(axis="y", labelcolor=plots.color("ink"))
        ax.set(xlabel="accuracy, %")
        ax.grid(axis="y", visible=False)
        ax.spines["left"].set_visible(False)
        return plots.svg(figure, "parts")


def _original() -> list[Block]:
    counts = [
        (
            layer.name.upper() if layer.name != "logits" else "output",
            sum(int(np.prod(w.shape)) for w in layer.trainable_weights),
        )
        for layer in lenet5_1998.build().layers
        if layer.weights
    ]
    total = sum(count for _, count in counts)
    marks = [[" X"[source in sources] for sources in lenet5_1998.TABLE_I] for source in range(6)]
    bitmaps = [
        image_grid.ink(np.maximum(code.reshape(12, 7), 0), str(digit), f"The code of {digit}")
        for digit, code in enumerate(lenet5_1998.codes().T)
    ]
    return [
        Heading("The network of 1998"),
        Text(
            "LeNet-5 as LeCun, Bottou, Bengio and Haffner published it was thriftier and stranger than its descendants. Sixteen maps of C3 see "
            "three, four or six of the maps of S2, which breaks the symmetry between them; subsampling has a coefficient "
            "and a bias that are learned; the activation is 1.7159·tanh(⅔a); and the output is the distance to a drawn picture of each digit. "
            "It was made for another way of training, and for twenty epochs of it: with the recipe above it learns slowly."
        ),
        Table(
            ("map of S2", *(str(number) for number in range(1, 17))),
            [(str(number), *row) for number, row in enumerate(marks, 1)],
            "Which maps of S2 (rows) each map of C3 (columns) sees: 60 of 96 pairs.",
        ),
        Table(
            ("", *(name for name, _ in counts), "in all"),
            [("trained", *(f"{count:,}" for _, count in counts), f"{total:,}")],
            "Its trained parameters. The 840 numbers of the output are the pictures below and stay as they are.",
        ),
        Thumbnails(
            "codes",
            [("", bitmaps)],
            "The 7×12 pictures that F6 learns to draw: the digit whose picture is nearest wins. Drawn for this project after the paper's figure.",
            42,
        ),
    ]


def _shifts(run_data: RunData, networks: Networks, released: list[float]) -> list[Block]:
    pooling = [(v.label, v.name) for v in VARIANTS if v.group == "pooling" and v.name in networks]
    others = [
        ("LeNet-5", "max"),
        ("1×1 between", "one-by-one"),
        ("tanh", "tanh"),
        ("sigmoid", "sigmoid"),
        ("1998", "lenet5-1998"),
        ("connected, 78", "connected-78"),
        ("connected, 1200", "connected-1200"),
    ]
    others = [(label, name) for label, name in others if name in networks]
    rows = [
        (
            named(name).label if name != "max" else "max pooling (LeNet-5)",
            *(f"{accuracy:.1%}" for accuracy in network["shifted"]),
        )
        for name, network in networks.items()
    ]
    return [
        Heading("How much shifting they bear"),
        Text(
            "A map moves when the picture does, and subsampling forgets a little of where. That is all the invariance that is built in, "
            "and it is less than often said: networks that have only seen centered digits fall off within a few pixels. The rest has "
            "to be learned from moved digits, or be taken away before, as normalization does."
        ),
        SideBySide(
            [
                Plot(
                    "shift-pooling",
                    _curves(pooling, networks, None),
                    f"Accuracy against shift of {_moved(run_data)}, by the kind of subsampling, mean over the seeds."
                    + _extremes(pooling, networks),
                    "Curves of accuracy against shift in pixels",
                ),
                Plot(
                    "shift-others",
                    _curves(others, networks, released),
                    "The same for other changes, for fully connected networks, and for this run's own network, which was trained on distorted digits.",
                    "Curves of accuracy against shift in pixels",
                ),
            ]
        ),
        Table(
            ("shift, pixels", *map(str, SHIFTS)),
            [*rows, ("this run's network", *(f"{accuracy:.1%}" for accuracy in released))],
            f"Accuracy of {_moved(run_data)}, moved left, right, up and down alike; ink that leaves the picture is lost.",
        ),
    ]


def _moved(run_data: RunData) -> str:
    return f"the first {min(SHIFTED, run_data.comparisons['data']['validation']):,} validation digits"


def _extremes(entries: Sequence[tuple[str, str]], networks: Networks) -> str:
    """Returns the sentence on the best and the worst network at a shift of 3 pixels."""
    if len(entries) < 2:
        return ""
    ranked = sorted(entries, key=lambda entry: networks[entry[1]]["shifted"][3])
    (worst, low), (best, high) = ranked[0], ranked[-1]
    return f" At 3 pixels {best} is left with {networks[high]['shifted'][3]:.0%}, {worst} with {networks[low]['shifted'][3]:.0%}."


def _curves(entries: Sequence[tuple[str, str]], networks: Networks, released: list[float] | None) -> str:
    name = "shift-pooling" if released is None else "shift-others"
    lines = [(label, [100 * accuracy for accuracy in networks[key]["shifted"]]) for label, key in entries]
    with plots.drawing(plots.WIDTH, 4.2) as (figure, ax):
        ends = []
        for number, (label, accuracies) in enumerate(lines):
            tint = plots.SERIES[number % len(plots.SERIES)]
            ax.plot(SHIFTS, accuracies, color=plots.color(tint))
            ends.append((label, tint, accuracies[-1]))
        if released is not None:
            accuracies = [100 * accuracy for accuracy in released]
            ax.plot(SHIFTS, accuracies, color=plots.color("ink"), lw=3)
            ends.append(("this run's", "ink", accuracies[-1]))
        ax.set_xticks(SHIFTS)
        plots.end_labels(ax, ends, SHIFTS[-1] + 0.15, 5.5)
        ax.set(xlabel="shift, pixels", ylabel="accuracy, %", ylim=(0, 101), xlim=(0, SHIFTS[-1] + 0.05))
        return plots.svg(figure, name)
