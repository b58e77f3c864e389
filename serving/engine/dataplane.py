"""What the service does, free of any protocol: bytes, numbers and names in, the same out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from serving.decoding.field_string import FieldFormat
from serving.decoding.thresholds import MAX_ERROR, DigitPrediction, choose_threshold
from serving.engine.batcher import Outputs
from serving.engine.offload import Offloader
from serving.engine.served_model import ServedModel, start_serving
from serving.engine.statistics import Counts
from serving.engine.tensor_checks import brackets, check_range, check_shape
from serving.errors import CheckreaderError, Unknown
from serving.images import sliding_window
from serving.images.crop import Crop, is_small
from serving.images.digit import tensor
from serving.recognition import digits, fields
from serving.recognition.fields import FieldPrediction
from serving.repository.golden import LoadedModel
from serving.runtime.cpu import cpus
from serving.runtime.network import Array, Floats
from serving.settings import Settings

T = TypeVar("T")
_ONE: Final = 0x3F800000  # float32 1.0

# Work on less than this (bytes) is done in the event loop: a thread would take longer to wake.
SMALL: Final = 2**16


class Tensor(msgspec.Struct, frozen=True):
    """A named array; `datatype` is the Open Inference Protocol's word for its dtype.

    BYTES are an object array of bytes objects: encoded pictures as input, "value:index:label" as output.
    """

    name: str
    datatype: str
    data: Array


class DataPlane:
    """The served models.

    Args:
        models: the loaded ones.
        default: the name of the model that reads pictures unless another is asked for.
        settings: limits and batching.
        previous: loaded versions before those.
        counts: where everything is counted.
    """

    def __init__(
        self,
        models: Sequence[LoadedModel],
        default: str,
        settings: Settings,
        previous: Sequence[LoadedModel] = (),
        counts: Counts | None = None,
    ) -> None:
        self.default = default
        self.settings = settings
        self.counts = counts or Counts()
        self.stopping = False  # whether the process is about to end
        self._offloader = Offloader(cpus())
        self.models: Mapping[str, ServedModel] = {one.name: self._serve(one) for one in models}
        self.previous: Mapping[str, ServedModel] = {one.name: self._serve(one) for one in previous}

    def _serve(self, loaded: LoadedModel) -> ServedModel:
        return start_serving(loaded, self.counts.for_model(loaded.name, loaded.model.version), self.settings)

    @property
    def ready(self) -> bool:
        """Whether requests should come here."""
        return bool(self.models) and not self.stopping

    @property
    def served_models(self) -> list[ServedModel]:
        """Every version."""
        return [*self.models.values(), *self.previous.values()]

    def swap(
        self, models: Mapping[str, ServedModel], previous: Mapping[str, ServedModel], default: str
    ) -> None:
        """Serves these from now on; requests that are under way end with what they began with."""
        self.models, self.previous, self.default = models, previous, default

    def find(self, name: str, version: str | None = None, label: str | None = None) -> ServedModel:
        """A served version of a model.

        Args:
            name: of the model.
            version: None = the one that `label` says.
            label: "stable" or "previous"; None = stable.

        Raises:
            Unknown: it is not served.
        """
        now = self.models.get(name)
        before = self.previous.get(name)
        if now is None and before is None:
            raise Unknown(f"unknown model {name!r}; there are {', '.join(self.models)}")
        if version is not None:
            found = next((one for one in (now, before) if one is not None and one.version == version), None)
            if found is None:
                have = ", ".join(repr(one.version) for one in (now, before) if one is not None)
                raise Unknown(f"model {name!r} has no version {version!r}; it has {have}")
            return found
        labels = {"stable": now, "previous": before}
        chosen = labels.get(label or "stable")
        if chosen is None:
            have = ", ".join(repr(one) for one, model in labels.items() if model is not None)
            raise Unknown(f"Unrecognized servable version label: {label or 'stable'!r}; there is {have}")
        return chosen

    async def infer(
        self,
        served: ServedModel,
        inputs: Sequence[Tensor],
        outputs: Sequence[str] = (),
        timeout: float | None = None,
        start: int | None = None,
    ) -> list[Tensor]:
        """Runs a model on tensors.

        Args:
            served: what `find` found.
            inputs: exactly the model's input: FP32 in [0, 1], UINT8 0–255, or BYTES [N], encoded pictures.
            outputs: names of the outputs to return, in that order; none = all.
            timeout: s that the request may wait in the queue; None = the service's own limit.
            start: when work on the request began, by `time.perf_counter_ns`; None = now.

        Raises:
            Busy: the queue is full.
            Expired: it waited beyond its timeout.
            CheckreaderError: the tensors do not fit the model.
        """
        began = time.perf_counter_ns() if start is None else start
        specs = served.outputs
        for output in outputs:
            if output not in specs:
                raise CheckreaderError(
                    f"unexpected inference output {output!r} for model {served.name!r}, "
                    f"it has {', '.join(specs)}"
                )
        results = await self._run(served, await self._image(served, inputs), timeout, began)
        if not outputs:
            return [
                Tensor(one.name, one.datatype, data)
                for one, data in zip(specs.values(), results, strict=True)
            ]
        found = dict(zip(specs, results, strict=True))
        return [Tensor(name, specs[name].datatype, found[name]) for name in outputs]

    async def read_digits(
        self,
        pictures: Sequence[bytes],
        model: str | None = None,
        max_error: float | None = None,
        crop: Crop | None = None,
    ) -> tuple[ServedModel, list[DigitPrediction]]:
        """Reads pictures of one digit each.

        Args:
            pictures: encoded, as `images.decode` takes them.
            model: None = the default.
            max_error: the largest share of wrong readings among the accepted ones.
            crop: x, y, width and height of the part to read, in every picture alike.

        Raises:
            Unknown: no such model.
            Busy, Expired: as `infer`.
            CheckreaderError: a picture cannot be read, or a parameter makes no sense.
        """
        start = time.perf_counter_ns()
        served = self.find(self.default if model is None else model)
        try:
            return served, await self._read(served, pictures, max_error, crop, start)
        except BaseException:
            served.statistics.fail.add(time.perf_counter_ns() - start)
            raise

    async def _read(
        self,
        served: ServedModel,
        pictures: Sequence[bytes],
        max_error: float | None,
        crop: Crop | None,
        start: int,
    ) -> list[DigitPrediction]:
        if served.loaded.model.task != "digit":
            raise CheckreaderError(f"model {served.name!r} does not read digits")
        bar = choose_threshold(served.loaded.model.thresholds, MAX_ERROR if max_error is None else max_error)
        pixels = await self._normalized(pictures, crop)
        outputs = await self._run(served, tensor(pixels), None, start)
        computed = time.perf_counter_ns()
        found = digits.recognize(pixels, outputs[0], bar)
        for one in found:
            served.statistics.record_reading(one.reason)
        served.statistics.record_success(start, computed, time.perf_counter_ns())
        return found

    async def read_fields(
        self,
        pictures: Sequence[bytes],
        model: str | None = None,
        max_error: float | None = None,
        crop: Crop | None = None,
        what: FieldFormat = FieldFormat(),
    ) -> tuple[ServedModel, list[FieldPrediction]]:
        """Reads pictures of one field each, an amount or a number.

        Args:
            pictures: encoded, as `images.decode` takes them.
            model: None = the first served one that reads fields.
            max_error: the largest share of wrong readings among the accepted ones, see `fields.threshold_or_reason`.
            crop: x, y, width and height of the field, in every picture alike.
            what: what `field_string.field_format` made of the request.

        Raises:
            As `read_digits`.
        """
        start = time.perf_counter_ns()
        served = self.find(self._field_model if model is None else model)
        try:
            return served, await self._read_fields(served, pictures, max_error, crop, what, start)
        except BaseException:
            served.statistics.fail.add(time.perf_counter_ns() - start)
            raise

    async def _read_fields(
        self,
        served: ServedModel,
        pictures: Sequence[bytes],
        max_error: float | None,
        crop: Crop | None,
        what: FieldFormat,
        start: int,
    ) -> list[FieldPrediction]:
        described = served.loaded.model
        slides = fields.require_sliding(served.name, described)
        bar = fields.threshold_or_reason(described.thresholds, max_error)

        def normalized() -> tuple[list[fields.LocatedField], list[tuple[list[int], Floats]]]:
            found = fields.normalize_pictures(pictures, crop)
            return found, sliding_window.place([source.field for source in found], slides)

        sources, placed = await self.offload(normalized)
        outputs = await asyncio.gather(*(self._run(served, image, None, start) for _, image in placed))
        computed = time.perf_counter_ns()

        def decoded() -> list[FieldPrediction]:
            rows = fields.probabilities_by_field(len(sources), zip(placed, outputs, strict=True), slides)
            return [
                fields.recognize(source, row, described, what, bar)
                for source, row in zip(sources, rows, strict=True)
            ]

        found = await self.offload(decoded, begun=True)
        for one in found:
            served.statistics.record_reading(one.reason)
        served.statistics.record_success(start, computed, time.perf_counter_ns())
        return found

    @property
    def _field_model(self) -> str:
        """The first model that reads fields."""
        for name, served in self.models.items():
            if served.loaded.model.task == "field":
                return name
        raise Unknown("no model that reads fields is served")

    async def offload(self, work: Callable[[], T], begun: bool = False) -> T:
        """See `Offloader.run`."""
        return await self._offloader.run(work, begun)

    async def _run(self, served: ServedModel, image: Floats, timeout: float | None, start: int) -> Outputs:
        limit = self.settings.queue_timeout
        waiting = served.batcher.submit(image, limit if timeout is None else min(timeout, limit))
        served.statistics.compute_input.add(time.perf_counter_ns() - start)
        return await waiting

    async def _image(self, served: ServedModel, inputs: Sequence[Tensor]) -> Floats:
        spec = served.loaded.network.input
        for given in inputs:
            if given.name != spec.name:
                raise CheckreaderError(
                    f"unexpected inference input {given.name!r} for model {served.name!r}, expected {spec.name!r}"
                )
        if len(inputs) != 1:
            raise CheckreaderError(f"model {served.name!r} takes one input, {spec.name!r}, got {len(inputs)}")
        (given,) = inputs
        if given.datatype == "BYTES":
            return await self._pictures(served, given.data)
        check_shape(served.name, spec, given.data.shape, self.settings.max_rows)
        if served.loaded.model.sliding is not None:
            sliding_window.check_width(served.name, given.data.shape[2], served.loaded.model.sliding)
        if given.datatype == "UINT8":
            return given.data.astype(np.float32) / np.float32(255)
        if given.datatype != "FP32":
            raise CheckreaderError(
                f"inference input {spec.name!r} data-type is {given.datatype!r}, "
                f"but model {served.name!r} expects 'FP32' in [0, 1], 'UINT8' 0–255 or 'BYTES', encoded pictures"
            )
        image = np.ascontiguousarray(given.data, np.float32)
        # Read as unsigned integers, floats from 0 to 1 are the smallest: one pass tells, negative and NaN too.
        if image.view(np.uint32).max() > _ONE:
            check_range(spec.name, image)
        return image

    async def _pictures(self, served: ServedModel, data: Array) -> Floats:
        name = served.name
        if served.loaded.network.input.shape[1:] != (28, 28, 1):
            hint = ": post them to /fields" if served.loaded.model.task == "field" else " of single digits"
            raise CheckreaderError(f"model {name!r} takes no encoded pictures{hint}")
        if data.ndim not in (1, 2) or data.shape[1:] not in ((), (1,)):
            raise CheckreaderError(
                f"unexpected shape for encoded pictures for model {name!r}. Expected [N] or [N,1], "
                f"got {brackets(data.shape)}"
            )
        most = self.settings.max_pictures
        if not 1 <= len(data) <= most:
            raise CheckreaderError(
                f"encoded pictures for model {name!r} must be 1 to {most}, got {len(data)}"
            )
        return tensor(await self._normalized(list(data.ravel())))

    async def _normalized(self, pictures: Sequence[bytes], crop: Crop | None = None) -> npt.NDArray[np.uint8]:
        """What `digits.normalize_pictures` makes of pictures: one that is small in the event loop, since threads that
        take the interpreter from each other on two cores would take twice as long."""
        if len(pictures) == 1 and is_small(pictures[0]):
            return digits.normalize_pictures(pictures, crop)
        return await self.offload(lambda: digits.normalize_pictures(pictures, crop))
