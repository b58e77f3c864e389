"""The Open Inference Protocol over gRPC, as Triton's stock client speaks it."""

from __future__ import annotations

import asyncio
import queue
import threading
import warnings
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import grpc
import msgspec
import numpy as np
import pytest
import uvloop

from serving.app import build_app
from serving.errors import Busy, CheckreaderError, Expired, TooLarge
from serving.grpc.messages import SERVICE
from serving.grpc.servicer import serve
from serving.http.access_log import AccessLog
from serving.settings import Settings
from tests.support import micr_lines
from tests.support.paths import ROOT
from tests.support.tiny import amount, png, seven

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import tritonclient.grpc as triton
    import tritonclient.grpc.aio as triton_aio
    from tritonclient.grpc import model_config_pb2, service_pb2
    from tritonclient.utils import InferenceServerException

PROTOCOL = ROOT / "serving/grpc"
MAX_BODY = 200_000
ZEROS = np.zeros((2, 28, 28, 1), np.float32)


class Service:
    """A server in an event loop of its own, as `checkreader serve` runs it beside uvicorn."""

    def __init__(self, models: Path) -> None:
        self.loop = uvloop.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.app = app = build_app(Settings(models=models, max_rows=8, max_pictures=3, max_body=MAX_BODY))
        self.plane = app.plane
        self.server, port = self.run(serve(app.plane, app.reloader, app.admission, 0))
        self.address = f"127.0.0.1:{port}"

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)

    def close(self) -> None:
        self.run(self.server.stop(0))
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


@pytest.fixture(scope="module")
def service(models: Path) -> Iterator[Service]:
    service = Service(models)
    yield service
    service.close()


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(service.address) as client:
        yield client


@pytest.fixture(scope="module")
def stub(service: Service) -> Iterator[Any]:
    """Calls by bare messages, for what the client would not send."""
    with grpc.insecure_channel(service.address) as channel:
        yield triton.service_pb2_grpc.GRPCInferenceServiceStub(channel)


def image(data: Any, datatype: str = "FP32", name: str = "image") -> triton.InferInput:
    tensor = triton.InferInput(name, list(data.shape), datatype)
    return tensor.set_data_from_numpy(data)


def pictures(*encoded: bytes) -> triton.InferInput:
    return image(np.array(encoded, object), "BYTES")


def message(contents: Any = None, raw: Any = (), shape: Any = (1, 28, 28, 1), datatype: str = "FP32") -> Any:
    request = service_pb2.ModelInferRequest(model_name="lenet5", raw_input_contents=raw)
    request.inputs.add(name="image", datatype=datatype, shape=shape, contents=contents)
    return request


def test_health_and_metadata(client: triton.InferenceServerClient) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("lenet5", "1")
    assert client.get_server_metadata().name == "checkreader"
    assert "classification" in client.get_server_metadata().extensions
    metadata = client.get_model_metadata("lenet5-features", as_json=True)
    assert metadata["platform"] == "onnx_onnxv1"
    assert metadata["inputs"] == [{"name": "image", "datatype": "FP32", "shape": ["-1", "28", "28", "1"]}]
    assert [output["name"] for output in metadata["outputs"]] == ["probabilities", "logits"]


def test_config_and_index(client: triton.InferenceServerClient) -> None:
    config = client.get_model_config("lenet5").config
    assert config.name == "lenet5"
    assert config.max_batch_size > 0
    assert config.HasField("dynamic_batching")
    assert config.input[0].data_type == model_config_pb2.TYPE_FP32
    assert list(config.input[0].dims) == [28, 28, 1]
    index = client.get_model_repository_index().models
    assert [(model.name, model.version, model.state) for model in index] == [
        ("lenet5", "1", "READY"),
        ("lenet5-features", "1", "READY"),
        ("lenet5-field", "1", "READY"),
    ]


def test_statistics(client: triton.InferenceServerClient) -> None:
    def counted() -> Any:
        return client.get_inference_statistics("lenet5").model_stats[0]

    before = counted()
    client.infer("lenet5", [image(ZEROS)])
    with pytest.raises(InferenceServerException):
        client.infer("lenet5", [image(ZEROS[:, 1:])])
    after = counted()
    assert after.inference_count == before.inference_count + 2
    assert after.inference_stats.success.count == before.inference_stats.success.count + 1
    assert after.inference_stats.fail.count == before.inference_stats.fail.count + 1
    assert len(client.get_inference_statistics().model_stats) == 3


def test_every_way_of_sending_a_picture(client: triton.InferenceServerClient, stub: Any) -> None:
    rng = np.random.default_rng(0)
    data = rng.integers(0, 256, (1, 28, 28, 1), np.uint8)
    floats = data.astype(np.float32) / np.float32(255)
    requests = [
        message({"fp32_contents": floats.ravel()}),
        message({"uint_contents": data.ravel()}, datatype="UINT8"),
        message(raw=[floats.tobytes()]),
    ]
    expected = client.infer("lenet5", [image(floats)]).as_numpy("probabilities")
    assert expected.shape == (1, 10)
    assert expected.sum() == pytest.approx(1, abs=1e-6)
    assert (client.infer("lenet5", [image(data, "UINT8")]).as_numpy("probabilities") == expected).all()
    for request in requests:
        probabilities = triton.InferResult(stub.ModelInfer(request)).as_numpy("probabilities")
        assert (probabilities == expected).all()


def test_encoded_pictures(client: triton.InferenceServerClient, stub: Any) -> None:
    encoded = [png(seven(size)) for size in (30, 60)]
    probabilities = client.infer("lenet5", [pictures(*encoded)]).as_numpy("probabilities")
    assert probabilities.shape == (2, 10)
    request = message({"bytes_contents": encoded}, shape=(2, 1), datatype="BYTES")
    assert (triton.InferResult(stub.ModelInfer(request)).as_numpy("probabilities") == probabilities).all()


def test_pictures_of_fields(client: triton.InferenceServerClient, stub: Any) -> None:
    number = pictures(png(amount("021000021")))
    words = {"scheme": "aba", "length": 9, "max_error": 0.1}
    reply = client.infer("lenet5-field", [number], parameters=words)
    assert reply.as_numpy("text").tolist() == [b"021000021"]
    assert reply.as_numpy("confidence").dtype == np.float32
    assert reply.as_numpy("accepted").tolist() == [True]
    parameters = reply.get_response().parameters
    assert {name: value.double_param for name, value in parameters.items()} == {
        "max_error": 0.1,
        "applied_max_error": 0.1,
    }
    words = {"kind": "date", "order": "dmy", "after": "2000-01-01", "before": "2026-11-30", "max_error": 0.1}
    reply = client.infer("lenet5-field", [pictures(png(amount("24.11.2019")))], parameters=words)
    assert (reply.as_numpy("text").tolist(), reply.as_numpy("accepted").tolist()) == ([b"24112019"], [True])
    refused = client.infer("lenet5-field", [number], parameters={"max_error": 1e-9})
    assert refused.as_numpy("accepted").tolist() == [False]
    assert set(refused.get_response().parameters) == {"max_error", "reason"}
    assert refused.get_response().parameters["reason"].string_param.startswith("nothing is accepted: ")
    request = message({"bytes_contents": [png(amount()), png(amount("4250.75"))]}, (), (2,), "bytes")
    request.model_name = "lenet5-field"
    reply = triton.InferResult(stub.ModelInfer(request))
    assert reply.as_numpy("text").tolist() == [b"1250", b"425075"]
    request.parameters["kind"].SetInParent()  # without a value
    assert triton.InferResult(stub.ModelInfer(request)).as_numpy("accepted").tolist() == [True, True]
    request.parameters["lokale"].string_param = "en"
    with pytest.raises(grpc.RpcError, match="unknown parameter 'lokale'"):
        stub.ModelInfer(request)


def test_pictures_of_micr_lines(micr_models: Path) -> None:
    service = Service(micr_models)
    try:
        with triton.InferenceServerClient(service.address) as client:
            line = pictures(png(micr_lines.picture()))
            reply = client.infer("lenet5-micr", [line], parameters={"country": "us"})
            assert reply.as_numpy("text").tolist() == [micr_lines.TEXT.encode()]
            assert reply.as_numpy("confidence").dtype == np.float32
            assert reply.as_numpy("accepted").tolist() == [True]
            parameters = reply.get_response().parameters
            assert parameters["applied_max_error"].double_param == 0.02
            other = client.infer("lenet5-micr", [line], parameters={"country": "in"})
            assert other.as_numpy("accepted").tolist() == [False]
            with pytest.raises(InferenceServerException, match="country must be one of"):
                client.infer("lenet5-micr", [line], parameters={"country": "fr"})
    finally:
        service.close()


def test_outputs_by_name_with_classes(client: triton.InferenceServerClient) -> None:
    outputs = [
        triton.InferRequestedOutput("logits"),
        triton.InferRequestedOutput("probabilities", class_count=3),
    ]
    reply = client.infer(
        "lenet5-features", [image(ZEROS)], request_id="seven", outputs=outputs, timeout=10**6
    )
    assert reply.get_response().id == "seven"
    assert (reply.get_response().model_name, reply.get_response().model_version) == ("lenet5-features", "1")
    assert [output.name for output in reply.get_response().outputs] == ["logits", "probabilities"]
    assert reply.as_numpy("logits").shape == (2, 10)
    assert reply.as_numpy("probabilities").shape == (2, 3)
    assert reply.as_numpy("probabilities")[0, 0] == b"0.100000:0"
    (labeled,) = client.infer(
        "lenet5", [image(ZEROS[:1])], outputs=[triton.InferRequestedOutput("probabilities", class_count=1)]
    ).as_numpy("probabilities")
    assert labeled.tolist() == [b"0.100000:0:0"]


REFUSED = [
    (message(), "its shape takes 784 elements, fp32_contents has 0"),
    (message({"fp32_contents": [0.5]}), "its shape takes 784 elements, fp32_contents has 1"),
    (message({"fp32_contents": [0.5]}, [b""]), "'contents' must be left out beside raw_input_contents"),
    (message({"uint_contents": [1] * 784}), "FP32 belongs into fp32_contents, not uint_contents"),
    (message({"uint_contents": [256] * 784}, datatype="UINT8"), "bad uint_contents for UINT8"),
    (message({"fp32_contents": [2.0] * 784}), "spans 2 to 2"),
    (message({"int_contents": [1] * 784}, datatype="INT32"), "INT32 is read from raw_input_contents alone"),
    (message(raw=[bytes(784 * 4)], datatype="INT32"), "data-type is 'INT32'"),
    (message(raw=[bytes(4)], datatype="X"), "datatype 'X' is not read"),
    (message(raw=[b"", b""]), "2 raw_input_contents are given for 1 inputs"),
    (message(raw=[b""]), "its shape takes 3136 bytes"),
    (message(raw=[b""], shape=(9, 28, 28, 1)), "batch-size must be 1 to 8"),
    (message(raw=[b""], shape=(2**40, 2**40)), "unexpected shape"),
    (message(raw=[b""], shape=(-1,), datatype="BYTES"), "none of them negative"),
    (message(raw=[b"\4\0\0\0no"], shape=(1,), datatype="BYTES"), "element 0 is longer"),
    (message({"bytes_contents": [b"no"]}, shape=(1,), datatype="BYTES"), "not a picture"),
    (message({"bytes_contents": [b"no"]}, shape=(2,), datatype="BYTES"), "its shape takes 2 elements"),
    (service_pb2.ModelInferRequest(model_name="lenet5"), "takes one input"),
]


@pytest.mark.parametrize(("request_", "why"), REFUSED, ids=[why for _, why in REFUSED])
def test_refused(stub: Any, request_: Any, why: str) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        stub.ModelInfer(request_)
    assert raised.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert why in raised.value.details()


@pytest.mark.parametrize("value", [{"string_param": "soon"}, {"int64_param": -1}, {"bool_param": True}, {}])
def test_timeout_that_is_none(stub: Any, value: dict[str, Any]) -> None:
    request = message(raw=[bytes(784 * 4)])
    request.parameters["timeout"].CopyFrom(service_pb2.InferParameter(**value))
    with pytest.raises(grpc.RpcError, match="parameter 'timeout' must be a whole number"):
        stub.ModelInfer(request)


def code(
    client: triton.InferenceServerClient, name: str = "lenet5", version: str = "", data: Any = ZEROS
) -> str:
    with pytest.raises(InferenceServerException) as raised:
        client.infer(name, [image(data)], version)
    assert "Traceback" not in raised.value.message()
    return f"{raised.value.status()} {raised.value.message()}"


def test_unknown(client: triton.InferenceServerClient) -> None:
    assert code(client, "x").startswith("StatusCode.NOT_FOUND unknown model 'x'")
    assert code(client, version="2").startswith("StatusCode.NOT_FOUND model 'lenet5' has no version '2'")


def test_too_large(client: triton.InferenceServerClient) -> None:
    assert code(client, data=np.zeros((100, 28, 28, 1), np.float32)).startswith(
        "StatusCode.RESOURCE_EXHAUSTED"
    )


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (CheckreaderError("no"), "INVALID_ARGUMENT no"),
        (TooLarge("no"), "RESOURCE_EXHAUSTED no"),
        (Busy("no"), "UNAVAILABLE no"),
        (Expired("no"), "DEADLINE_EXCEEDED no"),
        (ValueError("secret"), "INTERNAL internal error: see the service's log"),
    ],
)
def test_errors_of_the_plane(
    service: Service,
    client: triton.InferenceServerClient,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    status: str,
) -> None:
    async def fail(*given: Any) -> None:
        raise error

    monkeypatch.setattr(service.plane, "infer", fail)
    assert code(client) == f"StatusCode.{status}"


def test_garbled(service: Service) -> None:
    with grpc.insecure_channel(service.address) as channel:
        with pytest.raises(grpc.RpcError) as raised:
            channel.unary_unary(f"/{SERVICE}/ModelInfer")(b"\xff")
        assert raised.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        with pytest.raises(grpc.RpcError) as raised:
            channel.unary_unary(f"/{SERVICE}/SystemSharedMemoryStatus")(b"")
        assert raised.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_compressed(service: Service, client: triton.InferenceServerClient) -> None:
    reply = client.infer("lenet5", [image(ZEROS)], compression_algorithm="gzip")
    assert reply.as_numpy("probabilities").shape == (2, 10)
    with grpc.insecure_channel(service.address) as channel:
        call = channel.unary_unary(f"/{SERVICE}/ModelInfer")
        with pytest.raises(grpc.RpcError) as raised:
            call(bytes(2**22), compression=grpc.Compression.Gzip)
    assert raised.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_stream(client: triton.InferenceServerClient) -> None:
    replies: queue.Queue[Any] = queue.Queue()
    client.start_stream(lambda result, error: replies.put(error or result))
    for name in ("lenet5", "x", "lenet5-features"):
        client.async_stream_infer(name, [image(ZEROS)], request_id=name)
    client.stop_stream()
    first, wrong, last = (replies.get_nowait() for _ in range(3))
    assert first.get_response().id == "lenet5"
    assert "unknown model 'x'" in wrong.message()
    assert len(last.get_response().outputs) == 2


def test_asynchronous_client(service: Service) -> None:
    async def ask() -> Any:
        async with triton_aio.InferenceServerClient(service.address) as client:
            one = client.infer("lenet5", [image(ZEROS)])
            return await asyncio.gather(one, client.infer("lenet5", [image(ZEROS[:1])]))

    assert [reply.as_numpy("probabilities").shape for reply in service.run(ask())] == [(2, 10), (1, 10)]


@pytest.mark.parametrize("by", ["client", "deadline"])
def test_cancellation(service: Service, stub: Any, monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    waiting, cancelled = threading.Event(), threading.Event()

    async def wait(*given: Any) -> None:
        waiting.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    monkeypatch.setattr(service.plane, "infer", wait)
    call = stub.ModelInfer.future(message(raw=[bytes(784 * 4)]), timeout=0.2 if by == "deadline" else None)
    assert waiting.wait(10)
    if by == "client":
        call.cancel()
    assert cancelled.wait(10)


def test_port_in_use(service: Service) -> None:
    port = int(service.address.rpartition(":")[2])
    with pytest.raises(CheckreaderError, match=f"cannot listen on 127.0.0.1:{port} for gRPC"):
        service.run(serve(service.app.plane, service.app.reloader, service.app.admission, port))


def test_calls_are_counted_and_logged(service: Service, client: triton.InferenceServerClient) -> None:
    lines: queue.Queue[bytes] = queue.Queue()
    service.app.admission.access_log = AccessLog("requests", lines.put)
    try:
        client.infer("lenet5", [image(ZEROS)])
        with pytest.raises(InferenceServerException):
            client.get_model_metadata("nope")
        records = [msgspec.json.decode(lines.get(timeout=30)) for _ in range(2)]
    finally:
        service.app.admission.access_log = AccessLog()
    assert [(record["path"].rpartition("/")[2], record["status"]) for record in records] == [
        ("ModelInfer", "OK"),
        ("ModelMetadata", "NOT_FOUND"),
    ]
    assert service.plane.counts.requests["grpc ModelMetadata NOT_FOUND"] >= 1


def test_without_a_key(models: Path, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("0123456789abcdef")
    app = build_app(Settings(models=models, api_keys=tmp_path / "keys"))

    async def ask() -> None:
        server, port = await serve(app.plane, app.reloader, app.admission, 0)
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = triton.service_pb2_grpc.GRPCInferenceServiceStub(channel)
            assert (await stub.ServerReady(service_pb2.ServerReadyRequest())).ready
            request = service_pb2.ModelMetadataRequest(name="lenet5")
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await stub.ModelMetadata(request)
            assert raised.value.code() == grpc.StatusCode.UNAUTHENTICATED
            metadata = (("authorization", "Bearer 0123456789abcdef"),)
            assert (await stub.ModelMetadata(request, metadata=metadata)).name == "lenet5"
        await server.stop(0)

    asyncio.run(ask())
