"""ONNX Runtime and LiteRT behind the same plain shape."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from serving.errors import CheckreaderError
from serving.runtime import litert, onnx
from serving.runtime.cpu import cpus, has_vnni
from serving.runtime.network import Spec, softmax
from tests.support.paths import ROOT
from tests.support.tiny import tiny_onnx

RANDOM = np.random.default_rng(0)
PIXELS = RANDOM.integers(0, 256, (5, 28, 28, 1)).astype(np.float32)
IMAGE = PIXELS / np.float32(255)


def tiny_tflite(integer: bool) -> tuple[bytes, np.ndarray]:
    """One dense layer of 784 × 10 and its weights; as float32 with a softmax, as int8 without."""
    weights = RANDOM.integers(-127, 128, (10, 784)).astype(np.int8)
    scale = 0.002
    model = schema.ModelT()
    model.version = 3
    model.buffers = [schema.BufferT(), schema.BufferT()]
    data = weights if integer else (weights * np.float32(scale)).astype(np.float32)
    model.buffers[1].data = np.frombuffer(data.tobytes(), np.uint8)
    kind = schema.TensorType.INT8 if integer else schema.TensorType.FLOAT32

    def tensor(name: str, shape: list[int], scale: float, zero: int, buffer: int = 0) -> schema.TensorT:
        made = schema.TensorT()
        made.name, made.shape, made.type, made.buffer = name, shape, kind, buffer
        if integer:
            made.quantization = schema.QuantizationParametersT()
            made.quantization.scale, made.quantization.zeroPoint = [scale], [zero]
        return made

    def operator(code: int, inputs: list[int], output: int, kind: int, options: object) -> schema.OperatorT:
        made = schema.OperatorT()
        made.opcodeIndex, made.inputs, made.outputs = code, inputs, [output]
        made.builtinOptionsType, made.builtinOptions = kind, options
        return made

    graph = schema.SubGraphT()
    graph.tensors = [
        tensor("image", [1, 28, 28, 1], 1 / 255, -128),
        tensor("weights", [10, 784], scale, 0, 1),
        tensor("logits", [1, 10], 0.1, 3),
    ]
    options = schema.BuiltinOptions
    dense = operator(0, [0, 1, -1], 2, options.FullyConnectedOptions, schema.FullyConnectedOptionsT())
    graph.operators = [dense]
    codes = [schema.BuiltinOperator.FULLY_CONNECTED]
    if not integer:
        softmax = schema.SoftmaxOptionsT()
        softmax.beta = 1.0
        graph.tensors.append(tensor("probabilities", [1, 10], 0, 0))
        graph.operators.append(operator(1, [2], 3, options.SoftmaxOptions, softmax))
        codes.append(schema.BuiltinOperator.SOFTMAX)
    graph.inputs, graph.outputs = [0], [len(graph.tensors) - 1]
    model.subgraphs = [graph]
    model.operatorCodes = []
    for code in codes:
        made = schema.OperatorCodeT()
        made.builtinCode = made.deprecatedBuiltinCode = code
        made.version = 4 if integer else 1
        model.operatorCodes.append(made)
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output()), weights.astype(np.float64) * scale


def test_onnx_specs() -> None:
    network = onnx.load(tiny_onnx(outputs=2))
    assert network.input == Spec("image", "FP32", (-1, 28, 28, 1))
    assert [output.name for output in network.outputs] == ["probabilities", "logits"]


def test_onnx_batch_beyond_a_chunk_is_the_same() -> None:
    network = onnx.load(tiny_onnx())
    image = RANDOM.random((onnx.CHUNK + 3, 28, 28, 1), np.float32)
    whole = network.infer(image)
    assert whole.shape == (onnx.CHUNK + 3, 10)
    assert np.allclose(whole[-3:], network.infer(image[-3:]), atol=1e-6)


def test_onnx_from_a_path(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(tiny_onnx())
    assert onnx.session(tmp_path / "model.onnx", threads=1).get_inputs()[0].name == "image"


def test_onnx_missing_file(tmp_path: Path) -> None:
    with pytest.raises(CheckreaderError, match="cannot load the model"):
        onnx.session(tmp_path / "nothing.onnx")


def test_telemetry_is_off_whatever_the_environment_says() -> None:
    code = "import serving.runtime.onnx, os; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    environment = {"ORT_DISABLE_TELEMETRY": "0", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.stdout == "1\n", done.stderr


def test_litert_float() -> None:
    model, weights = tiny_tflite(integer=False)
    network = litert.load(model, threads=1)
    assert network.input == Spec("image", "FP32", (-1, 28, 28, 1))
    expected = softmax((IMAGE.reshape(5, 784) @ weights.T).astype(np.float32))
    assert np.allclose(network.infer(IMAGE), expected, atol=1e-5)


def test_litert_int8() -> None:
    model, weights = tiny_tflite(integer=True)
    network = litert.load(model, threads=1)
    logits = np.clip(np.rint(IMAGE.reshape(5, 784) @ weights.T / 0.1) + 3, -128, 127)
    expected = softmax(((logits - 3) * 0.1).astype(np.float32))
    assert np.abs(np.log(network.infer(IMAGE)) - np.log(expected)).max() < 0.25  # 1 LSB of a logit is 0.1
    assert network.outputs[0].datatype == "FP32"


@pytest.mark.parametrize("data", [b"", b"no model", tiny_tflite(integer=False)[0][:500]])
def test_litert_no_model(data: bytes) -> None:
    with pytest.raises(CheckreaderError, match="LiteRT cannot load the model"):
        litert.load(data)


def test_softmax_of_large_logits() -> None:
    assert softmax(np.array([[1000.0, 0.0]], np.float32)).tolist() == [[1.0, 0.0]]


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({}, None),
        ({"": "max 100000"}, None),
        ({"": "100000 100000"}, 1),
        ({"a/b": "50000 100000"}, 1),
        ({"a": "100000 100000", "a/b": "max 100000"}, 1),
        ({"": "garbled"}, None),
    ],
)
def test_cpus_follow_the_container(tmp_path: Path, limits: dict[str, str], expected: int | None) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("4:memory:/other\n0::/a/b\n")
    for group, content in limits.items():
        folder = tmp_path / "sys/fs/cgroup" / group
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cpu.max").write_text(content + "\n")
    assert cpus(tmp_path) == expected or (expected is None and cpus(tmp_path) == cpus(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("files", "expected"), [((150_000, 100_000), 2), ((50_000, 100_000), 1), ((-1, 100_000), None)]
)
@pytest.mark.parametrize("mount", ["cpu,cpuacct", "cpu"])
def test_quota_of_control_groups_version_1(
    tmp_path: Path, files: tuple[int, int], expected: int | None, mount: str
) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("4:memory:/x\n3:cpu,cpuacct:/docker/a\n1:name=systemd:/\n")
    folder = tmp_path / "sys/fs/cgroup" / mount  # a container sees its own group at the top
    folder.mkdir(parents=True)
    for name, value in zip(("cpu.cfs_quota_us", "cpu.cfs_period_us"), files, strict=True):
        (folder / name).write_text(f"{value}\n")
    unlimited = cpus(tmp_path / "nowhere")
    assert cpus(tmp_path) == min(expected or unlimited, unlimited)


@pytest.mark.parametrize("rows", [1, onnx.CHUNK, onnx.CHUNK + 1, 3 * onnx.CHUNK + 5])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_large_batches_are_cut_and_joined(rows: int, threads: int) -> None:
    images = np.random.default_rng(rows).random((rows, 28, 28, 1), np.float32)
    probabilities, logits = onnx.load(tiny_onnx(outputs=2), threads).run(images)
    whole = onnx.session(tiny_onnx(outputs=2)).run(None, {"image": images})
    np.testing.assert_allclose(probabilities, whole[0], atol=1e-6)
    np.testing.assert_allclose(logits, whole[1], atol=1e-5)


def test_a_failure_in_one_chunk_is_a_failure() -> None:
    with pytest.raises(Exception, match="Got invalid dimensions"):
        onnx.load(tiny_onnx(), 2).run(np.zeros((300, 27, 28, 1), np.float32))


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        onnx.ort, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
    )
    assert onnx.devices() == ["cuda", "cpu"]
    for device in ("auto", "cpu", "cuda"):
        onnx.require_device(device)
    with pytest.raises(CheckreaderError, match=r"'tensorrt' is not in this build .*; available: cuda, cpu"):
        onnx.require_device("tensorrt")


def test_a_device_that_does_not_start_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX Runtime itself falls back to the CPU."""
    monkeypatch.setattr(
        onnx.ort, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
    )
    monkeypatch.setattr(onnx.ort, "preload_dlls", lambda: None)
    real = onnx.ort.InferenceSession
    asked: list[object] = []

    def session(source: object, options: object, providers: list[object]) -> object:
        asked.append(providers)
        return real(source, options, providers=["CPUExecutionProvider"])

    monkeypatch.setattr(onnx.ort, "InferenceSession", session)
    with pytest.raises(CheckreaderError, match=r"'cuda' does not work here: .*; available: cpu"):
        onnx.load(tiny_onnx(), device="cuda")
    with pytest.raises(CheckreaderError, match="'cuda' does not work here"):
        onnx.load(tiny_onnx(), device="cuda", tf32=True)
    assert asked == [[("CUDAExecutionProvider", {"use_tf32": on})] for on in (0, 1)]
    assert onnx.load(tiny_onnx(), device="auto").device == "cpu"


@pytest.mark.parametrize(
    ("flags", "expected"),
    [("fpu avx2 avx512f", False), ("avx512f avx512_vnni", True), ("avx2 avx_vnni", True), (None, False)],
)
def test_vnni(tmp_path: Path, flags: str | None, expected: bool) -> None:
    if flags is not None:
        (tmp_path / "proc").mkdir()
        (tmp_path / "proc/cpuinfo").write_text(f"flags\t\t: {flags}\n")
    assert has_vnni(tmp_path) is expected
