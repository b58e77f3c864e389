"""Compares two formats of one family, checks the bounds between them, and formats both as tables."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipeline.export.formats import Bound
from serving.table import format_table

Floats = npt.NDArray[np.float32]
Int8 = npt.NDArray[np.int8]

STRING_CERTAINTY: Final = 0.7  # probability of a string from which on formats must read the same one
NEAR_TIE: Final = 2  # LSB between the two best logits, where 8-bit formats may answer differently


@dataclasses.dataclass(frozen=True, eq=False)
class Predictions:
    """One format's predictions; a row is a picture or, of fields, a step.

    Attributes:
        name: the format's.
        probabilities: float32 [N, K].
        logits: int8 [N, K] in the 8-bit family, else None.
        places: of fields and checks, int [N, 2]: each row's picture and its step or part.
        strings: of fields, the best string's symbols of each.
        string_probabilities: float64 [fields], those strings' probabilities.
    """

    name: str
    probabilities: Floats
    logits: Int8 | None = None
    places: npt.NDArray[np.intp] | None = None
    strings: tuple[tuple[int, ...], ...] = ()
    string_probabilities: npt.NDArray[np.float64] = dataclasses.field(default_factory=lambda: np.zeros(0))

    @property
    def digits(self) -> npt.NDArray[np.intp]:
        """The most probable class of each row, int [N]; the lowest index wins a tie."""
        return np.asarray(np.argmax(self.probabilities if self.logits is None else self.logits, axis=1))


def compare(left: Predictions, right: Predictions) -> dict[str, Any]:
    """Measures how far two formats of one family are apart.

    Returns:
        `left`, `right`, `lsb` (largest difference of an int8 logit, None for floats), `probability`
        (largest difference of a probability), `top1` (share of equal digits) and `disagreements`: for
        each picture its index, both digits and both rows of int8 logits (floats: of probabilities). Of
        fields also the `step`, `strings`, the share of fields that are read alike, and `sure`: how many `fields`
        the left one reads with a probability of at least `STRING_CERTAINTY`, and how many of these the right one
        reads as another (`other`): rounding may decide which of two about equally likely strings comes first.
    """
    rows: tuple[npt.NDArray[Any], npt.NDArray[Any]]
    if left.logits is None or right.logits is None:
        key, lsb, rows = "probabilities", None, (left.probabilities, right.probabilities)
    else:
        key, rows = "logits", (left.logits, right.logits)
        lsb = int(np.abs(left.logits.astype(int) - right.logits).max())
    differ = np.flatnonzero(left.digits != right.digits)
    strings: dict[str, Any] = {}
    if left.strings:
        other = np.array([a != b for a, b in zip(left.strings, right.strings, strict=True)])
        certain = left.string_probabilities >= STRING_CERTAINTY
        strings = {
            "strings": 1 - float(other.mean()),
            "sure": {"fields": int(certain.sum()), "other": int(other[certain].sum())},
        }
    return {
        "left": left.name,
        "right": right.name,
        "lsb": lsb,
        "probability": float(np.abs(left.probabilities - right.probabilities).max()),
        "top1": 1 - len(differ) / len(left.digits),
        **strings,
        "disagreements": [
            {
                **_place(left, int(index)),
                "digits": [int(left.digits[index]), int(right.digits[index])],
                key: [row[index].tolist() for row in rows],
            }
            for index in differ
        ],
    }


def _place(predictions: Predictions, index: int) -> dict[str, int]:
    if predictions.places is None:
        return {"picture": index}
    picture, step = predictions.places[index]
    return {"picture": int(picture), "step": int(step)}


def violations(pair: dict[str, Any], bound: Bound) -> list[str]:
    """Returns the parts of a bound that a pair breaks, one line each."""
    name = f"{pair['right']} against {pair['left']}"
    broken = []
    difference = pair[bound.unit]
    if bound.largest is not None and difference > bound.largest:
        unit = "LSB at the logits" if bound.unit == "lsb" else "in a probability"
        broken.append(f"{name}: differs by {difference:.6g} {unit}, allowed {bound.largest:g}")
    # A small test set cannot show 99.98 %: one near-tie among 355 pictures is already less.
    if pair["top1"] < bound.top1 and len(pair["disagreements"]) > 1:
        broken.append(
            f"{name}: {len(pair['disagreements'])} answers differ, top-1 agreement {pair['top1']:.3%}, "
            f"required {bound.top1:.2%}"
        )
    if bound.strings is not None:
        other, fields = pair["sure"]["other"], pair["sure"]["fields"]
        if other > 1 and 1 - other / fields < bound.strings:
            broken.append(
                f"{name}: {other} of {fields} fields that are read with a probability of {STRING_CERTAINTY} or more are read as "
                f"another string, required are {bound.strings:.1%} the same"
            )
    for entry in pair["disagreements"] if bound.unit == "lsb" else ():
        gap = max(best - second for second, best in (sorted(row)[-2:] for row in entry["logits"]))
        if gap > NEAR_TIE:
            left, right = entry["digits"]
            step = f", step {entry['step']}," if "step" in entry else ""
            broken.append(
                f"{name}: picture {entry['picture']}{step} is read as {right} instead of {left}, with {gap} LSB "
                f"between the two best logits, allowed {NEAR_TIE}"
            )
    return broken


def explanation(drift: dict[str, Any]) -> str:
    """Formats the result of `verify.explain` for the screen."""
    keys = ("difference", "range", "relative", "tolerance")
    rows = [[row["layer"], *(f"{row[key]:.3g}" for key in keys)] for row in drift["layers"]]
    verdict = f"drift apart in {drift['first']}" if drift["first"] else "do not drift apart"
    return f"{format_table(['layer', *keys], rows)}\n{drift['left']} and {drift['right']} {verdict}"


def summary(record: dict[str, Any]) -> str:
    """Formats the record of `verify` as tables: the bounded pairs, then every pair of each family."""
    pairs = {(pair["left"], pair["right"]): pair for pair in record["pairs"]}
    judged = [
        [
            entry["format"],
            entry["bound"]["against"],
            *_cells(pairs[entry["bound"]["against"], entry["format"]]),
            *_strings(pairs[entry["bound"]["against"], entry["format"]]),
            _allowed(entry["bound"]),
            "ok" if entry["passed"] else "BROKEN",
        ]
        for entry in record["judged"]
    ]
    strings = ["same string", f"p ≥ {STRING_CERTAINTY}"] if "steps" in record else []
    head = ["format", "against", "LSB", "|Δp|", "top-1", "other answers", *strings, "allowed", ""]
    families = (
        ("largest |Δp|", "probability", [pair for pair in record["pairs"] if pair["lsb"] is None]),
        ("largest LSB", "lsb", [pair for pair in record["pairs"] if pair["lsb"] is not None]),
    )
    parts = [
        f"Agreement over {_extent(record)}",
        format_table(head, judged),
        *(_matrix(title, key, pairs) for title, key, pairs in families if pairs),
        "\n".join(
            [
                *(f"not compared: {name}: {reason}" for name, reason in record["refused"].items()),
                *(f"broken: {line}" for line in record["broken"]),
                "all bounds hold" if record["passed"] else f"{len(record['broken'])} bounds are broken",
            ]
        ),
    ]
    return "\n\n".join(parts)


def _extent(record: dict[str, Any]) -> str:
    if "steps" not in record:
        return f"{record['pictures']:,} pictures"
    return (
        f"{record['pictures']:,} fields, {record['steps']:,} steps; float and 8 bits read the same string in "
        f"{record['float_and_int8']:.2%} of them"
    )


def _matrix(title: str, key: str, pairs: list[dict[str, Any]]) -> str:
    """Formats every pair of a family as a triangle."""
    cells = {(pair["left"], pair["right"]): f"{pair[key]:.2g}" for pair in pairs}
    names = list(dict.fromkeys(name for pair in cells for name in pair))
    rows = [[left, *(cells.get((left, right), "") for right in names[1:])] for left in names[:-1]]
    return format_table([title, *names[1:]], rows)


def _cells(pair: dict[str, Any]) -> list[str]:
    lsb = "–" if pair["lsb"] is None else str(pair["lsb"])
    return [lsb, f"{pair['probability']:.1e}", f"{pair['top1']:.2%}", str(len(pair["disagreements"]))]


def _strings(pair: dict[str, Any]) -> list[str]:
    if "strings" not in pair:
        return []
    fields, other = pair["sure"]["fields"], pair["sure"]["other"]
    return [f"{pair['strings']:.2%}", f"{fields - other} of {fields}"]


def _allowed(bound: dict[str, Any]) -> str:
    unit = "LSB" if bound["unit"] == "lsb" else "|Δp|"
    largest = "" if bound["largest"] is None else f"{unit} ≤ {bound['largest']:g}, "
    strings = "" if bound["strings"] is None else f", strings ≥ {bound['strings']:.1%}"
    return f"{largest}top-1 ≥ {bound['top1']:.2%}{strings}"
