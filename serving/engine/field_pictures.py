"""Pictures of fields that come as a tensor's elements: how they are to be read, and the readings as tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from serving.decoding.field_string import FieldFormat
from serving.decoding.thresholds import point_of
from serving.engine.served_model import ServedModel
from serving.engine.tensors import Tensor
from serving.images.crop import Crop
from serving.recognition.fields import FieldPrediction

# Names and datatypes of the outputs, each of shape [N].
OUTPUTS: Final = {"text": "BYTES", "confidence": "FP32", "accepted": "BOOL"}


@dataclass(frozen=True)
class ReadingOptions:
    """What `/fields` takes as parameters of the query.

    Attributes:
        max_error: the wanted error bound; None: the model's default.
        crop: the part of each picture that is read; None: all of it.
        field_format: the rules that the field's string has to keep.
    """

    max_error: float | None = None
    crop: Crop | None = None
    field_format: FieldFormat = FieldFormat()


def are_field_pictures(served: ServedModel, inputs: Sequence[Tensor]) -> bool:
    """Tells whether a request brings encoded pictures for a model that reads fields."""
    return served.loaded.model.task == "field" and any(tensor.datatype == "BYTES" for tensor in inputs)


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


def to_tensors(predictions: Sequence[FieldPrediction]) -> list[Tensor]:
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
