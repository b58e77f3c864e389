"""What the service does, free of any protocol: bytes, numbers and names in, the same out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from serving.decode import MAX_ERROR, Reading, readings, threshold
from serving.errors import CheckdigitError
from serving.images import Gray, decode, normalize, tensor
from serving.repository import Loaded
from serving.runtime import Array, Floats, Spec

Crop = tuple[int, int, int, int]


class Unknown(CheckdigitError):
    """There is no model, or no version of it, by that name."""


@dataclass(frozen=True)
class Tensor:
    """A named array; `datatype` is the Open Inference Protocol's word for its dtype."""

    name: str
    datatype: str
    data: Array


class DataPlane:
    """The loaded models.

    Args:
        models: by name.
        default: the model that reads pictures unless another is asked for.
        max_rows: the largest batch of an inference request.
    """

    def __init__(self, models: Mapping[str, Loaded], default: str, max_rows: int = 4096) -> None:
        self.models = models
        self.default = default
        self.max_rows = max_rows

    def find(self, name: str, version: str | None = None) -> Loaded:
        """Raises Unknown."""
        loaded = self.models.get(name)
        if loaded is None:
            raise Unknown(f"unknown model {name!r}; there are {', '.join(self.models)}")
        if version not in (None, loaded.model.version):
            raise Unknown(f"model {name!r} has no version {version!r}; it has {loaded.model.version!r}")
        return loaded

    def infer(
        self, name: str, version: str | None, inputs: Sequence[Tensor], outputs: Sequence[str] = ()
    ) -> list[Tensor]:
        """Runs a model on tensors.

        Args:
            name: the model's name; `version` None means the one there is.
            inputs: exactly the model's input, FP32 in [0, 1] or UINT8 0–255.
            outputs: names of the outputs to return, in that order; none = all.

        Raises:
            Unknown: no such model or version.
            CheckdigitError: the tensors do not fit the model.
        """
        loaded = self.find(name, version)
        network = loaded.network
        position = {spec.name: i for i, spec in enumerate(network.outputs)}
        for output in outputs:
            if output not in position:
                raise CheckdigitError(
                    f"unexpected inference output {output!r} for model {name!r}, it has {', '.join(position)}"
                )
        results = network.run(self._image(name, network.input, inputs))
        return [
            Tensor(output, network.outputs[position[output]].datatype, results[position[output]])
            for output in outputs or position
        ]

    def _image(self, name: str, spec: Spec, inputs: Sequence[Tensor]) -> Floats:
        unexpected = [given.name for given in inputs if given.name != spec.name]
        if unexpected:
            raise CheckdigitError(
                f"unexpected inference input {unexpected[0]!r} for model {name!r}, expected {spec.name!r}"
            )
        if len(inputs) != 1:
            raise CheckdigitError(f"model {name!r} takes one input, {spec.name!r}, got {len(inputs)}")
        data = inputs[0].data
        check_shape(name, spec, data.shape, self.max_rows)
        if inputs[0].datatype == "UINT8":
            return data.astype(np.float32) / np.float32(255)
        if inputs[0].datatype != "FP32":
            raise CheckdigitError(
                f"inference input {spec.name!r} data-type is {inputs[0].datatype!r}, "
                f"but model {name!r} expects 'FP32' in [0, 1] or 'UINT8' 0–255"
            )
        low, high = float(data.min()), float(data.max())  # NaN anywhere makes both NaN
        if math.isnan(low):
            raise CheckdigitError(f"input {spec.name!r} holds NaN; expected 0 (paper) to 1 (ink)")
        if low < 0 or high > 1:
            raise CheckdigitError(
                f"input {spec.name!r} spans {low:g} to {high:g}; FP32 is 0 (paper) to 1 (ink): "
                "divide 8-bit pixels by 255, or declare them UINT8"
            )
        return np.ascontiguousarray(data, np.float32)

    def read_digits(
        self,
        pictures: Sequence[bytes],
        model: str | None = None,
        max_error: float = MAX_ERROR,
        crop: Crop | None = None,
    ) -> tuple[Loaded, list[Reading]]:
        """Reads pictures of one digit each.

        Args:
            pictures: encoded, as `images.decode` takes them.
            model: None = the default.
            max_error: the largest share of wrong readings among the accepted ones.
            crop: x, y, width and height of the part to read, in every picture alike.

        Raises:
            Unknown: no such model.
            CheckdigitError: a picture cannot be read, or a parameter makes no sense.
        """
        loaded = self.find(model or self.default)
        if loaded.model.task != "digit":
            raise CheckdigitError(f"model {loaded.name!r} does not read digits")
        bar = threshold(loaded.model.thresholds, max_error)
        pixels = []
        for number, data in enumerate(pictures, 1):
            try:
                pixels.append(normalize(_cut(decode(data), crop)))
            except CheckdigitError as error:
                which = f"picture {number} of {len(pictures)}: " if len(pictures) > 1 else ""
                raise CheckdigitError(f"{which}{error}") from None
        batch = np.stack(pixels)
        blank = batch.max(axis=(1, 2)) == 0
        return loaded, readings(loaded.network.infer(tensor(batch)), blank, bar)


def check_shape(model: str, spec: Spec, shape: Sequence[int], max_rows: int) -> None:
    """Raises CheckdigitError unless `shape` is a batch of 1 to `max_rows` of what `spec` takes."""
    fits = len(shape) == len(spec.shape) and all(
        want in (-1, got) for want, got in zip(spec.shape, shape, strict=True)
    )
    if not fits:
        raise CheckdigitError(
            f"unexpected shape for input {spec.name!r} for model {model!r}. "
            f"Expected {_brackets(spec.shape)}, got {_brackets(shape)}"
        )
    if not 1 <= shape[0] <= max_rows:
        raise CheckdigitError(
            f"inference request batch-size must be 1 to {max_rows} for {model!r}, got {shape[0]}"
        )


def _brackets(shape: Sequence[int]) -> str:
    return "[" + ",".join(map(str, shape)) + "]"


def _cut(gray: Gray, crop: Crop | None) -> Gray:
    if crop is None:
        return gray
    x, y, width, height = crop
    rows, columns = gray.shape
    if x < 0 or y < 0 or width < 1 or height < 1 or x + width > columns or y + height > rows:
        raise CheckdigitError(
            f"crop {x},{y},{width},{height} does not lie inside the picture of {columns}×{rows} pixels"
        )
    return gray[y : y + height, x : x + width]
