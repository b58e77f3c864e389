"""Makes the recognizer of a task: of single digits, or of fields that have an expected format."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from serving.decoding.field_string import FieldFormat
from serving.decoding.thresholds import MAX_ERROR, DigitPrediction, choose_threshold
from serving.errors import CheckreaderError
from serving.images.crop import Crop
from serving.images.digit import tensor
from serving.manifest import Model
from serving.recognition import digits, fields
from serving.recognition.fields import FieldPrediction
from serving.runtime.network import Network

Prediction: TypeAlias = DigitPrediction | FieldPrediction
Recognizer: TypeAlias = Callable[[Sequence[bytes]], Sequence[Prediction]]


def check_request(name: str, model: Model, expected: FieldFormat | None, max_error: float | None) -> None:
    """Checks what can be without loading the model.

    Args:
        name: the model's.
        model: its entry in the manifest.
        expected: the format of fields; None = single digits.
        max_error: the wanted error bound; None = the default.

    Raises:
        CheckreaderError: the model is of another task, or the bound cannot be used.
    """
    if expected is not None:
        fields.require_sliding(name, model)
        fields.threshold_or_reason(model.thresholds, max_error)
    elif model.task != "digit":
        raise CheckreaderError(f"model {name!r} does not read digits")
    else:
        choose_threshold(model.thresholds, MAX_ERROR if max_error is None else max_error)


def recognizer(
    name: str,
    model: Model,
    network: Network,
    expected: FieldFormat | None,
    max_error: float | None = None,
    crop: Crop | None = None,
) -> Recognizer:
    """Makes a function that recognizes every page of encoded pictures.

    Args:
        name: the model's.
        model: its entry in the manifest.
        network: the loaded model.
        expected: the format of fields; None = single digits.
        max_error: the wanted error bound; None = the default.
        crop: x, y, width and height of the part to read, in every page alike.

    Raises:
        CheckreaderError: as `check_request`.
    """
    check_request(name, model, expected, max_error)
    if expected is not None:
        return fields.field_recognizer(name, model, network, expected, max_error, crop)
    threshold = choose_threshold(model.thresholds, MAX_ERROR if max_error is None else max_error)

    def recognize(pictures: Sequence[bytes]) -> list[DigitPrediction]:
        source = digits.normalize_pictures(pictures, crop)
        return digits.recognize(source, network.infer(tensor(source.pixels)), threshold)

    return recognize
