"""Writes chapter 1: the parts of a convolutional network, and what they save."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.config import Lenet5Options
from pipeline.networks import folded, lenet5
from pipeline.report import fully_connected, image_grid, plots, worked_examples
from pipeline.report.html import Block, Chapter, Heading, NumberGrids, Plot, Table, Text, Thumbnails, number
from pipeline.report.run_data import RunData


def chapter(run_data: RunData) -> Chapter:
    """Returns the chapter of a run."""
    comparison_blocks, sizes = fully_connected.comparison(run_data.comparisons)
    return Chapter(
        "network",
        "The network",
        [
            *layers(run_data),
            *receptive_fields(run_data),
            *_places(),
            *_filters(run_data),
            *_worked(),
            *comparison_blocks,
        ],
        {"sizes": sizes},
    )


def layers(run_data: RunData) -> list[Block]:
    """Returns the part on the layers and their parameters."""
    options = Lenet5Options(**run_data.records.train.config["network"])
    rows = lenet5.table(options)
    channels, formulas = 1, []
    for row in rows:
        kernel = 5 if row.name in ("c1", "c3", "c5") else 1
        formulas.append(
            f"({kernel}·{kernel}·{channels} + 1)·{row.shape[-1]}" if row.parameters else "nothing to learn"
        )
        channels = row.shape[-1]
    table = [
        (
            row.name.upper() if row.name != "logits" else "logits",
            row.kind,
            "×".join(map(str, row.shape)),
            formula,
            f"{row.parameters:,}",
            f"{row.multiply_accumulates:,}",
            f"{row.receptive_field}×{row.receptive_field}",
        )
        for row, formula in zip(rows, formulas, strict=True)
    ]
    parameters = sum(row.parameters for row in rows)
    total = sum(row.multiply_accumulates for row in rows)
    color, gray = worked_examples.parameters(5, 5, 3, 6), worked_examples.parameters(5, 5, 1, 6)
    return [
        Text(
            "LeNet-5 looks at a digit through small windows. The first layer has six filters of 5×5 pixels; each "
            "slides over the whole picture and says at every place how well what it sees fits. Subsampling "
            "keeps one number of every 2×2, so that the next filters see twice as far. At the end three "
            "dense layers turn what was found where into ten numbers, one a digit."
        ),
        Table(
            ("layer", "kind", "shape", "(Wk·Hk·Cin + 1)·Cout", "parameters", "MACs", "sees"),
            [*table, ("total", "", "", "", f"{parameters:,}", f"{total:,}", "")],
            "Shape is height × width × maps; Wk and Hk are the kernel's width and height, Cin and Cout the maps that go in and come out; MACs are the multiplications of one picture, each with an addition; the last column "
            "is the receptive field in pixels of the picture with its margin of 2. Most parameters are in C5, most work is in C3.",
            left=4,
        ),
        Text(
            "A filter reaches through all maps below it. On a color picture, with three channels, one filter of C1 is "
            f"5×5×3 numbers and a bias, {worked_examples.parameters(5, 5, 3, 1)} parameters, and all six are "
            f"(5·5·3 + 1)·6 = {color:,} instead of {gray:,}; the whole network would have {parameters + color - gray:,}. "
            "Every other layer stays as it is."
        ),
        *(_folded(total) if options == Lenet5Options() else []),
    ]


def _folded(total: int) -> list[Block]:
    """Returns the part on the network as it is deployed; `total` are the multiply-accumulates before."""
    rows = folded.table()
    count = sum(row.multiply_accumulates for row in rows)
    return [
        Heading("The same in fewer steps"),
        Text(
            "Subsampling takes the mean of 2×2 here, and the activation comes after it, so nothing bends between a filter and the "
            "mean of its four answers: both are sums. The mean of four 5×5 filters, each one pixel from the next, is one filter of "
            f"6×6 that moves by two pixels. Deployed, C1 and S2 are one layer, and so are C3 and S4: {count:,} MACs instead of {total:,}, "
            f"with {sum(row.parameters for row in rows):,} numbers, which say the same."
        ),
        Table(
            ("layer", "kind", "shape", "parameters", "MACs"),
            [
                (
                    row.name.upper() if row.name != "logits" else "logits",
                    row.kind,
                    "×".join(map(str, row.shape)),
                    f"{row.parameters:,}",
                    f"{row.multiply_accumulates:,}",
                )
                for row in rows
            ],
            "The network in every exported format but those that show its layers.",
            left=3,
        ),
    ]


def receptive_fields(run_data: RunData) -> list[Block]:
    """Returns the part on the receptive fields of the layers' units."""
    padded = np.pad(run_data.example, 2)  # what the padding of C1 adds
    rows = [row for row in lenet5.table() if row.name in ("c1", "s2", "c3", "s4", "c5")]
    tiles = []
    for row in rows:
        side = row.receptive_field
        outputs = row.shape[0] if len(row.shape) == 3 else 1
        start = (len(padded) - side) // max(1, outputs - 1) * (outputs // 2)
        text = f"A digit with a frame of {side}×{side} pixels, what one unit of {row.name.upper()} sees"
        tiles.append(
            image_grid.framed(padded, (start, start, side, side), f"{row.name.upper()}: {side}×{side}", text)
        )
    return [
        Heading("How far a unit sees"),
        Thumbnails(
            "receptive-fields",
            [("", tiles)],
            "The receptive field of one unit in the middle of each layer. A filter of C1 sees a piece of a stroke, "
            "one of C3 a corner or a crossing, one of C5 the whole digit. Each layer adds its window less one, times the strides "
            "before it: 1 + 4 = 5, 5 + 1 = 6, 6 + 4·2 = 14, 14 + 1·2 = 16, 16 + 4·4 = 32.",
            160,
        ),
    ]


def _places() -> list[Block]:
    cases = (("valid, stride 1", 0, 1), ("same, stride 1", 1, 1), ("valid, stride 2", 0, 2))
    with plots.drawing(9.6, 2.9, 1, 3) as (figure, axes):
        for ax, (label, padding, stride) in zip(axes, cases, strict=True):
            _kernel_places(ax, padding, stride)
            count = worked_examples.outputs(7, 3, padding, stride)
            ax.set_title(f"{label}: {count}×{count}", fontsize=13)
        drawing = plots.svg(figure, "padding")
    sizes = [
        (
            name,
            f"{side}",
            f"{kernel}",
            f"{padding}",
            f"{stride}",
            f"{worked_examples.outputs(side, kernel, padding, stride)}",
        )
        for name, side, kernel, padding, stride in (
            ("C1, same", 28, 5, 2, 1),
            ("C1, were it valid", 28, 5, 0, 1),
            ("S2", 28, 2, 0, 2),
            ("C3, valid", 14, 5, 0, 1),
            ("C1 with stride 2", 28, 5, 2, 2),
        )
    ]
    return [
        Heading("Padding and stride"),
        Plot(
            "padding",
            drawing,
            "Where a 3×3 kernel may stand on a picture of 7×7: its centers are the dots. Valid convolution stays inside and the map "
            "shrinks; same convolution pads with paper and keeps the size; a stride of 2 leaves out every other place.",
            "Three grids of 7 by 7 pixels with the centers of a 3 by 3 kernel: 5 by 5, 7 by 7 and 3 by 3 of them",
            wide=True,
        ),
        Table(
            ("", "side", "kernel", "padding", "stride", "outputs"),
            sizes,
            "Outputs along a side: (side − kernel + 2·padding) / stride + 1, rounded down.",
        ),
    ]


def _kernel_places(ax: Any, padding: int, stride: int) -> None:
    from matplotlib.patches import Rectangle

    for y in range(-padding, 7 + padding):
        for x in range(-padding, 7 + padding):
            inside = 0 <= y < 7 and 0 <= x < 7
            ax.add_patch(
                Rectangle(
                    (x, y),
                    1,
                    1,
                    facecolor="none",
                    edgecolor=plots.color("muted" if inside else "grid"),
                    lw=0.8,
                )
            )
    ax.add_patch(
        Rectangle((-padding, -padding), 3, 3, facecolor=plots.color("blue"), alpha=0.25, edgecolor="none")
    )
    count = worked_examples.outputs(7, 3, padding, stride)
    centers = np.arange(count) * stride - padding + 1.5
    grid = np.stack(np.meshgrid(centers, centers), -1).reshape(-1, 2)
    ax.plot(grid[:, 0], grid[:, 1], "o", ms=4.5, color=plots.color("blue"))
    ax.set(xlim=(-1.2, 8.2), ylim=(8.2, -1.2))
    plots.hide_axes(ax)


def _filters(run_data: RunData) -> list[Block]:
    picture = np.pad(run_data.example / 255.0, 2)
    learned = run_data.model.get_layer("c1").get_weights()[0][:, :, 0].transpose(2, 0, 1)
    groups = []
    for label, kernels in (
        ("made by hand", {"vertical": worked_examples.VERTICAL, "horizontal": worked_examples.HORIZONTAL}),
        ("learned in C1", {f"filter {i}": kernel for i, kernel in enumerate(learned, 1)}),
    ):
        answers = {name: worked_examples.convolve(picture, kernel) for name, kernel in kernels.items()}
        groups.append(
            (
                label,
                [image_grid.signed(kernel, name, f"5×5 filter, {name}") for name, kernel in kernels.items()],
            )
        )
        groups.append(
            (
                "their answers",
                [image_grid.signed(answer, "", f"Answer of {name}") for name, answer in answers.items()],
            )
        )
    return [
        Heading("Filters, by hand and learned"),
        Thumbnails(
            "filters-by-hand",
            groups,
            "Blue is positive, orange negative. The filter for vertical lines answers with blue where the pen went up or down, "
            "the horizontal one where it went across. Nobody told the network to look for lines; its own filters do it all the "
            "same, at slants and edges that digits have.",
            88,
        ),
    ]


def _worked() -> list[Block]:
    strokes, (map4, pooled, winners), shared = (
        worked_examples.shifted_stroke(),
        worked_examples.pooled_map(),
        worked_examples.shared_weight_gradient(),
    )
    x, dy, dx, places = worked_examples.maximum_gradient()
    (picture, answer, maximum), (moved, moved_answer, moved_maximum) = strokes
    kernel = worked_examples.DIAGONAL
    total = " + ".join(f"{term:g}" for term in shared["products"].ravel()).replace("+ -", "− ")
    peak, moved_peak = (divmod(int(values.argmax()), values.shape[1]) for values in (answer, moved_answer))
    return [
        Heading("By hand: a stroke that moves"),
        NumberGrids(
            (_rows(picture), "∗", _rows(kernel), "=", _rows(answer), f"max {maximum:g}"),
            "A diagonal stroke, a diagonal kernel, and the sum of products at each of its 4×4 places. The kernel is not turned over: strictly, "
            "this is cross-correlation.",
            ((4, *peak),),
        ),
        NumberGrids(
            (_rows(moved), "∗", _rows(kernel), "=", _rows(moved_answer), f"max {moved_maximum:g}"),
            f"The stroke has moved by 2 rows and 3 columns, and so has the answer: convolution is equivariant. Its maximum "
            f"is still {moved_maximum:g}: the maximum is invariant. Subsampling does a little of this at every step.",
            ((4, *moved_peak),),
        ),
        Heading("By hand: pooling 4×4 to 2×2"),
        NumberGrids(
            (_rows(map4), "→", _rows(pooled)),
            "Max pooling keeps the largest of every 2×2: a quarter of the numbers, nothing learned.",
            tuple((0, *place) for place in winners),
        ),
        Heading("By hand: the gradient of a shared weight"),
        NumberGrids(
            (
                _rows(shared["x"]),
                "∗",
                _rows(shared["kernel"]),
                "=",
                _rows(shared["y"]),
                "∂L/∂y",
                _rows(shared["dy"]),
                "∂L/∂w",
                _rows(shared["dkernel"]),
            ),
            f"The top left weight was used at four places. Its gradient is the sum over them of the pixel it met times ∂L/∂y there: "
            f"{total} = {number(shared['dkernel'][0, 0])}. One weight learns from the whole picture at once.",
            ((2, 0, 0), (8, 0, 0)),
        ),
        Heading("By hand: the gradient through a maximum"),
        NumberGrids(
            (_rows(x), "∂L/∂max", _rows(dy), "∂L/∂x", _rows(dx)),
            "Only the pixel that won has any say in the maximum, so it gets the whole gradient and its three neighbors get 0.",
            tuple((part, *place) for part in (0, 4) for place in places),
        ),
    ]


def _rows(values: npt.NDArray[Any]) -> list[list[float]]:
    return [[float(number) for number in row] for row in values]
