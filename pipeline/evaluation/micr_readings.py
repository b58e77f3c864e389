"""Reads MICR lines for calibration and evaluation, through the very code that serves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.networks import spec
from pipeline.networks.lenet5_micr import NETWORK
from serving.decoding.alphabet import manifest_labels
from serving.decoding.micr import AUTO
from serving.decoding.thresholds import operating_point
from serving.images import sliding_window
from serving.images.codec import Gray
from serving.images.field import Field
from serving.images.micr_line import normalize_micr_line
from serving.manifest import Model, Tensor, Threshold
from serving.recognition.fields import LocatedField
from serving.recognition.micr import decode_line, predict

Floats = npt.NDArray[np.float32]
Infer = Callable[[Floats], Floats]  # float32 [N, 32, W, 1] → probabilities float32 [N, T, K]

IMAGE: Final = Tensor("image", "FP32", [-1, NETWORK.sliding.height, -1, 1])
# Accepts every line that only its confidence could reject.
_ANY: Final = operating_point([Threshold(1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0)], 1.0)
_MODEL: Final = Model(
    "0", "micr", IMAGE, [], labels=manifest_labels(NETWORK.alphabet), sliding=NETWORK.sliding
)
_UNREAD: Final = "no symbol read"


@dataclass(frozen=True)
class LineReading:
    """A line as it was read.

    Attributes:
        text: its symbols, without blanks; "" where none was found.
        probability: the decoder's, of the whole line.
        problem: why the reading counts for nothing, however probable; None if only confidence decides.
        refusal: why the service accepts it with no confidence, the problem or what the line says: symbols that fit no
            country's layout, a check digit that fails; None if only confidence decides.
    """

    text: str
    probability: float
    problem: str | None = None
    refusal: str | None = None

    @property
    def unread(self) -> str | None:
        """Why there is no text, without particulars; None where there is one."""
        return None if self.text or self.problem is None else self.problem.partition(":")[0]


def read(infer: Infer, pictures: Sequence[Gray]) -> list[LineReading]:
    """Reads pictures of lines, uint8 [h, w] each."""
    return recognize(infer, [normalize_micr_line(picture) for picture in pictures])


def recognize(infer: Infer, fields: Sequence[Field]) -> list[LineReading]:
    """Reads normalized lines."""
    readings = [LineReading("", 0.0, field.problem, field.problem) for field in fields]
    sliding = spec.MICR.sliding
    for indices, image in sliding_window.place(fields, sliding, sliding.slants):
        for index, steps in zip(indices, infer(image), strict=True):
            field = fields[index]
            readings[index] = _reading(field, steps[: sliding_window.steps(field.pixels.shape[1], sliding)])
    return readings


def _reading(field: Field, steps: Floats) -> LineReading:
    decoded = decode_line(field, steps, _MODEL)
    reading = LineReading(decoded.text.replace(" ", ""), decoded.best[0].probability)
    if not reading.text:
        return replace(reading, problem=_UNREAD, refusal=_UNREAD)
    height, width = field.pixels.shape
    source = LocatedField(field, 1, (0, 0), (width, height))
    prediction = predict(source, steps, decoded, _MODEL, AUTO, _ANY)
    problem = field.doubt or (None if decoded.exact else prediction.reason)
    return replace(reading, problem=problem, refusal=prediction.reason)
