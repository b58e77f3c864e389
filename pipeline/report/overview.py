"""Writes the head of the report: what was measured in a few sentences, and the words that the chapters use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:  # it imports Keras, which the words have no need of
    from pipeline.report.run_data import RunData

# A map that never answers before subsampling does not after it.
_BEFORE: Final = {"s2": "c1", "s4": "c3"}
_WANTED: Final = 0.01  # the error bound that the summary speaks of, or the nearest

WORDS: Final = (
    (
        "layer, map, unit",
        "A layer is a step of the network. It holds maps, small pictures, or single units, each one number.",
    ),
    ("filter, kernel", "The weights with which a map looks at a small window of what lies below it."),
    (
        "parameters, MACs",
        "The numbers that training sets, and the multiplications with an addition that one picture takes.",
    ),
    ("receptive field", "The part of the picture that a unit can see."),
    ("logits, probabilities", "The ten sums at the end, and what they become so that they add up to 100 %."),
    (
        "confidence, calibration error",
        "The largest probability, and how far on average it is from how often it is right.",
    ),
    (
        "threshold, accepted",
        "The probability from which on a reading is booked without a human: it is accepted.",
    ),
    (
        "95 % interval",
        "Where the true value lies in 95 of 100 such measurements; fewer pictures make it wider.",
    ),
    (
        "training, validation, test",
        "The digits that it learned from, those that choices were made by, those that nothing was.",
    ),
    (
        "normalization",
        "What the service does to a picture first: finds the ink, scales it, and centers it by its mass.",
    ),
    ("8 bits, int8, LSB", "The network in whole numbers from −128 to 127, and one step between two of them."),
    ("seed", "The number that fixes what is random in a training; several show how much chance does."),
)


def sentences(run_data: RunData, numbers: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Returns what the chapters found, in a few sentences.

    Args:
        run_data: the run.
        numbers: of the chapters, by their names.
    """
    families = run_data.records.evaluate.families
    network = families["lenet5"]
    lines = [
        f"It reads {network.accuracy.value:.2%} of {network.accuracy.n:,} test digits right "
        f"(95 % interval {network.accuracy.low:.2%}–{network.accuracy.high:.2%})"
        + (f", in 8 bits {families['lenet5-int8'].accuracy.value:.2%}." if "lenet5-int8" in families else ".")
    ]
    if network.thresholds:
        point = min(network.thresholds, key=lambda threshold: abs(threshold.max_error - _WANTED))
        lines.append(
            f"Where at most {point.max_error:.1%} of what is booked without a human may be wrong, it accepts {point.accepted:.1%} "
            f"of them, and {point.error:.2%} of these are wrong."
        )
    else:
        lines.append(
            "Too few validation digits reach the minimum confidence to certify any error: nothing is accepted without a human."
        )
    mean = numbers["failures"]["corruptions"]["mean"]
    lines.append(
        f"Under fifteen corruptions it still reads {mean['raw']:.1%} of the pixels as they are, and {mean['normalized']:.1%} "
        "after normalization."
    )
    silent_units = numbers["learned"]["silent_units"]
    silent = [
        f"{count} of {units} in {name.upper()}"
        for name, (count, units) in silent_units.items()
        if count and not silent_units.get(_BEFORE.get(name, ""), (0, 0))[0]
    ]
    if silent:
        lines.append(f"Units that never answer: {', '.join(silent)}.")
    return lines
