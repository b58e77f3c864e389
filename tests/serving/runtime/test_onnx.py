"""ONNX Runtime has the same plain interface as LiteRT."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from serving.errors import CheckreaderError
from serving.runtime import onnx
from serving.runtime.network import Spec
from tests.support.paths import ROOT
from tests.support.tiny import tiny_onnx

RANDOM = np.random.default_rng(0)


def test_onnx_specs() -> None:
    network = onnx.load(tiny_onnx(outputs=2))
    assert network.input == Spec("image", "FP32", (-1, 28, 28, 1))
    assert [output.name for output in network.outputs] == ["probabilities", "logits"]


def test_onnx_batch_beyond_a_chunk_is_the_same() -> None:
    network = onnx.load(tiny_onnx())
    image = RANDOM.random((onnx.CHUNK + 3, 28, 28, 1), np.float32)
    expected = network.infer(image)
    assert expected.shape == (onnx.CHUNK + 3, 10)
    assert np.allclose(expected[-3:], network.infer(image[-3:]), atol=1e-6)


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


@pytest.mark.parametrize("rows", [1, onnx.CHUNK, onnx.CHUNK + 1, 3 * onnx.CHUNK + 5])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_large_batches_are_cut_and_joined(rows: int, threads: int) -> None:
    images = np.random.default_rng(rows).random((rows, 28, 28, 1), np.float32)
    probabilities, logits = onnx.load(tiny_onnx(outputs=2), threads).run(images)
    expected = onnx.session(tiny_onnx(outputs=2)).run(None, {"image": images})
    np.testing.assert_allclose(probabilities, expected[0], atol=1e-6)
    np.testing.assert_allclose(logits, expected[1], atol=1e-5)


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
    requests: list[object] = []

    def session(source: object, options: object, providers: list[object]) -> object:
        requests.append(providers)
        return real(source, options, providers=["CPUExecutionProvider"])

    monkeypatch.setattr(onnx.ort, "InferenceSession", session)
    with pytest.raises(CheckreaderError, match=r"'cuda' does not work here: .*; available: cpu"):
        onnx.load(tiny_onnx(), device="cuda")
    with pytest.raises(CheckreaderError, match="'cuda' does not work here"):
        onnx.load(tiny_onnx(), device="cuda", tf32=True)
    assert requests == [[("CUDAExecutionProvider", {"use_tf32": on})] for on in (0, 1)]
    assert onnx.load(tiny_onnx(), device="auto").device == "cpu"
