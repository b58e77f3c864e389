"""Metadata, statistics and the repository index, without a service."""

from __future__ import annotations

from types import SimpleNamespace

import msgspec
import pytest

from serving import __version__
from serving.engine.statistics import Counts
from serving.errors import CheckreaderError
from serving.manifest import Tensor
from serving.protocol import metadata
from serving.runtime.network import Spec

INPUT, OUTPUT = Spec("image", "FP32", (-1, 28, 28, 1)), Spec("probabilities", "FP32", (-1, 10))


def served(device: str = "cpu", version: str = "3") -> SimpleNamespace:
    model = SimpleNamespace(input=Tensor("image", "FP32", [-1, 28, 28, 1]))
    network = SimpleNamespace(input=INPUT, outputs=(OUTPUT,), device=device)
    return SimpleNamespace(name="tiny", version=version, loaded=SimpleNamespace(model=model, network=network))


def test_the_server_names_itself_and_its_extensions() -> None:
    server = metadata.server_metadata()
    assert (server.name, server.version) == ("checkreader", __version__)
    assert "binary_tensor_data" in server.extensions


def test_a_models_inputs_and_outputs() -> None:
    assert msgspec.to_builtins(metadata.model_metadata(served())) == {
        "name": "tiny",
        "versions": ["3"],
        "platform": "onnx_onnxv1",
        "inputs": [{"name": "image", "datatype": "FP32", "shape": [-1, 28, 28, 1]}],
        "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [-1, 10]}],
    }


@pytest.mark.parametrize(("device", "kind"), [("cpu", "KIND_CPU"), ("cuda", "KIND_GPU")])
def test_a_models_configuration(device: str, kind: str) -> None:
    config = metadata.model_config(served(device), batch_rows=64, batch_delay=0.0015)
    assert config.max_batch_size == 64
    assert config.dynamic_batching == {"max_queue_delay_microseconds": 1500}
    assert config.instance_group == [{"name": "tiny", "kind": kind, "count": 1}]
    assert msgspec.to_builtins(config.input) == [
        {"name": "image", "data_type": "TYPE_FP32", "dims": [28, 28, 1]}
    ]
    assert config.output[0].dims == [10]


def test_statistics_are_those_of_the_version() -> None:
    counts = Counts()
    counts.for_model("tiny", "2").success.add(1)
    ours = counts.for_model("tiny", "3")
    ours.success.add(500)
    ours.success.add(300)
    ours.queue.add(70)
    for rows in (8, 2, 8):
        ours.record_batch(rows, 100)
    (model,) = metadata.statistics([served()], counts).model_stats
    assert (model.name, model.version) == ("tiny", "3")
    assert (model.inference_count, model.execution_count) == (18, 3)
    assert (model.inference_stats.success.count, model.inference_stats.success.ns) == (2, 800)
    assert (model.inference_stats.queue.count, model.inference_stats.queue.ns) == (1, 70)
    batches = [(batch.batch_size, batch.compute_infer.count) for batch in model.batch_stats]
    assert batches == [(2, 1), (8, 2)]


def test_the_index_leaves_out_what_is_not_ready() -> None:
    entries = [
        SimpleNamespace(name="a", version="1", state="READY", reason=""),
        SimpleNamespace(name="a", version="2", state="UNAVAILABLE", reason="damaged"),
    ]
    everything = metadata.index(entries)
    assert [(entry.version, entry.state, entry.reason) for entry in everything] == [
        ("1", "READY", ""),
        ("2", "UNAVAILABLE", "damaged"),
    ]
    assert metadata.index(entries, ready=True) == everything[:1]


@pytest.mark.parametrize(
    ("body", "ready"),
    [(b"", False), (b"{}", False), (b'{"ready": null}', False), (b'{"ready": true, "other": 1}', True)],
)
def test_a_request_for_the_index(body: bytes, ready: bool) -> None:
    assert metadata.parse_index_request(body) is ready


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"ready": 1}', b"\xff"])
def test_a_garbled_request_for_the_index(body: bytes) -> None:
    with pytest.raises(CheckreaderError, match="failed to parse the request JSON buffer"):
        metadata.parse_index_request(body)


@pytest.mark.parametrize(
    "body", [b"", b'{"parameters": null}', b'{"parameters": {"unload_dependents": true}}']
)
def test_a_request_to_load(body: bytes) -> None:
    metadata.check_control_request(body)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"parameters": {"config": "{}"}}', "parameter 'config' is not supported"),
        (b'{"parameters": {"file:1/model.onnx": ""}}', "models come from the repository alone"),
        (b'{"parameters": []}', "failed to parse"),
    ],
)
def test_a_request_to_load_something_else(body: bytes, message: str) -> None:
    with pytest.raises(CheckreaderError, match=message):
        metadata.check_control_request(body)
