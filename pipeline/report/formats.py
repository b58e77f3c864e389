"""Writes a part of chapter 4: size, speed, accuracy and agreement of the formats, and the errors of 8 bits."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from matplotlib.ticker import LogLocator

from pipeline.export.formats import FORMATS
from pipeline.networks import batching, spec
from pipeline.records import Pair
from pipeline.report import plots
from pipeline.report.html import Block, Heading, Plot, SideBySide, Table, Text
from pipeline.report.run_data import RunData
from pipeline.verification import drift

_EXPLAINED: Final = 500  # test pictures for the comparison of layers

Floats = npt.NDArray[np.floating[Any]]


def blocks(run_data: RunData, layers: list[dict[str, Any]]) -> list[Block]:
    """Returns the blocks; `layers` is the result of `layer_errors`."""
    return [
        *_formats(run_data),
        *_agreement(run_data),
        *_layers(layers, min(_EXPLAINED, len(run_data.dataset.test.labels))),
    ]


def _formats(run_data: RunData) -> list[Block]:
    benchmarks = run_data.records.benchmark.formats
    accuracies = run_data.records.evaluate.formats
    machine = run_data.records.benchmark.environment.machine
    rows = [row for row in FORMATS if row.name in benchmarks and row.name in accuracies]
    if not rows:
        return [Text("No format was both measured for speed and for accuracy.")]
    with plots.drawing(8.6, 4.8) as (figure, ax):
        points = []
        for row in rows:
            benchmark, tint = benchmarks[row.name], "orange" if row.type == "int8" else "blue"
            x, y = benchmark.images_per_second, benchmark.bytes / 1000
            ax.plot(x, y, "o", ms=9, color=plots.color(tint))
            points.append((f"{row.name} {accuracies[row.name].value:.2%}", tint, x, y))
        ax.set(xscale="log", xlabel="pictures/s, batches of 256, one thread", ylabel="kB")
        ax.margins(x=0.2)
        ax.set_ylim(0, 1.15 * max(point[3] for point in points))
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_major_formatter("{x:,.0f}")
        ax.xaxis.set_minor_formatter("")
        figure.draw_without_rendering()  # settles the scales
        plots.point_labels(ax, points)
        drawing = plots.svg(figure, "formats")
    return [
        Heading("Size, speed and accuracy of every format"),
        Plot(
            "formats",
            drawing,
            f"Down is smaller, right is faster; the figure next to a name is its accuracy. Blue: floating point, orange: 8-bit integers. On {machine.cpu}.",
            "Formats by speed and size, with their accuracy",
            wide=True,
        ),
        Table(
            ("format", "kB", "pictures/s", "p50 ms", "accuracy"),
            [
                (
                    row.name,
                    f"{benchmarks[row.name].bytes / 1000:.0f}",
                    f"{benchmarks[row.name].images_per_second:,.0f}",
                    f"{benchmarks[row.name].p50_ms:.3f}",
                    f"{accuracies[row.name].value:.2%}",
                )
                for row in rows
            ],
            "The same in numbers; p50 is the median time of one picture alone.",
        ),
    ]


def _agreement(run_data: RunData) -> list[Block]:
    record = run_data.records.verify
    assert record.pictures is not None  # a digit run's
    matrices = []
    for family, unit in (("float", "probability"), ("int8", "lsb")):
        pairs = [pair for pair in record.pairs if (pair.lsb is None) == (unit == "probability")]
        if pairs:
            matrices.append(_agreement_of(family, unit, pairs, record.pictures))
    return [
        Heading("Do all formats compute the same?"),
        Text(
            f"All formats were asked all {record.pictures:,} test pictures. Above the diagonal: how many digits two formats read differently. "
            "Below: how far their outputs are apart at most. keras_unfolded and onnx_features hold the network as it was trained, with pooling of its own where that folds in the others; the second has every layer's activations as outputs."
        ),
        SideBySide(matrices),
    ]


def _agreement_of(family: str, unit: str, pairs: list[Pair], count: int) -> Plot:
    names = list(dict.fromkeys(name for pair in pairs for name in (pair.left, pair.right)))
    texts = [["" for _ in names] for _ in names]
    shade = np.zeros((len(names), len(names)))
    for pair in pairs:
        left, right = sorted((names.index(pair.left), names.index(pair.right)))
        other = round((1 - pair.top1) * count)
        texts[left][right] = f"{other}"
        shade[left, right] = min(1.0, other / 10)
        apart = pair.probability if pair.lsb is None else pair.lsb
        texts[right][left] = (
            "0" if not apart else f"{apart:.0e}".replace("e-0", "e−") if unit == "probability" else f"{apart}"
        )
        shade[right, left] = min(1.0, apart * 10 if unit == "probability" else apart / 3)
    with plots.drawing(plots.WIDTH, 4.4) as (figure, ax):
        plots.matrix(ax, 0.08 + 0.92 * shade * (shade > 0), texts, names, names, "blue")
        ax.set_xticks(range(len(names)), names, rotation=40, ha="right")
        drawing = plots.svg(figure, f"agreement-{family}")
    quantity = "a probability" if unit == "probability" else "a logit, in steps of its 8-bit grid (LSB)"
    return Plot(
        f"agreement-{family}",
        drawing,
        f"The {'floating-point' if family == 'float' else '8-bit'} family. Below the diagonal: the largest difference of {quantity}.",
        f"Matrix of agreement between {len(names)} formats",
    )


def layer_errors(run_data: RunData) -> list[dict[str, Any]]:
    """Compares float and 8 bits by layer.

    Returns:
        For each `layer` the `largest` difference as a share of the range, and the `typical` one: the root mean
        square of the difference as a share of that of the values.
    """
    if "onnx_int8" in run_data.records.export.refused:
        return []
    batches = batching.make_batches(spec.DIGIT, run_data.dataset.test.images[:_EXPLAINED])
    left, right = (
        drift.activations(run_data.run, name, batches, None) for name in ("onnx_float32", "onnx_int8")
    )
    rows = drift.compare_layers(left, right, drift.tolerance("digit", "onnx_float32", "onnx_int8"))
    return [
        {
            "layer": row["layer"],
            "largest": row["relative"],
            "typical": _rms(left[row["layer"]] - right[row["layer"]]) / max(_rms(left[row["layer"]]), 1e-12),
        }
        for row in rows
    ]


def _rms(values: Floats) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))


def _layers(errors: list[dict[str, Any]], count: int) -> list[Block]:
    if not errors:
        return []
    names = [error["layer"].upper() if error["layer"] != "logits" else "logits" for error in errors]
    with plots.drawing(plots.WIDTH, 3.4) as (figure, ax):
        for key, tint, label in (
            ("largest", "orange", "largest"),
            ("typical", "blue", "typical"),
        ):
            ax.plot(
                names,
                [100 * error[key] for error in errors],
                "o-",
                ms=6,
                color=plots.color(tint),
                label=label,
            )
        ax.set(ylabel="difference, %", ylim=(0, None))
        plots.legend(ax)
        drawing = plots.svg(figure, "int8-layers")
    return [
        Heading("8 bits against floating point, layer by layer"),
        Plot(
            "int8-layers",
            drawing,
            f"How far the 8-bit network's layers are from the float network's on {count:,} test digits: the largest difference as a share "
            "of the range, the typical one (root mean square) as a share of that of the values. Quantization-aware training went on from the "
            "float network, so part of the difference is what it learned since.",
            "Difference by layer",
        ),
    ]
