"""Proves that every exported file computes the same network.

    checkdigit verify --run NAME
    checkdigit verify --run NAME --explain onnx_int8 reference

All pictures of a test set go through all formats, and every pair of one family
is compared: largest difference of the int8 logits in units of the last place,
largest difference of a probability, agreement of the answers. The bounds of
the table of formats hold against the family's reference: Keras for the float
network, the NumPy integer network for the 8-bit one. Labels are never read.
"""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipeline import drift, predict, reference
from pipeline.drift import REFERENCE, real
from pipeline.export.formats import FOLDER, FORMATS, Bound, Format, get
from pipeline.lenet5 import CLASSES
from pipeline.run import Run
from serving.errors import CheckdigitError
from serving.images import tensor
from serving.runtime import softmax
from serving.tables import format_table

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]
Int8 = npt.NDArray[np.int8]

INTEGERS: Final = "tflite_int8"  # the file that it is read from
NEAR_TIE: Final = 2  # LSB between the two best logits, where 8-bit formats may answer differently
OWN_SOFTMAX: Final = 1e-5  # a file's probabilities against the softmax of its own int8 logits
EXPLAINED: Final = 500  # pictures for `explain`: those on which the two formats differ most


@dataclasses.dataclass(frozen=True, eq=False)
class Answers:
    """What one format says: float32 [N, 10] probabilities and, in the 8-bit family, int8 [N, 10] logits."""

    name: str
    probabilities: Floats
    logits: Int8 | None = None

    @property
    def digits(self) -> npt.NDArray[np.intp]:
        """[N]; the lowest index wins a tie."""
        return np.argmax(self.probabilities if self.logits is None else self.logits, axis=1)


def verify(run: Run, images: Pixels) -> dict[str, Any]:
    """The stage: compares all formats of a run and writes `verify.json`.

    Args:
        run: an exported run.
        images: uint8 [N, 28, 28], the pictures of a test set.

    Returns:
        The record. `passed` is False if any bound is broken, `broken` says which, one line each;
        `pairs` holds every comparison, `judged` those that a bound applies to, `refused` the formats that
        could not be exported or have nothing to be compared with, and why.

    Raises:
        CheckdigitError: an exported file is missing, changed, cannot be loaded or gives no probabilities.
    """
    exported = run.require("export")
    integers, refused = _integers(run, exported["refused"])
    rows = [row for row in FORMATS if row.name not in refused]
    broken: list[str] = []
    families: dict[str, list[Answers]] = {"float": [], "int8": []}
    if integers is not None:
        families["int8"].append(_reference_answers(integers, images))
    for row in rows:
        answers = ask(run, row, images, integers)
        families["float" if answers.logits is None else "int8"].append(answers)
        broken += _own_softmax(answers, integers)
        if row.model == "lenet5-features":
            broken += _features(run, row, images)
    pairs = [
        compare(left, right)
        for family in families.values()
        for left, right in itertools.combinations(family, 2)
    ]
    judged = []
    for row in rows:
        if row.bound is not None:
            pair = next(
                pair for pair in pairs if pair["left"] == row.bound.against and pair["right"] == row.name
            )
            lines = judge(pair, row.bound)
            broken += lines
            judged.append({"format": row.name, "bound": dataclasses.asdict(row.bound), "passed": not lines})
    return run.record(
        "verify",
        [],
        data=exported["data"],
        pictures=len(images),
        passed=not broken,
        broken=broken,
        refused=refused,
        judged=judged,
        pairs=pairs,
    )


def ask(run: Run, row: Format, images: Pixels, integers: reference.Reference | None) -> Answers:
    """One format's answers to pictures uint8 [N, 28, 28].

    Raises:
        CheckdigitError: the file cannot be loaded, or what it gives is not [N, 10] and finite.
    """
    path = run / FOLDER / row.file
    probabilities = predict.predictor(row, path)(tensor(images))
    if probabilities.shape != (len(images), CLASSES) or not np.isfinite(probabilities).all():
        raise CheckdigitError(f"{path}: does not give [{len(images)}, {CLASSES}] finite probabilities")
    if row.model != "lenet5-int8" or integers is None:
        return Answers(row.name, probabilities)
    return Answers(row.name, probabilities, predict.int8_logits(row, path, integers.output)(images))


def compare(left: Answers, right: Answers) -> dict[str, Any]:
    """How far two formats of one family are apart.

    Returns:
        `left`, `right`, `lsb` (largest difference of an int8 logit, None for floats), `probability`
        (largest difference of a probability), `top1` (share of equal digits) and `disagreements`: for
        each picture its index, both digits and both rows of int8 logits (floats: of probabilities).
    """
    if left.logits is None or right.logits is None:
        what, lsb, rows = "probabilities", None, (left.probabilities, right.probabilities)
    else:
        what, rows = "logits", (left.logits, right.logits)
        lsb = int(np.abs(left.logits.astype(int) - right.logits).max())
    differ = np.flatnonzero(left.digits != right.digits)
    return {
        "left": left.name,
        "right": right.name,
        "lsb": lsb,
        "probability": float(np.abs(left.probabilities - right.probabilities).max()),
        "top1": 1 - len(differ) / len(left.digits),
        "disagreements": [
            {
                "picture": int(index),
                "digits": [int(left.digits[index]), int(right.digits[index])],
                what: [row[index].tolist() for row in rows],
            }
            for index in differ
        ],
    }


def judge(pair: dict[str, Any], bound: Bound) -> list[str]:
    """What a pair breaks, one line each."""
    name = f"{pair['right']} against {pair['left']}"
    broken = []
    difference = pair[bound.unit]
    if bound.largest is not None and difference > bound.largest:
        unit = "LSB at the logits" if bound.unit == "lsb" else "in a probability"
        broken.append(f"{name}: differs by {difference:.2g} {unit}, allowed {bound.largest:g}")
    # A small test set cannot show 99.98 %: one near-tie among 355 pictures is already less.
    if pair["top1"] < bound.top1 and len(pair["disagreements"]) > 1:
        broken.append(
            f"{name}: {len(pair['disagreements'])} answers differ, top-1 agreement {pair['top1']:.3%}, "
            f"required {bound.top1:.2%}"
        )
    for entry in pair["disagreements"] if bound.unit == "lsb" else ():
        gap = max(best - second for second, best in (sorted(row)[-2:] for row in entry["logits"]))
        if gap > NEAR_TIE:
            left, right = entry["digits"]
            broken.append(
                f"{name}: picture {entry['picture']} is read as {right} instead of {left}, with {gap} LSB "
                f"between the two best logits, allowed {NEAR_TIE}"
            )
    return broken


def explain(run: Run, left: str, right: str, images: Pixels) -> dict[str, Any]:
    """Names the first layer where two formats drift apart.

    Drift is a difference, in any value of a layer's output, of more than `drift.DRIFT` of the range that this
    layer's values span in `left`; of two types of numbers the coarser one counts. The pictures are those
    on which the two formats' probabilities differ most.

    Args:
        run: an exported run.
        left, right: names of formats, or "reference" for the NumPy integer network.
        images: uint8 [N, 28, 28].

    Returns:
        `layers`: for each its largest `difference`, `range`, `relative` difference and the `tolerance`;
        `first`: the name of the first beyond its tolerance, or None.
    """
    integers, refused = _integers(run, run.require("export")["refused"])
    for name in (left, right):
        if name in refused or (name == REFERENCE and integers is None):
            raise CheckdigitError(
                f"{name} is not there to be compared: {refused.get(name) or refused[INTEGERS]}"
            )

    def answers(name: str) -> Floats:
        if name == REFERENCE:
            return _reference_answers(integers, images).probabilities
        return ask(run, get(name), images, integers).probabilities

    distance = np.abs(answers(left) - answers(right)).max(axis=1)
    worst = images[np.sort(np.argsort(-distance, kind="stable")[:EXPLAINED])]
    outputs = [drift.activations(run, name, worst, integers) for name in (left, right)]
    layers = drift.between(*outputs, drift.tolerance(left, right))
    first = next((row["layer"] for row in layers if row["drifts"]), None)
    return {"left": left, "right": right, "pictures": len(worst), "layers": layers, "first": first}


def explanation(found: dict[str, Any]) -> str:
    """The result of `explain` as text."""
    keys = ("difference", "range", "relative", "tolerance")
    rows = [[row["layer"], *(f"{row[key]:.3g}" for key in keys)] for row in found["layers"]]
    verdict = f"drift apart in {found['first']}" if found["first"] else "do not drift apart"
    return f"{format_table(['layer', *keys], rows)}\n{found['left']} and {found['right']} {verdict}"


def summary(record: dict[str, Any]) -> str:
    """The record of `verify` as tables: what is judged, then every pair of each family."""
    pairs = {(pair["left"], pair["right"]): pair for pair in record["pairs"]}
    judged = [
        [
            entry["format"],
            entry["bound"]["against"],
            *_cells(pairs[entry["bound"]["against"], entry["format"]]),
            _allowed(entry["bound"]),
            "ok" if entry["passed"] else "BROKEN",
        ]
        for entry in record["judged"]
    ]
    head = ["format", "against", "LSB", "|Δp|", "top-1", "other answers", "allowed", ""]
    families = (
        ("largest |Δp|", "probability", [pair for pair in record["pairs"] if pair["lsb"] is None]),
        ("largest LSB", "lsb", [pair for pair in record["pairs"] if pair["lsb"] is not None]),
    )
    parts = [
        f"Agreement over {record['pictures']:,} pictures",
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


def _matrix(title: str, key: str, pairs: list[dict[str, Any]]) -> str:
    """Every pair of a family."""
    cells = {(pair["left"], pair["right"]): f"{pair[key]:.2g}" for pair in pairs}
    names = list(dict.fromkeys(name for pair in cells for name in pair))
    rows = [[left, *(cells.get((left, right), "") for right in names[1:])] for left in names[:-1]]
    return format_table([title, *names[1:]], rows)


def _cells(pair: dict[str, Any]) -> list[str]:
    lsb = "–" if pair["lsb"] is None else str(pair["lsb"])
    return [lsb, f"{pair['probability']:.1e}", f"{pair['top1']:.2%}", str(len(pair["disagreements"]))]


def _allowed(bound: dict[str, Any]) -> str:
    unit = "LSB" if bound["unit"] == "lsb" else "|Δp|"
    largest = "" if bound["largest"] is None else f"{unit} ≤ {bound['largest']:g}, "
    return f"{largest}top-1 ≥ {bound['top1']:.2%}"


def _integers(run: Run, refused: dict[str, str]) -> tuple[reference.Reference | None, dict[str, str]]:
    """The integer network and the formats without one to compare: those refused and, where none is, all of 8 bits."""
    if INTEGERS in refused:
        return None, refused
    try:
        return reference.load((run / FOLDER / get(INTEGERS).file).read_bytes()), refused
    except reference.Unsupported as error:
        return None, {row.name: str(error) for row in FORMATS if row.type == "int8"} | refused


def _reference_answers(integers: reference.Reference, images: Pixels) -> Answers:
    logits = reference.logits(integers, images)
    return Answers(REFERENCE, softmax(real(logits, integers.output)), logits)


def _own_softmax(answers: Answers, integers: reference.Reference | None) -> list[str]:
    """Users get probabilities, the bounds count logits: one must follow from the other."""
    if answers.logits is None or integers is None:
        return []
    own = softmax(real(answers.logits, integers.output))
    difference = float(np.abs(answers.probabilities - own).max())
    if difference <= OWN_SOFTMAX:
        return []
    return [
        f"{answers.name}: its probabilities differ by {difference:.2g} from the softmax of its own logits, "
        f"allowed {OWN_SOFTMAX:g}"
    ]


def _features(run: Run, row: Format, images: Pixels) -> list[str]:
    """The variant that shows its layers must show Keras's."""
    shown = [drift.activations(run, name, images[:EXPLAINED], None) for name in ("keras", row.name)]
    return [
        f"{row.name}: its output {entry['layer']} differs from Keras's by {entry['relative']:.2g} of its "
        f"range, allowed {entry['tolerance']:g}"
        for entry in drift.between(*shown, drift.tolerance(row.name))
        if entry["drifts"]
    ]
