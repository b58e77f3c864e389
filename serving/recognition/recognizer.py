"""Makes the recognizer of a task: of single digits, of fields that have an expected format, or of MICR lines.

Whole checks are read by several models: `serving.repository.check_models` makes their recognizer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from serving.decoding import thresholds
from serving.decoding.field_string import FieldFormat
from serving.decoding.micr import MicrFormat
from serving.decoding.thresholds import DigitPrediction, OperatingPoint
from serving.images.crop import Crop
from serving.manifest import Model
from serving.recognition import digits, fields, micr
from serving.recognition.field_recognizer import FieldRecognizer
from serving.recognition.fields import FieldPrediction
from serving.recognition.micr import MicrPrediction
from serving.recognition.micr_recognizer import MicrRecognizer
from serving.runtime.network import Network

Prediction: TypeAlias = DigitPrediction | FieldPrediction | MicrPrediction
Format: TypeAlias = FieldFormat | MicrFormat
Recognizer: TypeAlias = Callable[[Sequence[bytes]], Sequence[Prediction]]


def point_of(name: str, model: Model, expected: Format | None, max_error: float | None) -> OperatingPoint:
    """Returns what is accepted of a model's predictions; the model need not be loaded.

    Args:
        name: the model's.
        model: its entry in the manifest.
        expected: the format of fields or lines; None = single digits.
        max_error: the wanted error bound; None = the default.

    Raises:
        CheckreaderError: the model is of another task, or the bound is no share.
    """
    if expected is None:
        digits.require_digits(name, model)
    elif isinstance(expected, MicrFormat):
        micr.require_micr(name, model)
    else:
        fields.require_sliding(name, model)
    return thresholds.point_of(model, max_error)


def recognizer(
    model: Model,
    network: Network,
    expected: Format | None,
    point: OperatingPoint,
    crop: Crop | None = None,
) -> Recognizer:
    """Makes a function that recognizes every page of encoded pictures.

    Args:
        model: the model's entry in the manifest.
        network: the loaded model.
        expected: the format of fields or lines; None = single digits.
        point: what is accepted, as `point_of` gives it.
        crop: x, y, width and height of the part to read, in every page alike.
    """
    if expected is None:
        return digits.digit_recognizer(network, point, crop)
    if isinstance(expected, MicrFormat):
        return MicrRecognizer(model, network, expected.country, point, crop)
    return FieldRecognizer(model, network, expected, point, crop)
