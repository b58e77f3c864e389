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
from pipeline.records import ExportRecord, TrainRecord
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

INTEGERS: Final = "tflite_int8"  # the file that the integer network is read from
SOFTMAX_TOLERANCE: Final = 1e-5  # a file's probabilities against the softmax of its own int8 logits
# Share of pictures or steps beyond it: ONNX Runtime gives the logits in a session of their own, which may round a tie to
# the other side.
_TIES: Final = 1e-4
EXPLAINED_PICTURES: Final = 500  # pictures for `explain`: those on which the two formats differ most


def verify(run: Run, images: Pixels | Sequence[Pixels]) -> dict[str, Any]:
    """Runs the stage: compares all formats of a run and writes `verify.json`.

    Args:
        run: an exported run.
        images: the pictures of a test set, uint8 [N, 28, 28], or fields uint8 [32, w] of any widths.

    Returns:
        The record. `passed` is False if any bound is broken, `broken` names these, one line each;
        `pairs` holds every comparison, `judged` those that a bound applies to, `refused` the formats that
        could not be exported or have nothing to be compared with, and why.

    Raises:
        CheckreaderError: an exported file is missing, changed, cannot be loaded or gives no probabilities.
    """
    exported, task = run.read(ExportRecord), spec.task_of_run(run)
    batches = batching.make_batches(task, images)
    integers, refused = _integers(run, exported.refused, task)
    rows = [row for row in TABLE[task.name] if row.name not in refused]
    broken: list[str] = []
    families: dict[str, list[Predictions]] = {"float": [], "int8": []}
    if integers is not None:
        families["int8"].append(_reference_predictions(integers, batches))
    for row in rows:
        predictions = predict(run, row, batches, integers)
        families["float" if predictions.logits is None else "int8"].append(predictions)
        broken += _softmax_violations(predictions, integers)
        if row.model == "lenet5-features":
            broken += _feature_violations(run, row, batches)
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
        data=exported.data,
        **_counts(families),
        pictures=len(images),
        passed=not broken,
        broken=broken,
        refused=refused,
        judged=judged,
        pairs=pairs,
    )


def predict(
    run: Run, row: Format, batches: Sequence[Batch], integers: integer_reference.Reference | None
) -> Predictions:
    """Runs one format's file on all batches.

    Raises:
        CheckreaderError: the file cannot be loaded, or its output is not [N, 10] or [N, T, K] and finite.
    """
    path = run / FOLDER / row.file
    task, classes = spec.TASKS[row.task], spec.classes(run.read(TrainRecord))
    infer = predictor.predictor(row, path)

    def checked(pixels: Pixels) -> Floats:
        probabilities = infer(tensor(pixels))
        shape = task.output_shape(len(pixels), pixels.shape[2], classes)
        if probabilities.shape != shape or not np.isfinite(probabilities).all():
            raise CheckreaderError(f"{path}: does not give {list(shape)} finite probabilities")
        return probabilities

    probabilities = batching.predict(batches, checked)
    logits = None
    if row.model == task.int8 and integers is not None:
        logits = batching.predict(batches, predictor.logit_predictor(row, path, integers.output))
    return _with_strings(row.name, batches, probabilities, logits)


def explain(
    run: Run,
    left: str,
    right: str,
    images: Pixels | Sequence[Pixels],
    count: int = EXPLAINED_PICTURES,
) -> dict[str, Any]:
    """Names the first layer where two formats drift apart.

    Drift is a difference, in any value of a layer's output, of more than `drift.DRIFT` of the range that this
    layer's values span in `left`; of two types of numbers the coarser one counts. The pictures are those
    on which the two formats' probabilities differ most.

    Args:
        run: an exported run.
        left, right: names of formats, or "reference" for the NumPy integer network.
        images: as for `verify`.
        count: how many pictures are compared layer by layer.

    Returns:
        `layers`: for each its largest `difference`, `range`, `relative` difference and the `tolerance`;
        `first`: the name of the first beyond its tolerance, or None.
    """
    task = spec.task_of_run(run)
    integers, refused = _integers(run, run.read(ExportRecord).refused, task)
    batches = batching.make_batches(task, images)
    for name in (left, right):
        if name in refused or (name == REFERENCE and integers is None):
            raise CheckreaderError(
                f"{name} is not there to be compared: {refused.get(name) or refused[INTEGERS]}"
            )

    def probabilities(name: str) -> Floats:
        if name == REFERENCE and integers is not None:
            return _reference_predictions(integers, batches).probabilities
        return predict(run, get(name, task.name), batches, integers).probabilities

    distance = np.zeros(len(images))
    numbers = np.concatenate([batch.places() for batch in batches])[:, 0]
    np.maximum.at(distance, numbers, np.abs(probabilities(left) - probabilities(right)).max(axis=1))
    worst = np.sort(np.argsort(-distance, kind="stable")[:count])
    compared = batching.make_batches(task, [images[i] for i in worst])
    left_outputs, right_outputs = (drift.activations(run, name, compared, integers) for name in (left, right))
    layers = drift.compare_layers(left_outputs, right_outputs, drift.tolerance(task.name, left, right))
    first = next((row["layer"] for row in layers if row["drifts"]), None)
    return {"left": left, "right": right, "pictures": len(worst), "layers": layers, "first": first}


def _integers(
    run: Run, refused: dict[str, str], task: Task
) -> tuple[integer_reference.Reference | None, dict[str, str]]:
    """Returns the integer network, and the formats without one to compare and why.

    These are the refused ones and, where the integer network is not supported, all 8-bit ones.
    """
    if INTEGERS in refused:
        return None, refused
    try:
        return integer_reference.load((run / FOLDER / get(INTEGERS, task.name).file).read_bytes()), refused
    except integer_reference.Unsupported as error:
        return None, {row.name: str(error) for row in TABLE[task.name] if row.type == "int8"} | refused


def _reference_predictions(integers: integer_reference.Reference, batches: Sequence[Batch]) -> Predictions:
    logits = batching.predict(batches, lambda pixels: integer_reference.logits(integers, pixels))
    return _with_strings(REFERENCE, batches, softmax(dequantize(logits, integers.output)), logits)


def _with_strings(
    name: str, batches: Sequence[Batch], probabilities: Floats, logits: Int8 | None
) -> Predictions:
    """Returns the predictions; those of fields with the string that is read in each, those of checks with their places."""
    places = np.concatenate([batch.places() for batch in batches])
    if batches[0].steps is None:
        return Predictions(name, probabilities, logits, places if batches[0].parts > 1 else None)
    starts = np.flatnonzero(places[:, 1] == 0)
    best = [ctc.search(rows, count=1).best[0] for rows in np.split(probabilities, starts[1:])]
    strings = tuple(string.labels for string in best)
    return Predictions(
        name, probabilities, logits, places, strings, np.array([string.probability for string in best])
    )


def _counts(families: dict[str, list[Predictions]]) -> dict[str, Any]:
    """Counts the steps of fields, and how often the two families' first members read the same string."""
    first = [predictions[0] for predictions in families.values() if predictions]
    if not first[0].strings:
        return {}
    same = [a == b for a, b in zip(first[0].strings, first[-1].strings, strict=True)]
    return {"steps": len(first[0].probabilities), "float_and_int8": sum(same) / len(same)}


def _softmax_violations(predictions: Predictions, integers: integer_reference.Reference | None) -> list[str]:
    """Checks that the probabilities, which users get, follow from the logits, which the bounds count."""
    if predictions.logits is None or integers is None:
        return []
    expected = softmax(dequantize(predictions.logits, integers.output))
    differences = np.abs(predictions.probabilities - expected).max(-1)
    if (differences > SOFTMAX_TOLERANCE).mean() <= _TIES:
        return []
    difference = float(differences.max())
    return [
        f"{predictions.name}: its probabilities differ by {difference:.2g} from the softmax of its own logits, "
        f"allowed {SOFTMAX_TOLERANCE:g}"
    ]


def _feature_violations(run: Run, row: Format, batches: Sequence[Batch]) -> list[str]:
    """Checks that the variant that outputs its layers outputs those of the network as it was trained."""
    first = [
        Batch(batch.pixels[:EXPLAINED_PICTURES], batch.numbers[:EXPLAINED_PICTURES]) for batch in batches[:1]
    ]
    expected, outputs = (drift.activations(run, name, first, None) for name in ("keras_unfolded", row.name))
    return [
        f"{row.name}: its output {entry['layer']} differs from Keras's by {entry['relative']:.2g} of its "
        f"range, allowed {entry['tolerance']:g}"
        for entry in drift.compare_layers(expected, outputs, drift.tolerance(row.task, row.name))
        if entry["drifts"]
    ]
