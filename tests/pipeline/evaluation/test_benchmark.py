import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.data import digits
from pipeline.evaluation import benchmark
from pipeline.export.formats import FOLDER, get
from serving.errors import CheckreaderError
from tests.support.paths import ROOT
from tests.support.tiny_run import copied, exported, record

SOURCE = ROOT


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return digits.load("digits").validation.images[:20]  # fewer than a batch


def test_benchmark(images: np.ndarray) -> None:
    run = exported()
    names = ("onnx_float32", "tflite_int8")
    found = benchmark.benchmark(run, images, [get(name) for name in names], rounds=2, seconds=0.01)
    assert json.loads((run / "benchmark.json").read_text()) == found
    assert tuple(found["formats"]) == names
    for name, entry in found["formats"].items():
        assert entry["bytes"] == (run / FOLDER / get(name).file).stat().st_size
        assert 1000 < entry["gzip_bytes"] < entry["bytes"]
        assert entry["load_ms"] > 0
        assert 20 < entry["peak_mb"] < 400
        for figures in (entry, entry["all_cores"]):
            assert 0 < figures["p50_ms"] <= figures["p99_ms"]
            assert figures["images_per_second"] > 0
    text = benchmark.summary(found)
    assert all(name in text for name in names)
    assert found["environment"]["machine"]["cpu"] in text


def test_a_worker_that_fails_is_named(tmp_path: Path, images: np.ndarray) -> None:
    run = copied(tmp_path)
    (run / FOLDER / get("onnx_float32").file).write_bytes(b"no model")
    record(run)
    with pytest.raises(CheckreaderError, match=r"benchmark of onnx_float32, threads 1: .*cannot load"):
        benchmark.benchmark(run, images, [get("onnx_float32")])


def test_a_worker_that_dies_is_named(monkeypatch: pytest.MonkeyPatch, images: np.ndarray) -> None:
    monkeypatch.setattr(sys, "executable", "false")
    with pytest.raises(CheckreaderError, match=r"benchmark of tflite_int8, threads 1: its process ended"):
        benchmark.benchmark(exported(), images, [get("tflite_int8")])


@pytest.mark.parametrize(
    ("name", "others"),
    [
        ("tflite_int8", {"tensorflow", "keras", "onnx", "onnxruntime"}),
        ("onnx_int8", {"tensorflow", "keras", "ai_edge_litert"}),
    ],
)
def test_a_worker_imports_its_own_runtime_alone(name: str, others: set[str], images: np.ndarray) -> None:
    path = exported() / FOLDER / get(name).file
    code = (
        "import sys, pathlib, numpy as np; from pipeline.evaluation import benchmark; from pipeline.export import predictor; "
        "from pipeline.export.formats import get; "
        "predictor.predictor(get(sys.argv[1]), pathlib.Path(sys.argv[2]), 1)(np.zeros((1, 28, 28, 1), np.float32)); "
        "print(*sys.modules)"
    )
    command = [sys.executable, "-c", code, name, str(path)]
    done = subprocess.run(command, cwd=SOURCE, capture_output=True, text=True, check=True)
    assert not others & set(done.stdout.split())


def test_peak_memory_is_the_process_s_own() -> None:
    """And not, as getrusage has it on Linux, at least that of the process which started it."""
    ballast = np.ones(400_000_000, np.uint8)
    code = "from pipeline.evaluation.benchmark import peak_bytes; print(peak_bytes())"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=SOURCE, capture_output=True, text=True, check=True
    )
    assert 10_000_000 < int(done.stdout) < len(ballast)


def test_figures() -> None:
    found = benchmark.figures([0.001] * 99 + [0.1], [0.5, 0.25, 1.0])
    assert found["p50_ms"] == pytest.approx(1)
    assert 1 < found["p99_ms"] < 100
    assert found["images_per_second"] == benchmark.BATCH / 0.5


def test_the_worker_says_what_it_is_for() -> None:
    with pytest.raises(SystemExit, match="run `checkreader benchmark`"):
        benchmark.main([])
