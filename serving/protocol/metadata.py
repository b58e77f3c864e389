"""What the Open Inference Protocol and Triton's extensions say about the server and its models."""

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
    live: bool


class Ready(msgspec.Struct):
    ready: bool


class ModelReady(msgspec.Struct):
    name: str
    ready: bool


class ServerMetadata(msgspec.Struct):
    name: str
    version: str
    extensions: list[str]


class ModelMetadata(msgspec.Struct):
    """−1 in a shape is any size."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[Tensor]
    outputs: list[Tensor]


class ConfigTensor(msgspec.Struct):
    """`dims` leave the batch out."""

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
    count: int
    ns: int


class InferenceStatistics(msgspec.Struct):
    """What a request's time went into; `success` is all of it."""

    success: Count
    fail: Count
    queue: Count
    compute_input: Count
    compute_infer: Count
    compute_output: Count


class BatchStatistics(msgspec.Struct):
    batch_size: int
    compute_infer: Count


class ModelStatistics(msgspec.Struct):
    """`last_inference` is in ms since 1970; `inference_count` counts rows, `execution_count` batches."""

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
    model_stats: list[ModelStatistics]


def server_metadata() -> ServerMetadata:
    return ServerMetadata("checkreader", __version__, list(EXTENSIONS))


def model_metadata(served: ServedModel) -> ModelMetadata:
    model = served.loaded.model
    outputs = [Tensor(one.name, one.datatype, list(one.shape)) for one in served.loaded.network.outputs]
    return ModelMetadata(served.name, [served.version], _PLATFORM, [model.input], outputs)


def model_config(served: ServedModel, batch_rows: int, batch_delay: float) -> ModelConfig:
    """A model's configuration; `batch_delay` in s."""
    network = served.loaded.network
    kind = "KIND_CPU" if network.device == "cpu" else "KIND_GPU"
    return ModelConfig(
        name=served.name,
        platform="onnxruntime_onnx",
        backend="onnxruntime",
        version_policy={"latest": {"num_versions": 1}},
        max_batch_size=batch_rows,
        input=[_described(network.input)],
        output=[_described(output) for output in network.outputs],
        instance_group=[{"name": served.name, "kind": kind, "count": 1}],
        dynamic_batching={"max_queue_delay_microseconds": round(batch_delay * 1e6)},
    )


class IndexRequest(msgspec.Struct):
    """`ready`: leave out what is not served."""

    ready: bool = False


class ControlRequest(msgspec.Struct):
    """What Triton's clients send beside a model's name."""

    parameters: dict[str, Any] = {}


def parse_index_request(body: bytes) -> bool:
    """Whether the body of a request for the index asks for what is ready alone.

    Raises:
        CheckreaderError: it is no such request.
    """
    return _request(body, IndexRequest).ready


def check_control_request(body: bytes) -> None:
    """Looks at the body of a request to load or unload.

    Raises:
        CheckreaderError: it is no such request, or wants a model that is not the repository's.
    """
    check_control(_request(body, ControlRequest).parameters)


def check_control(parameters: Iterable[str]) -> None:
    """Raises CheckreaderError for parameters of load and unload that would change what they do."""
    for name in parameters:
        if name != "unload_dependents":  # there are none
            raise CheckreaderError(
                f"parameter {name!r} is not supported: models come from the repository alone"
            )


def _request(body: bytes, type: type[T]) -> T:
    try:
        return msgspec.json.decode(body or b"{}", type=type)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CheckreaderError(f"failed to parse the request JSON buffer: {error}") from None


def index(entries: Sequence[Entry], ready: bool = False) -> list[IndexEntry]:
    return [
        IndexEntry(one.name, one.version, one.state, one.reason)
        for one in entries
        if one.state == "READY" or not ready
    ]


def statistics(models: Sequence[ServedModel], counts: Counts) -> StatisticsResponse:
    """Of these models, out of all workers' counters."""
    return StatisticsResponse(
        [_counted(one.name, one.version, counts.for_model(one.name, one.version)) for one in models]
    )


def _counted(name: str, version: str, counted: Statistics) -> ModelStatistics:
    return ModelStatistics(
        name=name,
        version=version,
        last_inference=counted.last,
        inference_count=counted.rows,
        execution_count=sum(duration.count for duration in counted.batches.values()),
        inference_stats=InferenceStatistics(*(_count(getattr(counted, part)) for part in _PARTS)),
        batch_stats=[BatchStatistics(rows, _count(one)) for rows, one in sorted(counted.batches.items())],
    )


def _count(duration: Duration) -> Count:
    return Count(duration.count, duration.ns)


def _described(spec: Spec) -> ConfigTensor:
    return ConfigTensor(spec.name, f"TYPE_{spec.datatype}", list(spec.shape[1:]))
