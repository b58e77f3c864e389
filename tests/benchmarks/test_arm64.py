"""The emulated arm64 machine: its questions answered by this machine, its report, and the recorded result.

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
Report = dict[str, Any]


def answers_here(folder: Path, runtime: str, capsys: Any) -> Report:
    """Returns what `answers` prints on this machine."""
    answers.main(runtime, folder)
    printed: Report = json.loads(capsys.readouterr().out)
    return printed


@pytest.fixture(scope="module")
def repository() -> Repository:
    return Repository.open(ROOT / "models")


@pytest.fixture(scope="module")
def pixels(repository: Repository) -> np.ndarray:
    return np.rint(255 * repository.golden[1][..., 0]).astype(np.uint8)


@pytest.fixture(scope="module")
def faultless(repository: Repository, pixels: np.ndarray) -> Report:
    """The report of a machine that reads everything as released."""
    network = integer_reference.load((repository.folder / "edge" / "lenet5-int8.tflite").read_bytes())
    logits = integer_reference.logits(network, pixels).tolist()
    reading = {"digits": [{"digit": 7, "accepted": True}]}
    cost = {"instructions": 10**9, "peak_bytes": 50_000_000, "answer": reading}
    report: Report = {
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
        reply = {"models": ["lenet5"], "probabilities": probabilities, "logits": logits}
        report[extra] = {
            "packages": {"numpy": "2"},
            "installed_bytes": 10**8,
            "answers": reply,
            "classify": cost,
        }
    return report | {"service": cost}


@pytest.mark.parametrize(("extra", "runtime"), [("edge", "litert"), ("serve", "onnxruntime")])
def test_this_machine_would_pass(
    extra: str,
    runtime: str,
    faultless: Report,
    repository: Repository,
    pixels: np.ndarray,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(arm64, "compile_c", lambda *_: None)
    network = arm64.write_inputs(tmp_path / "given", repository, pixels)
    reply = answers_here(tmp_path / "given", runtime, capsys)
    assert {"lenet5", "lenet5-int8", "lenet5-field"} <= set(reply["models"])
    report = faultless | {extra: faultless[extra] | {"answers": reply}}
    rows = agreement.compare(report, repository.golden[0], integer_reference.logits(network, pixels))
    assert agreement.violations(report, rows) == []


def change_probability(report: Report) -> None:
    report["edge"]["answers"]["probabilities"]["tflite_int8"][3][0] += 2e-3


def change_digit(report: Report) -> None:
    report["serve"]["answers"]["probabilities"]["onnx_float32"][0].reverse()


def change_logit(report: Report) -> None:
    report["serve"]["answers"]["logits"][5][5] += 2


def change_c(report: Report) -> None:
    report["c"][17] += 1


def change_service(report: Report) -> None:
    report["service"] = {"answer": {"digits": [{"digit": 1, "accepted": True}]}}


def change_example(report: Report) -> None:
    report["example"] = "1, confidence 0.999, accepted"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (change_probability, "tflite_int8 differs by 0.002"),
        (change_digit, "onnx_float32 reads 19 of 20 golden digits"),
        (change_logit, "onnx_int8 differs by 2 LSB"),
        (change_c, "c differs by 1 LSB"),
        (change_service, "serve: POST /digits answers"),
        (change_example, "read.py prints"),
    ],
)
def test_a_difference_is_reported(
    change: Callable[[Report], None], message: str, faultless: Report, repository: Repository
) -> None:
    logits = np.array(faultless["c"], np.int8).reshape(-1, 10)
    golden = repository.golden[0]
    assert agreement.violations(faultless, agreement.compare(faultless, golden, logits)) == []
    report = copy.deepcopy(faultless)
    change(report)
    lines = agreement.violations(report, agreement.compare(report, golden, logits))
    assert any(message in line for line in lines)


def test_the_report_is_found_among_what_is_printed() -> None:
    assert emulator.report(["boot", 'RESULT {"c": [1]}', "power down"]) == {"c": [1]}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["Kernel panic", ""], "reported nothing"),
        ([], "reported nothing"),
        (['RESULT {"c": [1'], "damaged"),
    ],
)
def test_a_machine_without_a_report(lines: list[str], message: str) -> None:
    with pytest.raises(CheckreaderError, match=message):
        emulator.report(lines)


def test_a_start_is_measured() -> None:
    cost = inside.measure([sys.executable, "-c", "print('{\"digit\": 7}')"])
    assert cost["answer"] == {"digit": 7}
    assert cost["instructions"] > 10**6
    assert cost["peak_bytes"] > 10**6  # at least this process's own, from which it begins
    with pytest.raises(SystemExit, match="ended with 3"):
        inside.measure([sys.executable, "-c", "raise SystemExit(3)"])


def test_without_the_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emulator.shutil, "which", lambda _: None)
    with pytest.raises(
        CheckreaderError, match=r"`make edge-arm64` installs .* mmdebstrap, cpio, qemu-system-aarch64"
    ):
        arm64.main([])


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler: cc")
def test_the_c_program(repository: Repository, pixels: np.ndarray, tmp_path: Path) -> None:
    """As the machine runs it, compiled for this one."""
    network = integer_reference.load((repository.folder / "edge" / "lenet5-int8.tflite").read_bytes())
    arm64.compile_c(tmp_path, network, ["cc"])
    process = subprocess.run([tmp_path / "lenet5"], input=pixels.tobytes(), capture_output=True, check=True)
    logits = np.frombuffer(process.stdout, np.int8).reshape(-1, 10)
    np.testing.assert_array_equal(logits, integer_reference.logits(network, pixels))


def test_the_recorded_run_keeps_the_bounds() -> None:
    record = json.loads((ROOT / "benchmarks" / "results" / "arm64.json").read_text())
    assert "aarch64" in record["machine"]
    assert record["pictures"] == 20 + arm64.MNIST
    for name in agreement.MODELS:
        row = record["agreement"][name]
        assert row["same_digit"] == row["golden"] == 20
        assert row["largest_difference"] <= 1e-3
    for name, bound in agreement.BOUND_LSB.items():
        assert record["agreement"][name]["largest_difference_lsb"] <= bound
    assert "onnxruntime" not in record["edge"]["packages"]
    assert not {"ai_edge_litert", "tensorflow"} & set(record["serve"]["packages"])


@pytest.mark.skipif(
    "CHECKREADER_EMULATE" not in os.environ, reason="takes minutes: CHECKREADER_EMULATE=1 runs it"
)
@pytest.mark.skipif(bool(MISSING), reason=f"`make edge-arm64` installs {', '.join(MISSING)}")
def test_the_emulated_machine(tmp_path: Path) -> None:
    file = tmp_path / "arm64.json"
    command = [sys.executable, "-m", "benchmarks.arm64", "--out", str(file)]
    subprocess.run(command, cwd=ROOT, check=True)
    measured, recorded = (
        json.loads(file.read_text()),
        json.loads((ROOT / "benchmarks" / "results" / "arm64.json").read_text()),
    )
    for extra in ("edge", "serve"):
        for key in ("instructions", "peak_bytes"):
            assert measured[extra]["classify"][key] == pytest.approx(
                recorded[extra]["classify"][key], rel=0.2
            )
        assert measured[extra]["installed_bytes"] == pytest.approx(
            recorded[extra]["installed_bytes"], rel=0.2
        )
