"""Compares LeNet-5 with fully connected networks, of equal parameters, of equal accuracy, and on larger pictures."""

from __future__ import annotations

from typing import Any, Final

from pipeline.report import architecture_training, plots, worked_examples
from pipeline.report.architectures import named
from pipeline.report.html import Block, Heading, Plot, Table, Text

_SIDES: Final = (28, 100, 300)


def comparison(record: dict[str, Any]) -> tuple[list[Block], dict[str, Any]]:
    """Returns the blocks for the first chapter, and the parameters by the picture's side."""
    networks = architecture_training.summary(record)
    names = [name for name in networks if named(name).group == "size" or name == "max"]
    rows = sorted(
        ((named(name).label, networks[name]) for name in names), key=lambda entry: entry[1]["parameters"]
    )
    budget = record["budget"]
    sizes = {str(side): image_parameters(side) for side in _SIDES}
    if not rows:
        return [Text(_verdict(networks))], sizes
    table = Table(
        ("network", "parameters", "accuracy", "lowest–highest"),
        [
            (
                label if label != "max pooling" else "LeNet-5",
                f"{network['parameters']:,}",
                f"{network['accuracy']:.2%}",
                f"{network['low']:.2%}–{network['high']:.2%}",
            )
            for label, network in rows
        ],
        f"Each trained {budget['epochs']} epochs without augmentation, {len(budget['seeds'])} seeds, accuracy on the "
        f"{record['data']['validation']:,} validation pictures of {record['data']['name']}.",
    )
    growth = Table(
        (
            "picture",
            "LeNet-5, C5 as convolution",
            "LeNet-5, C5 dense",
            "fully connected, 78",
            "fully connected, 1200–1200",
        ),
        [(f"{side}×{side}", *(f"{count:,}" for count in counts.values())) for side, counts in sizes.items()],
        "Parameters by the size of the picture. A fully connected layer has a weight for every pixel; a filter's weights do not depend "
        "on the picture's size. With C5 as the convolution that it was in 1998 nothing grows at all: the network slides "
        "over the large picture and answers every 4 pixels.",
    )
    points = []
    with plots.drawing(plots.WIDTH, 3.4) as (figure, ax):
        for name in names:
            network, convolutional = networks[name], not name.startswith("connected")
            tint = plots.color("blue" if convolutional else "orange")
            ax.plot(
                [network["parameters"]] * 2,
                [100 * network["low"], 100 * network["high"]],
                color=tint,
                lw=2,
                alpha=0.5,
            )
            ax.plot(network["parameters"], 100 * network["accuracy"], "o", ms=8, color=tint)
            points.append(
                (
                    _short(name),
                    "blue" if convolutional else "orange",
                    network["parameters"],
                    100 * network["accuracy"],
                )
            )
        ax.set(xscale="log", xlabel="parameters", ylabel="accuracy, %", xlim=(1e3, 1e7))
        ax.margins(y=0.2)
        figure.draw_without_rendering()  # settles the scales
        plots.point_labels(ax, points)
        drawing = plots.svg(figure, "connected")
    return [
        Heading("LeNet-5 against a fully connected network"),
        Text(_verdict(networks)),
        table,
        Plot(
            "connected",
            drawing,
            "Blue: convolutional, orange: fully connected; a line from the worst seed to the best. Up and to the left is better.",
            "Accuracy against parameters, on a logarithmic axis",
        ),
        growth,
    ], sizes


def image_parameters(side: int) -> dict[str, int]:
    """Returns each network's parameters for pictures of side × side pixels."""
    s4 = ((side // 2) - 4) // 2
    rest = worked_examples.parameters(1, 1, 120, 84) + worked_examples.parameters(1, 1, 84, 10)
    filters = worked_examples.parameters(5, 5, 1, 6) + worked_examples.parameters(5, 5, 6, 16)
    dense = worked_examples.parameters
    return {
        "sliding": filters + dense(5, 5, 16, 120) + rest,
        "dense": filters + dense(s4, s4, 16, 120) + rest,
        "connected-78": dense(side, side, 1, 78) + dense(1, 1, 78, 10),
        "connected-1200": dense(side, side, 1, 1200) + dense(1, 1, 1200, 1200) + dense(1, 1, 1200, 10),
    }


def _verdict(networks: dict[str, dict[str, Any]]) -> str:
    """Compares the trained networks at equal parameters and at equal accuracy, in sentences."""
    base = networks.get("max")
    connected = {name: network for name, network in networks.items() if name.startswith("connected")}
    if base is None or not connected:
        return "The networks to compare with were not trained."
    alike = min(connected.values(), key=lambda network: abs(network["parameters"] - base["parameters"]))
    lines = [
        f"With about as many parameters ({alike['parameters']:,} against {base['parameters']:,}) the fully connected network reaches "
        f"{alike['accuracy']:.2%} where LeNet-5 reaches {base['accuracy']:.2%}: "
        f"{(1 - alike['accuracy']) / max(1 - base['accuracy'], 1e-9):.1f} times as many errors."
    ]
    reach = [network for network in connected.values() if network["accuracy"] >= base["low"]]
    best = max(connected.values(), key=lambda network: network["accuracy"])
    if reach:
        smallest = min(reach, key=lambda network: network["parameters"])
        lines.append(
            f"To reach {smallest['accuracy']:.2%}, {'within' if smallest['accuracy'] <= base['high'] else 'above'} the spread of LeNet-5's "
            f"seeds ({base['low']:.2%}–{base['high']:.2%}), it takes {smallest['parameters']:,} parameters, "
            f"{smallest['parameters'] / base['parameters']:.1f} times as many."
        )
    else:
        lines.append(
            f"No fully connected network that was tried is as accurate: the best, with {best['parameters']:,} parameters, reaches {best['accuracy']:.2%}."
        )
    convolutional = [
        network for name, network in networks.items() if name not in connected and named(name).group == "size"
    ]
    for other in (alike, best):
        match = [network for network in (*convolutional, base) if network["accuracy"] >= other["accuracy"]]
        smallest = min(match, key=lambda network: network["parameters"], default=base)
        if smallest is not base:
            lines.append(
                f"Turned around, {smallest['parameters']:,} parameters in convolutions reach {smallest['accuracy']:.2%}, "
                f"no less than the {other['accuracy']:.2%} of the {other['parameters']:,} in the fully connected network."
            )
    return " ".join(lines)


def _short(name: str) -> str:
    if name == "max":
        return "LeNet-5"
    return named(name).label.removeprefix("fully connected, ").removeprefix("LeNet-5, ")
