"""Metadata, configuration, statistics and repository index of the Open Inference Protocol and Triton's extensions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import msgspec

from serving import __version__
from serving.engine.hot_reload import Entry
from serving.engine.served_model import ServedModel
from serving.engine.statistics import Counts, Duration, Statistics
from serving.errors import CheckreaderError
from serving.manifest import Tensor
from serving.runtime.network import Spec

EXTENSIONS = (
    *("binary_tensor_data", "classification", "model_configuration", "model_repository"),
    "statistics",
)
T = TypeVar("T")
_PLATFORM = "onnx_onnxv1"  # the service loads no other
_PARTS = ("success", "fail", "queue", "compute_input", "compute_infer", "compute_output")


class Live(msgspec.Struct):
    """The process answers."""

    live: bool


class Ready(msgspec.Struct):
    """All models can answer."""

    ready: bool


class ModelReady(msgspec.Struct):
    """One model can answer."""

    name: str
    ready: bool


class ServerMetadata(msgspec.Struct):
    """Name, version and protocol extensions of the service."""

    name: str
    version: str
    extensions: list[str]


class ModelMetadata(msgspec.Struct):
    """A model's inputs and outputs; −1 in a shape stands for any size."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[Tensor]
    outputs: list[Tensor]


class ConfigTensor(msgspec.Struct):
    """A tensor in Triton's ModelConfig; `dims` leave the batch out."""

    name: str
    data_type: str
    dims: list[int]


class ModelConfig(msgspec.Struct):
    """Triton's ModelConfig, as far as it applies."""

    name: str
    platform: str
    backend: str
    version_policy: dict[str, Any]
    max_batch_size: int
    input: list[ConfigTensor]
    output: list[ConfigTensor]
    instance_group: list[dict[str, Any]]
    dynamic_batching: dict[str, int]


class Count(msgspec.Struct):
    """A number of events and their duration in all."""

    count: int
    ns: int


class InferenceStatistics(msgspec.Struct):
    """The durations of requests by part; `success` is the whole of those that succeeded."""

    success: Count
    fail: Count
    queue: Count
    compute_input: Count
    compute_infer: Count
    compute_output: Count


class BatchStatistics(msgspec.Struct):
    """The batches of one size."""

    batch_size: int
    compute_infer: Count


class ModelStatistics(msgspec.Struct):
    """Counters of one version; `last_inference` is in ms since 1970, `inference_count` counts rows, `execution_count` batches."""

    name: str
    version: str
    last_inference: int
    inference_count: int
    execution_count: int
    inference_stats: InferenceStatistics
    batch_stats: list[BatchStatistics]


class IndexEntry(msgspec.Struct):
    """A version of a model; `state` is READY if it is served, else UNAVAILABLE, and `reason` says why."""

    name: str
    version: str
    state: str
    reason: str


class StatisticsResponse(msgspec.Struct):
    """Counters by model."""

    model_stats: list[ModelStatistics]


def server_metadata() -> ServerMetadata:
    """Describes the service."""
    return ServerMetadata("checkreader", __version__, list(EXTENSIONS))


def model_metadata(served: ServedModel) -> ModelMetadata:
    """Describes a model's inputs and outputs."""
    model = served.loaded.model
    outputs = [Tensor(spec.name, spec.datatype, list(spec.shape)) for spec in served.loaded.network.outputs]
    return ModelMetadata(served.name, [served.version], _PLATFORM, [model.input], outputs)


def model_config(served: ServedModel, batch_rows: int, batch_delay: float) -> ModelConfig:
    """Describes how a model is run; `batch_delay` is in s."""
    network = served.loaded.network
    kind = "KIND_CPU" if network.device == "cpu" else "KIND_GPU"
    return ModelConfig(
        name=served.name,
        platform="onnxruntime_onnx",
        backend="onnxruntime",
        version_policy={"latest": {"num_versions": 1}},
        max_batch_size=batch_rows,
        input=[_config_tensor(network.input)],
        output=[_config_tensor(output) for output in network.outputs],
        instance_group=[{"name": served.name, "kind": kind, "count": 1}],
        dynamic_batching={"max_queue_delay_microseconds": round(batch_delay * 1e6)},
    )


class IndexRequest(msgspec.Struct):
    """The body of a request for the index; `ready` leaves out versions that are not served."""

    ready: bool | None = None


class ControlRequest(msgspec.Struct):
    """The body of a request to load or unload a model."""

    parameters: dict[str, Any] | None = None


def parse_index_request(body: bytes) -> bool:
    """Returns the parameter `ready` of a request for the index.

    Raises:
        CheckreaderError: it is no such request.
    """
    return bool(_decode(body, IndexRequest).ready)


def check_control_request(body: bytes) -> None:
    """Checks the body of a request to load or unload a model.

    Raises:
        CheckreaderError: it is no such request, or brings a model of its own.
    """
    check_control(_decode(body, ControlRequest).parameters or ())


def check_control(parameters: Iterable[str]) -> None:
    """Checks the names of the parameters of load and unload.

    Raises:
        CheckreaderError: one would change what they do.
    """
    for name in parameters:
        if name != "unload_dependents":  # there are none
            raise CheckreaderError(
                f"parameter {name!r} is not supported: models come from the repository alone"
            )


def _decode(body: bytes, type: type[T]) -> T:
    try:
        return msgspec.json.decode(body or b"{}", type=type)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CheckreaderError(f"failed to parse the request JSON buffer: {error}") from None


def index(entries: Sequence[Entry], ready: bool = False) -> list[IndexEntry]:
    """Lists the versions of all models, or those that are served alone."""
    return [
        IndexEntry(entry.name, entry.version, entry.state, entry.reason)
        for entry in entries
        if entry.state == "READY" or not ready
    ]


def statistics(models: Sequence[ServedModel], counts: Counts) -> StatisticsResponse:
    """Returns the statistics of these models, out of all workers' counters."""
    return StatisticsResponse(
        [
            _model_statistics(served.name, served.version, counts.for_model(served.name, served.version))
            for served in models
        ]
    )


def _model_statistics(name: str, version: str, statistics: Statistics) -> ModelStatistics:
    return ModelStatistics(
        name=name,
        version=version,
        last_inference=statistics.last,
        inference_count=statistics.rows,
        execution_count=sum(duration.count for duration in statistics.batches.values()),
        inference_stats=InferenceStatistics(*(_count(getattr(statistics, part)) for part in _PARTS)),
        batch_stats=[
            BatchStatistics(rows, _count(batches)) for rows, batches in sorted(statistics.batches.items())
        ],
    )


def _count(duration: Duration) -> Count:
    return Count(duration.count, duration.ns)


def _config_tensor(spec: Spec) -> ConfigTensor:
    return ConfigTensor(spec.name, f"TYPE_{spec.datatype}", list(spec.shape[1:]))
