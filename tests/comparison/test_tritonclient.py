"""Triton's stock clients, unmodified, read from the service what ONNX Runtime computes in this process."""

from __future__ import annotations

import asyncio
import json
import queue
import urllib.error
import urllib.request
import warnings
from base64 import b64encode
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from serving import __version__
from serving.repository.store import Repository
from tests.support.paths import ROOT
from tests.support.released import (
    DIGITS,
    EVERY,
    FEATURES,
    FIELDS,
    NAMES,
    TOLERANCE,
    VERSION,
    Released,
    Service,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import tritonclient.grpc
    import tritonclient.grpc.aio
    import tritonclient.http
    import tritonclient.http.aio
    from tritonclient.utils import InferenceServerException, np_to_triton_dtype

ZEROS = np.zeros((1, 28, 28, 1), np.float32)
LENGTH = "Inference-Header-Content-Length"


class Client:
    """One of the four clients; its methods as `client("infer", "lenet5", […])`, awaited if they must be."""

    def __init__(self, module: ModuleType, service: Service, runner: asyncio.Runner) -> None:
        self.module = module
        self.http = "http" in module.__name__
        self.asynchronous = module.__name__.endswith("aio")
        self.runner = runner
        address = service.http if self.http else service.grpc
        self.client = runner.run(self._open(address)) if self.asynchronous else self._class(address)

    async def _open(self, address: str) -> Any:
        return self._class(address)  # which asks for the running loop

    @property
    def _class(self) -> Any:
        return self.module.InferenceServerClient

    def __call__(self, method: str, *arguments: Any, **named: Any) -> Any:
        result = getattr(self.client, method)(*arguments, **named)
        return self.runner.run(result) if self.asynchronous else result

    def as_data(self, method: str, *arguments: Any) -> Any:
        """A reply that is not of tensors, as plain data."""
        return self(method, *arguments) if self.http else self(method, *arguments, as_json=True)

    def image(self, data: np.ndarray, name: str = "image", **how: bool) -> Any:
        tensor = self.module.InferInput(name, list(data.shape), np_to_triton_dtype(data.dtype))
        return tensor.set_data_from_numpy(data, **how)

    def output(self, name: str, **how: Any) -> Any:
        return self.module.InferRequestedOutput(name, **how)

    def infer(self, name: str, data: np.ndarray, **named: Any) -> Any:
        return self("infer", name, [self.image(data)], **named)

    def probabilities(self, name: str, data: np.ndarray, **named: Any) -> np.ndarray:
        return self.infer(name, data, **named).as_numpy("probabilities")


def header(result: Any) -> dict[str, Any]:
    """An inference reply but for its tensors, as plain data."""
    response = result.get_response()
    return response if isinstance(response, dict) else result.get_response(as_json=True)


def number(content: dict[str, Any], *path: str) -> int:
    """An integer, which protobuf's JSON writes as a string and leaves out when it is 0."""
    for name in path[:-1]:
        content = content.get(name, {})
    return int(content.get(path[-1], 0))


def objects(elements: list[bytes]) -> np.ndarray:
    return np.array(elements, object)


HTTP = [tritonclient.http, tritonclient.http.aio]
GRPC = [tritonclient.grpc, tritonclient.grpc.aio]


def named(module: ModuleType) -> str:
    return module.__name__.removeprefix("tritonclient.")


def only(*modules: ModuleType) -> pytest.MarkDecorator:
    """For a test that not all of the clients take."""
    return pytest.mark.parametrize("client", modules, indirect=True, ids=named)


@pytest.fixture(params=[*HTTP, *GRPC], ids=named)
def client(service: Service, request: pytest.FixtureRequest) -> Iterator[Client]:
    # Of one test alone: between tests no loop runs that would notice when the service closes what is idle.
    with asyncio.Runner() as runner:
        client = Client(request.param, service, runner)
        yield client
        client("close")


def test_server(client: Client) -> None:
    assert client("is_server_live") is True
    assert client("is_server_ready") is True
    metadata = client.as_data("get_server_metadata")
    assert (metadata["name"], metadata["version"]) == ("checkreader", __version__)
    assert {"binary_tensor_data", "classification", "statistics"} <= set(metadata["extensions"])


@pytest.mark.parametrize("name", NAMES)
def test_model(client: Client, released: Released, name: str) -> None:
    network = released.models[name].network
    for version in ("", VERSION):
        assert client("is_model_ready", name, version) is True
        metadata = client.as_data("get_model_metadata", name, version)
        assert (metadata["name"], metadata["versions"]) == (name, [VERSION])
        for described, specs in (
            (metadata["inputs"], [network.input]),
            (metadata["outputs"], network.outputs),
        ):
            listed = [
                (tensor["name"], tensor["datatype"], tuple(map(int, tensor["shape"]))) for tensor in described
            ]
            assert listed == [(spec.name, spec.datatype, spec.shape) for spec in specs]
        config = client.as_data("get_model_config", name, version)
        config = config if client.http else config["config"]
        assert config["name"] == name
        assert config["max_batch_size"] >= 64
        (input_config,) = config["input"]
        assert (input_config["data_type"], [int(side) for side in input_config["dims"]]) == (
            "TYPE_FP32",
            [28, 28, 1],
        )
        assert [output["name"] for output in config["output"]] == [spec.name for spec in network.outputs]


def test_model_that_is_not_there(client: Client) -> None:
    if client.http:
        assert client("is_model_ready", "nope") is False
    for method in ("get_model_metadata", "get_model_config", "get_inference_statistics"):
        with pytest.raises(InferenceServerException, match="unknown model 'nope'; there are lenet5, "):
            client(method, "nope")


def test_statistics(client: Client) -> None:
    def counted() -> dict[str, Any]:
        (statistics,) = client.as_data("get_inference_statistics", "lenet5", VERSION)["model_stats"]
        assert (statistics["name"], statistics["version"]) == ("lenet5", VERSION)
        return statistics

    def gained(*path: str) -> int:
        return number(after, *path) - number(before, *path)

    before = counted()
    client.infer("lenet5", np.zeros((3, 28, 28, 1), np.float32))
    with pytest.raises(InferenceServerException):
        client.infer("lenet5", ZEROS[0])
    after = counted()
    assert (gained("inference_count"), gained("execution_count")) == (3, 1)
    assert number(after, "last_inference") >= number(before, "last_inference")
    for part in ("success", "fail", "queue", "compute_input", "compute_infer", "compute_output"):
        assert gained("inference_stats", part, "count") == 1
        assert gained("inference_stats", part, "ns") > 0
    assert 3 in [number(batch, "batch_size") for batch in after["batch_stats"]]


def test_statistics_of_every_model(client: Client) -> None:
    for name in NAMES:
        client.infer(name, ZEROS)
    every = client.as_data("get_inference_statistics")["model_stats"]
    assert [statistics["name"] for statistics in every] == list(EVERY)


@only(*GRPC)
def test_index(client: Client) -> None:
    index = client.as_data("get_model_repository_index")["models"]
    repository = Repository.open()
    assert [(entry["name"], entry["version"], entry["state"]) for entry in index] == [
        (name, repository.model(name).version, "READY") for name in EVERY
    ]


@pytest.mark.parametrize("steps", [1, 5, 61])
@pytest.mark.parametrize("name", FIELDS)
def test_fields_of_any_width(client: Client, name: str, steps: int) -> None:
    model = Repository.open().model(name)
    slides = model.sliding
    assert slides is not None
    width = slides.receptive + (steps - 1) * slides.stride
    image = np.random.default_rng(width).random((2, 32, width, 1), np.float32)
    probabilities = client.probabilities(name, image)
    assert probabilities.shape == (2, steps, len(model.labels))
    np.testing.assert_array_equal(probabilities, Repository.open().load(name).network.infer(image))


@pytest.mark.parametrize("rows", [1, 64])
@pytest.mark.parametrize("name", DIGITS)
def test_numbers(client: Client, released: Released, name: str, rows: int) -> None:
    expected = released.probabilities(name, released.image[:rows])
    for data in (released.image[:rows], released.pixels[:rows]):
        probabilities = client.probabilities(name, data)
        assert probabilities.dtype == np.float32
        np.testing.assert_array_equal(probabilities, expected)


@only(*HTTP)
@pytest.mark.parametrize("binary_out", [True, False])
@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("name", DIGITS)
def test_binary_or_not(
    client: Client, released: Released, name: str, binary_in: bool, binary_out: bool
) -> None:
    expected = released.probabilities(name, released.image)
    for data in (released.image, released.pixels):
        inputs = [client.image(data, binary_data=binary_in)]
        outputs = [client.output("probabilities", binary_data=binary_out)]
        result = client("infer", name, inputs, outputs=outputs)
        assert ("data" in result.get_output("probabilities")) is not binary_out
        atol = 0 if binary_out else TOLERANCE
        np.testing.assert_allclose(result.as_numpy("probabilities"), expected, rtol=0, atol=atol)


@pytest.mark.parametrize("name", DIGITS)
def test_golden_pictures(client: Client, released: Released, name: str) -> None:
    expected = released.probabilities(name, released.image[: len(released.pictures)])
    encoded = objects(released.pictures)
    for data in (encoded, encoded[:, None]):
        probabilities = client.probabilities(name, data)
        np.testing.assert_array_equal(probabilities, expected)
        assert probabilities.argmax(1).tolist() == [digit.digit for digit in released.golden]


@only(*HTTP)
def test_golden_pictures_in_json(client: Client, released: Released) -> None:
    data = objects([b64encode(picture) for picture in released.pictures[:5]])
    probabilities = client("infer", "lenet5", [client.image(data, binary_data=False)]).as_numpy(
        "probabilities"
    )
    np.testing.assert_array_equal(probabilities, released.probabilities("lenet5", released.image[:5]))


FIELD_PICTURES = [(ROOT / f"models/golden/field-{letter}.png").read_bytes() for letter in "abch"]


@pytest.mark.parametrize("name", FIELDS)
def test_pictures_of_fields(client: Client, service: Service, name: str) -> None:
    """The text, confidence and acceptance that `/fields` gives."""
    read, words = [], {"max_error": 0.05, "kind": "amount"}
    for picture in FIELD_PICTURES:
        address = f"http://{service.http}/fields?model={name}&max_error=0.05&kind=amount"
        with urllib.request.urlopen(urllib.request.Request(address, picture), timeout=60) as reply:
            read += json.load(reply)["fields"]
    sent = {"binary": objects(FIELD_PICTURES)}
    if client.http:
        sent["json"] = objects([b64encode(picture) for picture in FIELD_PICTURES])
    for form, data in sent.items():
        how = {"binary_data": form == "binary"} if client.http else {}
        for shape in ((4,), (4, 1)):
            inputs = [client.image(data.reshape(shape), **how)]
            outputs = [client.output(output, **how) for output in ("accepted", "text", "confidence")]
            result = client("infer", name, inputs, outputs=outputs, parameters=words)
            texts = [
                str(text, "utf-8") if isinstance(text, bytes) else text for text in result.as_numpy("text")
            ]
            assert texts == [field["text"] for field in read]
            expected = np.array([field["confidence"] for field in read], np.float32)
            np.testing.assert_array_equal(result.as_numpy("confidence").astype(np.float32), expected)
            accepted = result.as_numpy("accepted")
            assert (accepted.dtype, accepted.tolist()) == (np.bool_, [field["accepted"] for field in read])
    assert len({field["text"] for field in read}) == 4
    metadata = client.as_data("get_model_metadata", name)
    assert [tensor["datatype"] for tensor in metadata["inputs"]] == ["FP32"]  # whose tensors it takes as well


@pytest.mark.parametrize("name", [*DIGITS, FEATURES])
def test_classes(client: Client, released: Released, name: str) -> None:
    def word(value: float, index: int) -> bytes:
        return f"{value:.6f}:{index}{'' if name == FEATURES else f':{index}'}".encode()

    rows = released.probabilities(name, released.image[:20])
    expected = [[word(row[index], index) for index in np.argsort(-row, kind="stable")[:3]] for row in rows]
    for how in ({"binary_data": True}, {"binary_data": False}) if client.http else ({},):
        outputs = [client.output("probabilities", class_count=3, **how)]
        classes = client.probabilities(name, released.image[:20], outputs=outputs)
        assert classes.dtype == object
        texts = [
            [element if isinstance(element, bytes) else element.encode() for element in row]
            for row in classes
        ]
        assert texts == expected
    assert [int(row[0].split(b":")[1]) for row in texts] == [digit.digit for digit in released.golden]


def test_chosen_outputs(client: Client, released: Released) -> None:
    expected = released.run(FEATURES, released.image[:3])
    every = client.infer(FEATURES, released.image[:3])
    assert [output["name"] for output in header(every)["outputs"]] == list(expected)
    requested = ["probabilities", "c1", "f6"]
    some = client.infer(FEATURES, released.image[:3], outputs=[client.output(name) for name in requested])
    assert [output["name"] for output in header(some)["outputs"]] == requested
    for result, names in ((every, expected), (some, requested)):
        for name in names:
            np.testing.assert_array_equal(result.as_numpy(name), expected[name])
    assert some.as_numpy("s2") is None


@only(*HTTP)
def test_binary_beside_json(client: Client, released: Released) -> None:
    expected = released.run(FEATURES, released.image[:3])
    outputs = [client.output(name, binary_data=name != "c5") for name in ("s4", "c5", "probabilities")]
    result = client.infer(FEATURES, released.image[:3], outputs=outputs)
    assert "data" in result.get_output("c5")
    for name in ("s4", "c5", "probabilities"):
        np.testing.assert_allclose(result.as_numpy(name), expected[name], rtol=TOLERANCE, atol=0)


def test_words_beside_the_tensors(client: Client, released: Released) -> None:
    words = {"request_id": "a 7?", "timeout": 10**7, "priority": 1, "parameters": {"note": "seven"}}
    result = client.infer("lenet5-int8", released.image[:2], model_version=VERSION, sequence_id=7, **words)
    description = header(result)
    assert [description[name] for name in ("id", "model_name", "model_version")] == [
        "a 7?",
        "lenet5-int8",
        VERSION,
    ]
    expected = released.probabilities("lenet5-int8", released.image[:2])
    np.testing.assert_array_equal(result.as_numpy("probabilities"), expected)
    assert not header(client.infer("lenet5", ZEROS)).get("id")


ALGORITHMS = [None, "gzip", "deflate"]


@only(*HTTP)
@pytest.mark.parametrize("back", ALGORITHMS)
@pytest.mark.parametrize("there", ALGORITHMS)
def test_compressed(client: Client, released: Released, there: str | None, back: str | None) -> None:
    how = {"request_compression_algorithm": there, "response_compression_algorithm": back}
    expected = released.probabilities("lenet5", released.image)
    np.testing.assert_array_equal(client.probabilities("lenet5", released.image, **how), expected)
    data = client.image(released.image, binary_data=False)
    outputs = [client.output("probabilities", binary_data=False)]
    probabilities = client("infer", "lenet5", [data], outputs=outputs, **how).as_numpy("probabilities")
    np.testing.assert_allclose(probabilities, expected, rtol=0, atol=TOLERANCE)


@only(*GRPC)
@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_compressed_grpc(client: Client, released: Released, algorithm: str) -> None:
    probabilities = client.probabilities("lenet5", released.image, compression_algorithm=algorithm)
    np.testing.assert_array_equal(probabilities, released.probabilities("lenet5", released.image))


# Requests under way together may share a batch, whose rows need not be the same bits elsewhere.


def check_each(answers: list[np.ndarray], released: Released) -> None:
    assert len(answers) == len(released.image)
    expected = released.probabilities("lenet5", released.image)
    np.testing.assert_allclose(np.concatenate(answers), expected, rtol=0, atol=TOLERANCE)


@only(tritonclient.http)
def test_async_infer_http(service: Service, client: Client, released: Released) -> None:
    with tritonclient.http.InferenceServerClient(service.http, concurrency=8) as several:
        pending = [several.async_infer("lenet5", [client.image(row[None])]) for row in released.image]
        wrong = several.async_infer("nope", [client.image(ZEROS)])
        check_each([request.get_result().as_numpy("probabilities") for request in pending], released)
        with pytest.raises(InferenceServerException, match="unknown model 'nope'"):
            wrong.get_result()


@only(tritonclient.grpc)
def test_async_infer_grpc(client: Client, released: Released) -> None:
    answers: queue.Queue[tuple[Any, Any]] = queue.Queue()

    def put(result: Any, error: Any) -> None:
        answers.put((result, error))

    for number, row in enumerate(released.image):
        client("async_infer", "lenet5", [client.image(row[None])], put, request_id=str(number))
    client("async_infer", "nope", [client.image(ZEROS)], put)
    by_number = {}
    for _ in range(len(released.image) + 1):
        result, error = answers.get(timeout=60)
        by_number[int(header(result)["id"]) if result else None] = result or error
    assert "unknown model 'nope'" in by_number.pop(None).message()
    check_each([by_number[number].as_numpy("probabilities") for number in range(len(by_number))], released)


@only(tritonclient.http.aio, tritonclient.grpc.aio)
def test_gathered(client: Client, released: Released) -> None:
    async def ask() -> list[Any]:
        pending = [client.client.infer("lenet5", [client.image(row[None])]) for row in released.image]
        return await asyncio.gather(*pending)

    check_each([result.as_numpy("probabilities") for result in client.runner.run(ask())], released)


@only(tritonclient.grpc)
def test_stream(client: Client, released: Released) -> None:
    answers: queue.Queue[tuple[Any, Any]] = queue.Queue()
    client("start_stream", lambda result, error: answers.put((result, error)))
    for row in released.image:
        client("async_stream_infer", "lenet5", [client.image(row[None])])
    client("stop_stream")
    received = [answers.get_nowait() for _ in released.image]
    assert [error for _, error in received if error] == []
    check_each([result.as_numpy("probabilities") for result, _ in received], released)


def row(value: float) -> np.ndarray:
    return np.full((1, 28, 28, 1), value, np.float32)


# Model, data, the rest of the request, our words, HTTP's status, gRPC's.
Mistake = tuple[str, np.ndarray, dict[str, Any], str, str, str]
INVALID = ("400", "StatusCode.INVALID_ARGUMENT")
UNKNOWN = ("404", "StatusCode.NOT_FOUND")
MISTAKES: list[Mistake] = [
    ("nope", ZEROS, {}, f"unknown model 'nope'; there are {', '.join(EVERY)}", *UNKNOWN),
    ("5 & 7%", ZEROS, {}, "unknown model '5 & 7%'", *UNKNOWN),
    ("lenet5", ZEROS, {"model_version": "9"}, f"model 'lenet5' has no version '9'; it has '{VERSION}'", *UNKNOWN),
    ("lenet5", ZEROS[0], {}, "unexpected shape for input 'image' for model 'lenet5'. Expected "
     "[-1,28,28,1], got [28,28,1]", *INVALID),
    ("lenet5", ZEROS[:, :, 1:], {}, "Expected [-1,28,28,1], got [1,28,27,1]", *INVALID),
    ("lenet5", ZEROS[:0], {}, "batch-size must be 1 to 4096 for 'lenet5', got 0", *INVALID),
    ("lenet5", np.zeros((4097, 28, 28, 1), np.uint8), {}, "must be 1 to 4096 for 'lenet5', got", *INVALID),
    ("lenet5", ZEROS.astype(np.int64), {}, "data-type is 'INT64', but model 'lenet5' expects ", *INVALID),
    ("lenet5", ZEROS.astype(np.float64), {}, "data-type is 'FP64', but model 'lenet5' expects", *INVALID),
    ("lenet5", ZEROS.astype(np.bool_), {}, "datatype 'BOOL' is not read", *INVALID),
    ("lenet5", row(np.nan), {}, "input 'image' holds NaN", *INVALID),
    ("lenet5", row(np.inf), {}, "input 'image' spans inf to inf", *INVALID),
    ("lenet5-int8", row(255), {}, "divide 8-bit pixels by 255, or declare them UINT8", *INVALID),
    ("lenet5", objects([b"no picture"]), {}, "not a picture", *INVALID),
    ("lenet5", objects([b""] * 101), {}, "must be 1 to 100, got 101", *INVALID),
    ("lenet5", ZEROS, {"timeout": -1}, "parameter 'timeout' must be a whole number", *INVALID),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:Sending a large body directly:ResourceWarning")  # aiohttp's advice
@pytest.mark.parametrize("mistake", MISTAKES, ids=[why for _, _, _, why, _, _ in MISTAKES])
def test_mistakes(client: Client, mistake: Mistake) -> None:
    name, data, rest, why, *status = mistake
    with pytest.raises(InferenceServerException) as raised:
        client.infer(name, data, **rest)
    assert why in raised.value.message()
    assert raised.value.status() == status[0 if client.http else 1]


def test_wrong_names(client: Client) -> None:
    with pytest.raises(InferenceServerException, match="unexpected inference input 'picture' for model"):
        client("infer", "lenet5", [client.image(ZEROS, "picture")])
    with pytest.raises(InferenceServerException, match="model 'lenet5' takes one input, 'image', got 2"):
        client("infer", "lenet5", [client.image(ZEROS), client.image(ZEROS)])
    with pytest.raises(InferenceServerException, match="unexpected inference output 'logits' for model"):
        client.infer("lenet5", ZEROS, outputs=[client.output("logits")])
    with pytest.raises(InferenceServerException, match=r"'c1' has no classes: its shape is \[1, 28, 28, 6\]"):
        client.infer(FEATURES, ZEROS, outputs=[client.output("c1", class_count=3)])


@only(*HTTP)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_no_number_in_json(client: Client, value: float) -> None:
    with pytest.raises(InferenceServerException, match="failed to parse the request JSON") as raised:
        client("infer", "lenet5", [client.image(row(value), binary_data=False)])
    assert raised.value.status() == "400"


# Without a client: the bare tensor, as `curl --data-binary` sends it.


def posted(service: Service, name: str, body: bytes, **headers: str) -> tuple[Callable[[str], Any], bytes]:
    """A reply's headers by name, and its body."""
    request = urllib.request.Request(
        f"http://{service.http}/v2/models/{name}/infer", body, {LENGTH: "0", **headers}
    )
    with urllib.request.urlopen(request, timeout=60) as reply:
        return reply.headers.get, reply.read()


@pytest.mark.parametrize("rows", [1, 64])
@pytest.mark.parametrize("name", DIGITS)
def test_bare_tensor(service: Service, released: Released, name: str, rows: int) -> None:
    images = released.image[:rows]
    headers, body = posted(service, name, images.tobytes())
    length = int(headers(LENGTH))
    assert headers("Content-Type") == "application/octet-stream"
    (output,) = json.loads(body[:length])["outputs"]
    assert (output["name"], output["datatype"], output["shape"]) == ("probabilities", "FP32", [rows, 10])
    assert output["parameters"] == {"binary_data_size": len(body) - length}
    probabilities = np.frombuffer(body[length:], "<f4").reshape(rows, 10)
    np.testing.assert_array_equal(probabilities, released.probabilities(name, images))


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_bare_tensor_compressed(service: Service, released: Released, encoding: str) -> None:
    plain_headers, plain = posted(service, "lenet5", released.image.tobytes())
    headers, body = posted(service, "lenet5", released.image.tobytes(), **{"Accept-Encoding": encoding})
    assert headers("Content-Encoding") == encoding
    assert headers(LENGTH) == plain_headers(LENGTH)  # of what was compressed
    result = tritonclient.http.InferenceServerClient.parse_response_body(
        body, header_length=int(headers(LENGTH)), content_encoding=encoding
    )
    assert result.as_numpy("probabilities").tobytes() == plain[int(plain_headers(LENGTH)) :]


@pytest.mark.parametrize("size", [0, 3135, 3137])
def test_bare_tensor_of_a_wrong_size(service: Service, size: int) -> None:
    with pytest.raises(urllib.error.HTTPError) as raised:
        posted(service, "lenet5", bytes(size))
    with raised.value as reply:
        assert reply.code == 400
        why = f"a raw body holds whole FP32 pictures of 3136 bytes, got {size} bytes"
        assert json.load(reply) == {"error": why}
