"""Pictures of fields and MICR lines that come as a tensor's elements: how they are to be read, and the readings as tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from serving.decoding.field_string import FieldFormat
from serving.decoding.micr import AUTO
from serving.decoding.thresholds import point_of
from serving.engine.served_model import ServedModel
from serving.engine.tensors import Tensor
from serving.images.crop import Crop, PageLimit
from serving.recognition import field_recognizer, fields, micr_recognizer
from serving.recognition.field_recognizer import FieldReading
from serving.recognition.fields import FieldPrediction
from serving.recognition.micr import MicrPrediction, require_micr
from serving.recognition.micr_recognizer import MicrReading
from serving.recognition.reading import Reading

# Names and datatypes of the outputs, each of shape [N].
OUTPUTS: Final = {"text": "BYTES", "confidence": "FP32", "accepted": "BOOL"}
_TEXT: Final = ("field", "micr")  # tasks whose readings are texts


@dataclass(frozen=True)
class ReadingOptions:
    """What `/fields` and `/micr` take as parameters of the query.

    Attributes:
        max_error: the wanted error bound; None: the model's default.
        crop: the part of each picture that is read; None: all of it.
        field_format: the rules that a field's string has to keep.
        country: whose layout a MICR line has, one of `serving.decoding.micr.COUNTRIES`.
    """

    max_error: float | None = None
    crop: Crop | None = None
    field_format: FieldFormat = FieldFormat()
    country: str = AUTO


def are_field_pictures(served: ServedModel, inputs: Sequence[Tensor]) -> bool:
    """Tells whether a request brings encoded pictures for a model that reads fields or MICR lines."""
    return served.loaded.model.task in _TEXT and any(tensor.datatype == "BYTES" for tensor in inputs)


def answer_parameters(
    served: ServedModel, inputs: Sequence[Tensor], reading: ReadingOptions
) -> dict[str, float | str]:
    """Returns what is said of the readings as a whole: the wanted and the applied error bound.

    A bound that no certified one answers to has the `reason` why nothing is accepted in the place of the applied one.
    Tensors and pictures of digits get probabilities, of which nothing is accepted or refused: the answer is empty.
    """
    if not are_field_pictures(served, inputs):
        return {}
    point = point_of(served.loaded.model, reading.max_error)
    if point.threshold is None:
        return {"max_error": point.max_error, "reason": point.reason or ""}
    return {"max_error": point.max_error, "applied_max_error": point.threshold.max_error}


def start_fields(
    served: ServedModel, pictures: Sequence[bytes], reading: ReadingOptions, limit: PageLimit
) -> FieldReading:
    """Decodes and normalizes pictures of fields.

    Args:
        served: the model that is to read them.
        pictures: encoded, as `images.codec.decode` takes them.
        reading: how they are read.
        limit: how many pages they may have.

    Raises:
        CheckreaderError: the model reads no fields, the bound is no share, or a picture cannot be read.
    """
    entry = served.loaded.model
    fields.require_sliding(served.name, entry)
    point = point_of(entry, reading.max_error)
    located = fields.normalize_pictures(pictures, reading.crop, limit)
    return field_recognizer.start(located, entry, reading.field_format, point)


def start_lines(
    served: ServedModel, pictures: Sequence[bytes], reading: ReadingOptions, limit: PageLimit
) -> MicrReading:
    """Decodes and normalizes pictures of MICR lines; arguments and errors as `start_fields`."""
    entry = served.loaded.model
    require_micr(served.name, entry)
    point = point_of(entry, reading.max_error)
    located = micr_recognizer.normalize_pictures(pictures, reading.crop, limit)
    return micr_recognizer.start(located, entry, reading.country, point)


def start_texts(
    served: ServedModel, pictures: Sequence[bytes], reading: ReadingOptions, limit: PageLimit
) -> Reading[FieldPrediction | MicrPrediction]:
    """Decodes and normalizes pictures of what the model reads; arguments and errors as `start_fields`."""
    start = start_lines if served.loaded.model.task == "micr" else start_fields
    return start(served, pictures, reading, limit)


def to_tensors(predictions: Sequence[FieldPrediction | MicrPrediction]) -> list[Tensor]:
    """Returns the `OUTPUTS`: what is read in each picture, how sure that is, and whether it is accepted."""
    texts = np.empty(len(predictions), object)
    texts[:] = [prediction.text.encode() for prediction in predictions]
    columns = (
        texts,
        np.array([prediction.confidence for prediction in predictions], np.float32),
        np.array([prediction.accepted for prediction in predictions], np.bool_),
    )
    return [
        Tensor(name, datatype, data) for (name, datatype), data in zip(OUTPUTS.items(), columns, strict=True)
    ]
