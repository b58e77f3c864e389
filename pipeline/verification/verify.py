"""Proves that every exported file computes the same network.

    checkreader verify --run NAME
    checkreader verify --run NAME --explain onnx_int8 reference

All pictures of a test set go through all formats, and every pair of one family
is compared, a field step by step and as the string that is read: largest
difference of the int8 logits in units of the last place, largest difference of
a probability, agreement of the answers. The bounds of the table of formats hold
against the family's reference: Keras for the float network, the NumPy integer
network for the 8-bit one. Labels are never read.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipeline.export import predictor
from pipeline.export.formats import FOLDER, TABLE, Format, get
from pipeline.networks import batching, integer_reference, spec
from pipeline.networks.batching import Batch
from pipeline.networks.spec import Task
from pipeline.run import Run
from pipeline.verification import drift
from pipeline.verification.agreement import Predictions, compare, violations
from pipeline.verification.drift import REFERENCE, dequantize
from serving.decoding import ctc
from serving.errors import CheckreaderError
from serving.images.digit import tensor
from serving.runtime.network import softmax

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]
Int8 = npt.NDArray[np.int8]

INTEGERS: Final = "tflite_int8"  # the file that it is read from
SOFTMAX_TOLERANCE: Final = 1e-5  # a file's probabilities against the softmax of its own int8 logits
EXPLAINED_PICTURES: Final = 500  # pictures for `explain`: those on which the two formats differ most


def verify(run: Run, images: Pixels | Sequence[Pixels]) -> dict[str, Any]:
    """The stage: compares all formats of a run and writes `verify.json`.

    Args:
        run: an exported run.
        images: the pictures of a test set, uint8 [N, 28, 28], or fields uint8 [32, w] of any widths.

    Returns:
        The record. `passed` is False if any bound is broken, `broken` says which, one line each;
        `pairs` holds every comparison, `judged` those that a bound applies to, `refused` the formats that
        could not be exported or have nothing to be compared with, and why.

    Raises:
        CheckreaderError: an exported file is missing, changed, cannot be loaded or gives no probabilities.
    """
    exported, reads = run.require("export"), spec.task_of_run(run)
    pictures = batching.make_batches(reads, images)
    integers, refused = _integers(run, exported["refused"], reads)
    rows = [row for row in TABLE[reads.name] if row.name not in refused]
    broken: list[str] = []
    families: dict[str, list[Predictions]] = {"float": [], "int8": []}
    if integers is not None:
        families["int8"].append(_reference_answers(integers, pictures))
    for row in rows:
        answers = predict(run, row, pictures, integers)
        families["float" if answers.logits is None else "int8"].append(answers)
        broken += _own_softmax(answers, integers)
        if row.model == "lenet5-features":
            broken += _features(run, row, pictures)
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
            lines = violations(pair, row.bound)
            broken += lines
            judged.append({"format": row.name, "bound": dataclasses.asdict(row.bound), "passed": not lines})
    return run.record(
        "verify",
        [],
        data=exported["data"],
        **_counts(families),
        pictures=len(images),
        passed=not broken,
        broken=broken,
        refused=refused,
        judged=judged,
        pairs=pairs,
    )


def predict(
    run: Run, row: Format, pictures: Sequence[Batch], integers: integer_reference.Reference | None
) -> Predictions:
    """One format's answers to pictures.

    Raises:
        CheckreaderError: the file cannot be loaded, or what it gives is not [N, 10] or [N, T, 12] and finite.
    """
    path = run / FOLDER / row.file
    reads = spec.TASKS[row.task]
    answer = predictor.predictor(row, path)

    def checked(pixels: Pixels) -> Floats:
        probabilities = answer(tensor(pixels))
        shape = reads.output_shape(len(pixels), pixels.shape[2])
        if probabilities.shape != shape or not np.isfinite(probabilities).all():
            raise CheckreaderError(f"{path}: does not give {list(shape)} finite probabilities")
        return probabilities

    probabilities = batching.predict(pictures, checked)
    logits = None
    if row.model == reads.int8 and integers is not None:
        logits = batching.predict(pictures, predictor.logit_predictor(row, path, integers.output))
    return _answers(row.name, pictures, probabilities, logits)


def explain(run: Run, left: str, right: str, images: Pixels | Sequence[Pixels]) -> dict[str, Any]:
    """Names the first layer where two formats drift apart.

    Drift is a difference, in any value of a layer's output, of more than `drift.DRIFT` of the range that this
    layer's values span in `left`; of two types of numbers the coarser one counts. The pictures are those
    on which the two formats' probabilities differ most.

    Args:
        run: an exported run.
        left, right: names of formats, or "reference" for the NumPy integer network.
        images: as for `verify`.

    Returns:
        `layers`: for each its largest `difference`, `range`, `relative` difference and the `tolerance`;
        `first`: the name of the first beyond its tolerance, or None.
    """
    reads = spec.task_of_run(run)
    integers, refused = _integers(run, run.require("export")["refused"], reads)
    pictures = batching.make_batches(reads, images)
    for name in (left, right):
        if name in refused or (name == REFERENCE and integers is None):
            raise CheckreaderError(
                f"{name} is not there to be compared: {refused.get(name) or refused[INTEGERS]}"
            )

    def answers(name: str) -> Floats:
        if name == REFERENCE:
            return _reference_answers(integers, pictures).probabilities
        return predict(run, get(name, reads.name), pictures, integers).probabilities

    distance = np.zeros(len(images))
    numbers = np.concatenate([batch.places() for batch in pictures])[:, 0]
    np.maximum.at(distance, numbers, np.abs(answers(left) - answers(right)).max(axis=1))
    worst = np.sort(np.argsort(-distance, kind="stable")[:EXPLAINED_PICTURES])
    shown = batching.make_batches(reads, [images[i] for i in worst])
    outputs = [drift.activations(run, name, shown, integers) for name in (left, right)]
    layers = drift.compare_layers(*outputs, drift.tolerance(reads.name, left, right))
    first = next((row["layer"] for row in layers if row["drifts"]), None)
    return {"left": left, "right": right, "pictures": len(worst), "layers": layers, "first": first}


def _integers(
    run: Run, refused: dict[str, str], reads: Task
) -> tuple[integer_reference.Reference | None, dict[str, str]]:
    """The integer network and the formats without one to compare: those refused and, where none is, all of 8 bits."""
    if INTEGERS in refused:
        return None, refused
    try:
        return integer_reference.load((run / FOLDER / get(INTEGERS, reads.name).file).read_bytes()), refused
    except integer_reference.Unsupported as error:
        return None, {row.name: str(error) for row in TABLE[reads.name] if row.type == "int8"} | refused


def _reference_answers(integers: integer_reference.Reference, pictures: Sequence[Batch]) -> Predictions:
    logits = batching.predict(pictures, lambda pixels: integer_reference.logits(integers, pixels))
    return _answers(REFERENCE, pictures, softmax(dequantize(logits, integers.output)), logits)


def _answers(name: str, pictures: Sequence[Batch], probabilities: Floats, logits: Int8 | None) -> Predictions:
    if pictures[0].steps is None:
        return Predictions(name, probabilities, logits)
    places = np.concatenate([batch.places() for batch in pictures])
    starts = np.flatnonzero(places[:, 1] == 0)
    best = [ctc.search(rows, count=1).best[0] for rows in np.split(probabilities, starts[1:])]
    strings, sure = tuple(one.labels for one in best), np.array([one.probability for one in best])
    return Predictions(name, probabilities, logits, places, strings, sure)


def _counts(families: dict[str, list[Predictions]]) -> dict[str, Any]:
    """Of fields: how many steps, and how often the two families' first members read the same string."""
    first = [answers[0] for answers in families.values() if answers]
    if not first[0].strings:
        return {}
    same = [one == other for one, other in zip(first[0].strings, first[-1].strings, strict=True)]
    return {"steps": len(first[0].probabilities), "float_and_int8": sum(same) / len(same)}


def _own_softmax(answers: Predictions, integers: integer_reference.Reference | None) -> list[str]:
    """Users get probabilities, the bounds count logits: one must follow from the other."""
    if answers.logits is None or integers is None:
        return []
    own = softmax(dequantize(answers.logits, integers.output))
    difference = float(np.abs(answers.probabilities - own).max())
    if difference <= SOFTMAX_TOLERANCE:
        return []
    return [
        f"{answers.name}: its probabilities differ by {difference:.2g} from the softmax of its own logits, "
        f"allowed {SOFTMAX_TOLERANCE:g}"
    ]


def _features(run: Run, row: Format, pictures: Sequence[Batch]) -> list[str]:
    """The variant that shows its layers must show Keras's."""
    first = [
        Batch(batch.pixels[:EXPLAINED_PICTURES], batch.numbers[:EXPLAINED_PICTURES]) for batch in pictures[:1]
    ]
    shown = [drift.activations(run, name, first, None) for name in ("keras", row.name)]
    return [
        f"{row.name}: its output {entry['layer']} differs from Keras's by {entry['relative']:.2g} of its "
        f"range, allowed {entry['tolerance']:g}"
        for entry in drift.compare_layers(*shown, drift.tolerance(row.task, row.name))
        if entry["drifts"]
    ]
