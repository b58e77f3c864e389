"""Checks a loaded model against the golden set: it has to give the release's answers on this very machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from serving.decoding import alphabet
from serving.errors import CheckreaderError
from serving.images import sliding_window
from serving.images.codec import Gray
from serving.images.digit import tensor
from serving.images.field import Field
from serving.manifest import Artifact, GoldenCheck, GoldenDigit, GoldenField, GoldenSteps, Model
from serving.recognition.check_locator import find_boxes, grid
from serving.runtime.network import Floats, Network

TOLERANCE: Final = 1e-3
# Of the edges of a field's box on a check, as shares of its width and height: a part of the network's grid is 0.7 % wide
# and 1.6 % high.
TOLERANCE_BOX: Final = 0.01
# Of the steps of a field, whose normalization computes in floating point: from processor to processor a
# pixel may differ by its last place, and in 8 bits a logit. The string must be the same everywhere.
TOLERANCE_FIELD: Final = 0.05
TOLERANCE_INT8: Final = 0.25


@dataclass(frozen=True)
class LoadedModel:
    """A model that runs; `Repository.load` has checked it against the golden set."""

    name: str
    model: Model
    artifact: Artifact
    network: Network


def check_digits(loaded: LoadedModel, digits: Sequence[GoldenDigit], images: Floats) -> None:
    """Raises CheckreaderError unless the model reads `images`, float32 [N, 28, 28, 1], as the release did."""
    rows = [digit.expected.get(loaded.name, {}).get(loaded.artifact.format) for digit in digits]
    if not rows or None in rows:
        raise _refusal(loaded, "the golden set does not say what it should answer")
    expected, got = np.array(rows, np.float64), loaded.network.infer(images)
    if expected.shape != got.shape:
        raise _refusal(loaded, f"it answers {got.shape}, expected {expected.shape}")
    for digit, released, row in zip(digits, expected, got, strict=True):
        off = float(np.abs(released - row).max())
        allowed = tolerance(float(released.max()), loaded.artifact.type == "int8")
        if released.argmax() != row.argmax() or not off <= allowed:
            raise _refusal(
                loaded,
                f"for {digit.file} it reads {row.argmax()} where the release read "
                f"{released.argmax()}, probabilities off by {off:.2g}, at most {allowed:.2g} is allowed",
            )


def tolerance(confidence: float, integer: bool) -> float:
    """Returns by how much a digit's probabilities may be off.

    A logit that moves by one unit moves a probability p by at most p·(1−p); in 8 bits the last place, which processors
    may differ by, is less than half a unit.

    Args:
        confidence: the largest of the released probabilities.
        integer: whether the model computes in 8 bits.
    """
    return max(TOLERANCE, confidence * (1 - confidence)) if integer else TOLERANCE


def check_fields(loaded: LoadedModel, fields: Sequence[tuple[GoldenField, Field]]) -> None:
    """Raises CheckreaderError unless the model reads the normalized fields as the release did."""
    sliding = loaded.model.sliding
    if sliding is None:
        raise _refusal(loaded, "the manifest does not say how it slides over a field")
    alphabet.parse(loaded.model.labels)
    rows = [golden.expected.get(loaded.name, {}).get(loaded.artifact.format) for golden, _ in fields]
    if not rows:
        raise _refusal(loaded, "the golden set does not say what it should answer")
    for (golden, field), expected in zip(fields, rows, strict=True):
        if expected is None:
            raise _refusal(loaded, "the golden set does not say what it should answer")
        width = field.pixels.shape[1]
        if field.problem is not None or abs(width - golden.width) > 1:
            raise _refusal(
                loaded, f"{golden.file} is {width} columns wide, in the release it was {golden.width}"
            )
        ((_, image),) = sliding_window.place([field], sliding, (0.0,))
        got = loaded.network.infer(image)[0, : sliding_window.steps(width, sliding)]
        difference = _difference(expected, got, loaded.artifact.type == "int8", width != golden.width)
        if difference:
            raise _refusal(loaded, f"for {golden.file} {difference}")


def check_boxes(loaded: LoadedModel, checks: Sequence[tuple[GoldenCheck, Gray]]) -> None:
    """Raises CheckreaderError unless the model finds the fields of thumbnails, uint8 [128, 288], where the release did."""
    for golden, pixels in checks:
        expected = golden.expected.get(loaded.name, {}).get(loaded.artifact.format)
        if expected is None:
            raise _refusal(loaded, "the golden set does not say what it should answer")
        (output,) = loaded.network.infer(tensor(pixels[None]))
        boxes, _ = find_boxes(grid(output))
        if boxes.keys() != expected.keys():
            raise _refusal(
                loaded,
                f"for {golden.file} it finds {', '.join(boxes) or 'nothing'} where the release found {', '.join(expected)}",
            )
        off = max(
            (abs(a - b) for field in boxes for a, b in zip(boxes[field], expected[field], strict=True)),
            default=0,
        )
        if off > TOLERANCE_BOX:
            raise _refusal(
                loaded, f"for {golden.file} a box is off by {off:.2g}, at most {TOLERANCE_BOX} is allowed"
            )


def _difference(expected: GoldenSteps, got: Floats, integer: bool, moved: bool) -> str | None:
    """Compares steps with the release's; returns how they differ by more than the tolerance.

    Args:
        expected: the release's.
        got: this machine's, float32 [T, K].
        integer: whether the model computes in 8 bits.
        moved: whether the field is a column wider or narrower than the release's; then only the string counts.
    """
    labels = np.array(expected.labels, np.int64)
    if abs(len(got) - len(labels)) > 1 or len(labels) != len(expected.probabilities):
        return f"it answers {len(got)} steps, expected {len(labels)}"
    blank = got.shape[1] - 1
    string, released = _collapsed(got.argmax(1), blank), _collapsed(labels, blank)
    if string != released:
        return f"it reads {string} where the release read {released}"
    if moved:
        return None
    off = float(np.abs(got[np.arange(len(labels)), labels] - expected.probabilities).max(initial=0))
    most = TOLERANCE_INT8 if integer else TOLERANCE_FIELD
    return None if off <= most else f"its probabilities are off by {off:.2g}, at most {most} is allowed"


def _collapsed(labels: npt.NDArray[np.int64], blank: int) -> list[int]:
    """Merges repeats and drops blanks."""
    new = np.append(True, labels[1:] != labels[:-1])
    return [int(label) for label in labels[new] if label != blank]


def _refusal(loaded: LoadedModel, reason: str) -> CheckreaderError:
    return CheckreaderError(f"model {loaded.name!r} ({loaded.artifact.format}) is refused: {reason}")
