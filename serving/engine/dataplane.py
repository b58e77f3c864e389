"""The service's operations without any protocol: inference on tensors, and reading of pictures."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final, TypeVar

from serving.decoding.field_string import FieldFormat
from serving.decoding.micr import AUTO
from serving.decoding.thresholds import DigitPrediction, OperatingPoint, point_of
from serving.engine.batcher import Outputs
from serving.engine.field_pictures import (
    OUTPUTS,
    ReadingOptions,
    are_field_pictures,
    start_fields,
    start_lines,
    start_texts,
    to_tensors,
)
from serving.engine.offload import Offloader
from serving.engine.served_model import ServedModel
from serving.engine.statistics import Counts
from serving.engine.tensors import Tensor, single_input, to_model_input, to_pictures
from serving.errors import CheckreaderError, Unknown
from serving.images import field, micr_line
from serving.images.crop import Crop, PageLimit, is_small
from serving.images.digit import tensor as to_tensor
from serving.recognition import digits
from serving.recognition.fields import FieldPrediction
from serving.recognition.micr import MicrPrediction
from serving.recognition.reading import Reading
from serving.runtime.cpu import cpus
from serving.runtime.network import Floats
from serving.settings import Settings

T = TypeVar("T")
P = TypeVar("P", bound=FieldPrediction | MicrPrediction)

# Work on less than this (bytes) is done in the event loop: a thread would take longer to wake up.
SMALL: Final = 2**16


class DataPlane:
    """Answers requests with the served models.

    Args:
        models: the current version of each model, by name.
        default: the model that reads pictures if the request names none.
        settings: limits and batching.
        previous: the versions before those, by name.
        counts: all counters of this worker.
        offloader: runs decoding and parsing; None: a pool with a thread for each core.

    Attributes:
        stopping: True once the process is about to end.
        page_limit: how many pages the pictures of a request may have.
    """

    def __init__(
        self,
        models: Mapping[str, ServedModel],
        default: str,
        settings: Settings,
        previous: Mapping[str, ServedModel] | None = None,
        counts: Counts | None = None,
        offloader: Offloader | None = None,
    ) -> None:
        self.models = models
        self.default = default
        self.settings = settings
        self.previous: Mapping[str, ServedModel] = previous or {}
        self.counts = counts or Counts()
        self.stopping = False
        self.page_limit = PageLimit(settings.max_pictures)
        self._offloader = offloader or Offloader(cpus())

    @property
    def ready(self) -> bool:
        """True if requests should be sent here."""
        return bool(self.models) and not self.stopping

    @property
    def served_models(self) -> list[ServedModel]:
        """Every served version."""
        return [*self.models.values(), *self.previous.values()]

    def swap(
        self, models: Mapping[str, ServedModel], previous: Mapping[str, ServedModel], default: str
    ) -> None:
        """Serves other versions from now on; requests that are under way finish with the version they began with."""
        self.models, self.previous, self.default = models, previous, default

    def find(self, name: str, version: str | None = None, label: str | None = None) -> ServedModel:
        """Returns a served version of a model.

        Args:
            name: of the model.
            version: of the model; None = the one with the label.
            label: "stable" or "previous"; None = stable.

        Raises:
            Unknown: it is not served.
        """
        if version is None and label is None and name in self.models:
            return self.models[name]
        labeled = (("stable", self.models.get(name)), ("previous", self.previous.get(name)))
        versions = {key: served for key, served in labeled if served is not None}
        if not versions:
            raise Unknown(f"unknown model {name!r}; there are {', '.join(self.models)}")
        if version is not None:
            for served in versions.values():
                if served.version == version:
                    return served
            have = ", ".join(repr(served.version) for served in versions.values())
            raise Unknown(f"model {name!r} has no version {version!r}; it has {have}")
        label = label or "stable"
        if label not in versions:
            have = ", ".join(map(repr, versions))
            raise Unknown(f"Unrecognized servable version label: {label!r}; there is {have}")
        return versions[label]

    async def infer(
        self,
        served: ServedModel,
        inputs: Sequence[Tensor],
        outputs: Sequence[str] = (),
        timeout: float | None = None,
        start: int | None = None,
        reading: ReadingOptions = ReadingOptions(),
    ) -> list[Tensor]:
        """Runs a model on tensors, or reads pictures of fields or MICR lines.

        Args:
            served: a version, from `find`.
            inputs: exactly the model's input: FP32 in [0, 1], UINT8 0–255, or BYTES [N], encoded pictures.
            outputs: names of the outputs to return, in that order; none = all.
            timeout: s that the request may wait in the queue, each time that it does; None = the service's own limit.
            start: when work on the request began, by `time.perf_counter_ns`; None = now.
            reading: how pictures of fields and MICR lines are read.

        Returns:
            The outputs, each with the N rows of the input: the model's, or `field_pictures.OUTPUTS`.

        Raises:
            Busy: the queue is full.
            Expired: it waited beyond its timeout.
            CheckreaderError: the tensors do not fit the model.
        """
        start = time.perf_counter_ns() if start is None else start
        reads_text = are_field_pictures(served, inputs)
        specs = served.outputs
        names = OUTPUTS if reads_text else specs
        for output in outputs:
            if output not in names:
                raise CheckreaderError(
                    f"unexpected inference output {output!r} for model {served.name!r}, "
                    f"it has {', '.join(names)}{' for encoded pictures' if reads_text else ''}"
                )
        if reads_text:
            tensor = single_input(served.name, served.loaded.network.input, inputs)
            pictures = to_pictures(served.name, tensor, self.settings.max_pictures)
            begin = partial(start_texts, served, pictures, reading, self.page_limit)
            predictions, _ = await self._read(served, begin, start, timeout)
            tensors = {tensor.name: tensor for tensor in to_tensors(predictions)}
        else:
            arrays = await self._run(served, await self._model_input(served, inputs), timeout, start)
            tensors = {
                name: Tensor(name, spec.datatype, array)
                for (name, spec), array in zip(specs.items(), arrays, strict=True)
            }
        return [tensors[name] for name in outputs] if outputs else list(tensors.values())

    async def read_digits(
        self,
        pictures: Sequence[bytes],
        model: str | None = None,
        max_error: float | None = None,
        crop: Crop | None = None,
    ) -> tuple[ServedModel, OperatingPoint, list[DigitPrediction]]:
        """Reads pictures of one digit each.

        Args:
            pictures: encoded, as `images.codec.decode` takes them.
            model: the model's name; None = the default.
            max_error: the wanted error bound, as for `operating_point`.
            crop: the part to read, the same in every page.

        Returns:
            The model, what is accepted, and a reading of each page of each picture.

        Raises:
            Unknown: no such model.
            Busy, Expired: as `infer`.
            CheckreaderError: a picture cannot be read, or a parameter makes no sense.
        """
        start = time.perf_counter_ns()
        served = self.find(self.default if model is None else model)
        try:
            point = point_of(served.loaded.model, max_error)
            return served, point, await self._read_digits(served, pictures, point, crop, start)
        except BaseException:
            served.statistics.fail.add(time.perf_counter_ns() - start)
            raise

    async def _read_digits(
        self,
        served: ServedModel,
        pictures: Sequence[bytes],
        point: OperatingPoint,
        crop: Crop | None,
        start: int,
    ) -> list[DigitPrediction]:
        digits.require_digits(served.name, served.loaded.model)
        source = await self._normalize(pictures, crop)
        outputs = await self._run(served, to_tensor(source.pixels), None, start)
        computed = time.perf_counter_ns()
        predictions = digits.recognize(source, outputs[0], point)
        for prediction in predictions:
            served.statistics.record_reading(prediction.reason)
        served.statistics.record_success(start, computed, time.perf_counter_ns())
        return predictions

    def reads_at_once(self, pictures: Sequence[bytes], model: str | None = None) -> bool:
        """Tells whether `read_digits` does not wait: it decodes one small picture in the event loop, and no row is queued.

        Args:
            pictures, model: as for `read_digits`; False where that will refuse them.
        """
        try:
            served = self.find(self.default if model is None else model)
            return not served.batcher.busy and len(pictures) == 1 and is_small(pictures[0])
        except CheckreaderError:
            return False

    async def read_fields(
        self,
        pictures: Sequence[bytes],
        model: str | None = None,
        max_error: float | None = None,
        crop: Crop | None = None,
        field_format: FieldFormat = FieldFormat(),
    ) -> tuple[ServedModel, OperatingPoint, list[FieldPrediction]]:
        """Reads pictures of one field each, an amount or a number.

        Args:
            pictures: encoded, as `images.codec.decode` takes them.
            model: the model's name; None = the first served one that reads fields.
            max_error: as in `read_digits`.
            crop: the field, the same part of every page.
            field_format: the rules that the field's string has to keep.

        Returns:
            The model, what is accepted, and a reading of each page of each picture.

        Raises:
            Unknown: no such model.
            Busy, Expired: as `infer`.
            CheckreaderError: a picture cannot be read, or a parameter makes no sense.
        """
        served = self.find(self._first("field", "fields") if model is None else model)
        reading = ReadingOptions(max_error, crop, field_format)
        begin = partial(start_fields, served, pictures, reading, self.page_limit)
        return served, *await self._read_counted(served, max_error, begin)

    async def read_lines(
        self,
        pictures: Sequence[bytes],
        model: str | None = None,
        max_error: float | None = None,
        crop: Crop | None = None,
        country: str = AUTO,
    ) -> tuple[ServedModel, OperatingPoint, list[MicrPrediction]]:
        """Reads pictures of one MICR line each.

        Args:
            pictures: encoded, as `images.codec.decode` takes them.
            model: the model's name; None = the first served one that reads MICR lines.
            max_error: as in `read_digits`.
            crop: the part to read, the same in every page.
            country: whose layout the lines have, one of `serving.decoding.micr.COUNTRIES`.

        Returns:
            The model, what is accepted, and a reading of each page of each picture.

        Raises:
            Unknown: no such model.
            Busy, Expired: as `infer`.
            CheckreaderError: a picture cannot be read, or a parameter makes no sense.
        """
        served = self.find(self._first("micr", "MICR lines") if model is None else model)
        reading = ReadingOptions(max_error, crop, country=country)
        begin = partial(start_lines, served, pictures, reading, self.page_limit)
        return served, *await self._read_counted(served, max_error, begin)

    async def finish(
        self, served: ServedModel, so_far: Reading[P], start: int, timeout: float | None = None
    ) -> tuple[list[P], int]:
        """Reads pictures to the end that are decoded and normalized.

        Args:
            served: the model.
            so_far: the pictures.
            start, timeout: as for `infer`.

        Returns:
            The predictions, and when the network had computed them.
        """
        computed = time.perf_counter_ns()
        while so_far.images:
            outputs = await asyncio.gather(
                *(
                    self._run(served, image, timeout, start, continued=so_far.continued)
                    for image in so_far.images
                )
            )
            start = computed = time.perf_counter_ns()
            decode = partial(so_far.proceed, [output[0] for output in outputs])
            so_far = await self.offload(decode, begun=True)
        predictions = list(so_far.predictions)
        for prediction in predictions:
            served.statistics.record_reading(prediction.reason)
        return predictions, computed

    async def _read_counted(
        self, served: ServedModel, max_error: float | None, begin: Callable[[], Reading[P]]
    ) -> tuple[OperatingPoint, list[P]]:
        """Reads pictures as `_read`, and counts the request."""
        start = time.perf_counter_ns()
        try:
            point = point_of(served.loaded.model, max_error)
            predictions, computed = await self._read(served, begin, start)
        except BaseException:
            served.statistics.fail.add(time.perf_counter_ns() - start)
            raise
        served.statistics.record_success(start, computed, time.perf_counter_ns())
        return point, predictions

    async def _read(
        self,
        served: ServedModel,
        begin: Callable[[], Reading[P]],
        start: int,
        timeout: float | None = None,
    ) -> tuple[list[P], int]:
        """Reads pictures; returns the predictions, and when the network had computed them.

        Args:
            served: the model.
            begin: decodes and normalizes the pictures.
            start, timeout: as for `infer`.
        """
        return await self.finish(served, await self.offload(begin), start, timeout)

    def _first(self, task: str, objects: str) -> str:
        """Returns the name of the first model of a task; `objects` are what it reads."""
        for name, served in self.models.items():
            if served.loaded.model.task == task:
                return name
        raise Unknown(
            f"no model that reads {objects} is served: start checkreader serve with one, by --models"
        )

    async def offload(self, work: Callable[[], T], begun: bool = False) -> T:
        """Calls `work` in a thread; see `Offloader.run`."""
        return await self._offloader.run(work, begun)

    async def _run(
        self,
        served: ServedModel,
        image: Floats,
        timeout: float | None,
        start: int,
        continued: bool = False,
    ) -> Outputs:
        limit = self.settings.queue_timeout
        answer = served.batcher.submit(image, limit if timeout is None else min(timeout, limit), continued)
        served.statistics.compute_input.add(time.perf_counter_ns() - start)
        return await answer

    async def _model_input(self, served: ServedModel, inputs: Sequence[Tensor]) -> Floats:
        """Converts a request's inputs to the model's input, float32 [N, …] in [0, 1]."""
        spec, entry = served.loaded.network.input, served.loaded.model
        tensor = single_input(served.name, spec, inputs)
        if tensor.datatype != "BYTES":
            widest = micr_line.MAX_WIDTH if entry.task == "micr" else field.MAX_WIDTH
            return to_model_input(served.name, spec, entry.sliding, tensor, self.settings.max_rows, widest)
        if spec.shape[1:] != (28, 28, 1):
            raise CheckreaderError(f"model {served.name!r} takes no encoded pictures of single digits")
        pictures = to_pictures(served.name, tensor, self.settings.max_pictures)
        return to_tensor((await self._normalize(pictures)).pixels)

    async def _normalize(
        self, pictures: Sequence[bytes], crop: Crop | None = None
    ) -> digits.NormalizedDigits:
        """Decodes and normalizes pictures of digits.

        A single small one is decoded in the event loop: threads that take the interpreter from each other on two
        cores would take twice as long.
        """
        if len(pictures) == 1 and is_small(pictures[0]):
            return digits.normalize_pictures(pictures, crop)
        return await self.offload(lambda: digits.normalize_pictures(pictures, crop, self.page_limit))
