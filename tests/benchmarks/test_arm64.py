"""The emulated arm64 machine: what is asked of it, answered by this one; its report; and the recorded result.

Booting it takes minutes: only with CHECKREADER_EMULATE=1, and where `make edge-arm64` has installed the tools.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.arm64 import __main__ as arm64
from benchmarks.arm64 import agreement, answers, emulator, inside
from pipeline.networks import integer_reference
from serving.errors import CheckreaderError
from serving.repository.store import Repository
from tests.support.paths import ROOT

MISSING = emulator.missing()
Told = dict[str, Any]


def asked(folder: Path, runtime: str, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Told:
    """What `answers` prints, of this machine."""
    monkeypatch.setattr(answers, "GIVEN", folder)
    answers.main(runtime)
    found: Told = json.loads(capsys.readouterr().out)
    return found


@pytest.fixture(scope="module")
def repository() -> Repository:
    return Repository.open(ROOT / "models")


@pytest.fixture(scope="module")
def pixels(repository: Repository) -> np.ndarray:
    return np.rint(255 * repository.golden[1][..., 0]).astype(np.uint8)


@pytest.fixture(scope="module")
def right(repository: Repository, pixels: np.ndarray) -> Told:
    """The report of a machine that reads everything as released."""
    network = integer_reference.load((repository.folder / "edge" / "lenet5-int8.tflite").read_bytes())
    logits = integer_reference.logits(network, pixels).tolist()
    reading = {"digits": [{"digit": 7, "accepted": True}]}
    cost = {"instructions": 10**9, "peak_bytes": 50_000_000, "answer": reading}
    told: Told = {
        "machine": "Linux",
        "example": "7, confidence 0.999, accepted",
        "c": np.ravel(logits).tolist(),
    }
    for extra, kind in (("edge", "tflite"), ("serve", "onnx")):
        probabilities = {
            name: [digit.expected[model][name] for digit in repository.golden[0]]
            for name, model in agreement.MODELS.items()
            if name.startswith(kind)
        }
        found = {"models": ["lenet5"], "probabilities": probabilities, "logits": logits}
        told[extra] = {
            "packages": {"numpy": "2"},
            "installed_bytes": 10**8,
            "answers": found,
            "classify": cost,
        }
    return told | {"service": cost}


@pytest.mark.parametrize(("extra", "runtime"), [("edge", "litert"), ("serve", "onnxruntime")])
def test_this_machine_would_pass(
    extra: str,
    runtime: str,
    right: Told,
    repository: Repository,
    pixels: np.ndarray,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(arm64, "compile_c", lambda *_: None)
    network = arm64.given(tmp_path / "given", repository, pixels)
    found = asked(tmp_path / "given", runtime, monkeypatch, capsys)
    assert {"lenet5", "lenet5-int8", "lenet5-field"} <= set(found["models"])
    told = right | {extra: right[extra] | {"answers": found}}
    rows = agreement.compared(told, repository.golden[0], integer_reference.logits(network, pixels))
    assert agreement.broken(told, rows) == []


def change_probability(told: Told) -> None:
    told["edge"]["answers"]["probabilities"]["tflite_int8"][3][0] += 2e-3


def change_digit(told: Told) -> None:
    told["serve"]["answers"]["probabilities"]["onnx_float32"][0].reverse()


def change_logit(told: Told) -> None:
    told["serve"]["answers"]["logits"][5][5] += 2


def change_c(told: Told) -> None:
    told["c"][17] += 1


def change_service(told: Told) -> None:
    told["service"] = {"answer": {"digits": [{"digit": 1, "accepted": True}]}}


def change_example(told: Told) -> None:
    told["example"] = "1, confidence 0.999, accepted"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (change_probability, "tflite_int8 differs by 0.002"),
        (change_digit, "onnx_float32 reads 19 of 20 golden digits"),
        (change_logit, "onnx_int8 differs by 2 LSB"),
        (change_c, "c differs by 1 LSB"),
        (change_service, "serve: POST /digits answers"),
        (change_example, "read.py prints"),
    ],
)
def test_what_differs_is_said(
    change: Callable[[Told], None], said: str, right: Told, repository: Repository
) -> None:
    logits = np.array(right["c"], np.int8).reshape(-1, 10)
    golden = repository.golden[0]
    assert agreement.broken(right, agreement.compared(right, golden, logits)) == []
    told = copy.deepcopy(right)
    change(told)
    lines = agreement.broken(told, agreement.compared(told, golden, logits))
    assert any(line.startswith(said) or said in line for line in lines)


def test_the_report_is_found_among_what_is_printed() -> None:
    assert emulator.report(["boot", 'RESULT {"c": [1]}', "power down"]) == {"c": [1]}


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["Kernel panic", ""], "reported nothing"),
        ([], "reported nothing"),
        (['RESULT {"c": [1'], "damaged"),
    ],
)
def test_a_machine_without_a_report(lines: list[str], said: str) -> None:
    with pytest.raises(CheckreaderError, match=said):
        emulator.report(lines)


def test_a_start_is_measured() -> None:
    found = inside.started([sys.executable, "-c", "print('{\"digit\": 7}')"])
    assert found["answer"] == {"digit": 7}
    assert found["instructions"] > 10**6
    assert found["peak_bytes"] > 10**6  # at least this process's own, from which it begins
    with pytest.raises(SystemExit, match="ended with 3"):
        inside.started([sys.executable, "-c", "raise SystemExit(3)"])


def test_without_the_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emulator.shutil, "which", lambda _: None)
    with pytest.raises(
        CheckreaderError, match=r"`make edge-arm64` installs .* mmdebstrap, cpio, qemu-system-aarch64"
    ):
        arm64.main()


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler: cc")
def test_the_c_program(repository: Repository, pixels: np.ndarray, tmp_path: Path) -> None:
    """As the machine runs it, compiled for this one."""
    network = integer_reference.load((repository.folder / "edge" / "lenet5-int8.tflite").read_bytes())
    arm64.compile_c(tmp_path, network, ["cc"])
    done = subprocess.run([tmp_path / "lenet5"], input=pixels.tobytes(), capture_output=True, check=True)
    found = np.frombuffer(done.stdout, np.int8).reshape(-1, 10)
    np.testing.assert_array_equal(found, integer_reference.logits(network, pixels))


def test_the_recorded_run_keeps_the_bounds() -> None:
    found = json.loads((ROOT / "benchmarks" / "results" / "arm64.json").read_text())
    assert "aarch64" in found["machine"]
    assert found["pictures"] == 20 + arm64.MNIST
    for name in agreement.MODELS:
        row = found["agreement"][name]
        assert row["same_digit"] == row["golden"] == 20
        assert row["largest_difference"] <= 1e-3
    for name, bound in agreement.BOUND_LSB.items():
        assert found["agreement"][name]["largest_difference_lsb"] <= bound
    assert "onnxruntime" not in found["edge"]["packages"]
    assert not {"ai_edge_litert", "tensorflow"} & set(found["serve"]["packages"])


@pytest.mark.skipif(
    "CHECKREADER_EMULATE" not in os.environ, reason="takes minutes: CHECKREADER_EMULATE=1 runs it"
)
@pytest.mark.skipif(bool(MISSING), reason=f"`make edge-arm64` installs {', '.join(MISSING)}")
def test_the_emulated_machine() -> None:
    command = [sys.executable, "-m", "benchmarks.arm64"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    found, recorded = (
        json.loads(done.stdout),
        json.loads((ROOT / "benchmarks" / "results" / "arm64.json").read_text()),
    )
    for extra in ("edge", "serve"):
        for key in ("instructions", "peak_bytes"):
            assert found[extra]["classify"][key] == pytest.approx(recorded[extra]["classify"][key], rel=0.2)
        assert found[extra]["installed_bytes"] == pytest.approx(recorded[extra]["installed_bytes"], rel=0.2)
