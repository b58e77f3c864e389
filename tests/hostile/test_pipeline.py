"""Spoilt files and full disks before the pipeline's commands: one clear line, exit code 1, nothing half-written."""

from __future__ import annotations

import errno
import gzip
import hashlib
import json
import os
import resource
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.data import digits
from pipeline.export.formats import FOLDER
from pipeline.run import SCHEMA, Run
from pipeline.synthesis import digit_drawing
from pipeline.training import digit as training
from serving.cli.main import main
from tests.support.command_line import without_progress
from tests.support.paths import ROOT
from tests.support.tiny import png, seven
from tests.support.tiny_run import exported

STAGES = ("quantize", "export", "verify", "evaluate", "benchmark", "release")

# Keras about its own insides, on which the command line is silent.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every command runs in a folder of its own, far from real data."""
    monkeypatch.delenv(digits.VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return work


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def failed(here: Path, capsys) -> Callable[..., str]:
    """Runs a command that must fail in one line and leave every file as it was."""

    def run(*arguments: object) -> str:
        before = content(here)
        assert main([str(argument) for argument in arguments]) == 1
        output = capsys.readouterr()
        assert "Traceback" not in output.out + output.err
        (line,) = without_progress(output.err)
        assert line.startswith("error: ")
        assert content(here) == before
        return line

    return run


# Data


def idx(array: np.ndarray) -> bytes:
    return gzip.compress(
        struct.pack(f">4B{array.ndim}i", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()
    )


@pytest.fixture
def mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files that count as MNIST."""
    folder = tmp_path / "mnist"
    folder.mkdir()
    arrays = (np.ones((50, 28, 28), np.uint8), np.arange(50, dtype=np.uint8) % 10) * 2
    sums = {}
    for name, array in zip(digits.MNIST, arrays, strict=True):
        (folder / name).write_bytes(idx(array))
        sums[name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    monkeypatch.setattr(digits, "SHA256", digits.SHA256 | sums)
    return folder


@pytest.mark.parametrize("name", digits.MNIST)
@pytest.mark.parametrize(
    "spoil", [lambda raw: raw[:-9], lambda raw: raw[:-9] + bytes(9)], ids=["cut", "changed"]
)
def test_data_file(mnist: Path, failed, name: str, spoil) -> None:
    file = mnist / name
    file.write_bytes(spoil(file.read_bytes()))
    line = failed("train", "--data", "mnist", "--data-dir", mnist)
    assert line.startswith(f"error: {file}: truncated or changed: its SHA-256 is ")
    assert line.endswith(": get the file anew")


def test_data_file_missing(mnist: Path, failed) -> None:
    (mnist / next(iter(digits.MNIST))).unlink()
    line = failed("train", "--data", "mnist", "--data-dir", mnist)
    assert line.startswith(f"error: {mnist}: MNIST not found: expected train-images")


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder of one's own with three pictures of each digit."""
    rng = np.random.default_rng(0)
    for digit in range(10):
        (tmp_path / "own" / str(digit)).mkdir(parents=True)
        for number in range(3):
            Image.fromarray(digit_drawing.digit(digit, rng)).save(
                tmp_path / "own" / str(digit) / f"{number}.png"
            )
    return tmp_path / "own"


@pytest.mark.parametrize("label", ["10", "-1", "a", "", "3.0", "³"])
def test_label_outside_0_to_9(own: Path, failed, label: str) -> None:
    table = own / "list.csv"
    table.write_text(f"file,label\n3/0.png,3\n3/1.png,{label}\n")
    line = failed("train", "--data", "folder", "--data-dir", table)
    assert line == f"error: {table}: line 3: label {label!r} is not a digit 0–9"


def test_folder_outside_0_to_9(own: Path, failed) -> None:
    (own / "7").rename(own / "seven")
    line = failed("train", "--data", "folder", "--data-dir", own)
    assert line == f"error: {own / 'seven' / '0.png'}: label 'seven' is not a digit 0–9"


def test_empty_folder(tmp_path: Path, failed) -> None:
    (tmp_path / "empty").mkdir()
    line = failed("train", "--data", "folder", "--data-dir", tmp_path / "empty")
    assert line.endswith("empty: no pictures found: expected LABEL/*.png or a CSV of file,label")


@pytest.mark.parametrize(
    "bytes_", [b"", b"hello", b"%PDF-1.7", png(seven())[:80]], ids=["empty", "text", "pdf", "cut"]
)
def test_no_picture(own: Path, failed, bytes_: bytes) -> None:
    (own / "3" / "1.png").write_bytes(bytes_)
    line = failed("train", "--data", "folder", "--data-dir", own)
    assert line.startswith(f"error: {own / '3' / '1.png'}: ")


def test_folder_that_is_called_like_a_picture(own: Path, failed) -> None:
    (own / "3" / "z.png").mkdir()
    assert str(own / "3" / "z.png") in failed("train", "--data", "folder", "--data-dir", own)


def test_row_without_a_file(own: Path, failed) -> None:
    (own / "list.csv").write_text("file,label\n,3\n")
    assert str(own) in failed("train", "--data", "folder", "--data-dir", own / "list.csv")


def test_data_that_changed_after_training(own: Path, failed, here: Path) -> None:
    found = digits.load("folder", own)
    run = Run(here / "runs" / "mine")
    run.record("train", [], data=found.record(), data_dir=str(own), preset="quick", config={})
    (own / "3" / "0.png").write_bytes((own / "3" / "1.png").read_bytes())
    line = failed("evaluate", "--run", "mine")
    assert "was trained on other data than" in line


# A run


@pytest.fixture
def run(here: Path) -> Run:
    """An exported run, with the other stages' records."""
    run = Run(here / "runs" / "mine")
    shutil.copytree(exported().path, run.path)
    run.record("verify", [], passed=True, broken=[])
    run.record("evaluate", [], families={}, formats={})
    run.record("benchmark", [], formats={})
    return run


NEEDS = {"train": STAGES, "quantize": STAGES[1:], "export": ("verify", "evaluate", "benchmark", "release")}
FILES = {"train": "float.keras", "export": f"{FOLDER}/lenet5.onnx"}


@pytest.mark.parametrize(
    ("stage", "file", "command"),
    [(stage, file, command) for stage, file in FILES.items() for command in NEEDS[stage]],
)
@pytest.mark.parametrize("spoil", [lambda raw: raw[:-1], lambda raw: raw + b"\0"], ids=["cut", "longer"])
def test_model_file_of_another_hash(run: Run, failed, stage: str, file: str, command: str, spoil) -> None:
    (run / file).write_bytes(spoil((run / file).read_bytes()))
    line = failed(command, "--run", "mine")
    assert line == (
        f"error: runs/mine/{file}: its SHA-256 differs from the one in {stage}.json: "
        f"run `checkreader {stage} --run mine` again"
    )


@pytest.mark.parametrize("stage", ["train", "quantize", "export"])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            json.dumps({"schema": SCHEMA + 1}),
            f"written by another version of checkreader (run schema {SCHEMA + 1}",
        ),
        ("{}", "written by another version of checkreader (run schema None"),
        ('{"schema": 1, "files": {"a', "not valid JSON"),
        ("", "not valid JSON"),
    ],
    ids=["newer", "older", "cut", "empty"],
)
def test_run_of_another_version(run: Run, failed, stage: str, text: str, message: str) -> None:
    (run / f"{stage}.json").write_text(text)
    line = failed(NEEDS[stage][-1], "--run", "mine")
    assert line.startswith(f"error: runs/mine/{stage}.json: {message}")
    assert f"run `checkreader {stage} --run mine` again" in line


def test_record_without_its_fields(run: Run, failed) -> None:
    """The right schema, and nothing else: edited by hand, or cut and mended."""
    (run / "export.json").write_text(json.dumps({"schema": SCHEMA}))
    assert "runs/mine/export.json" in failed("evaluate", "--run", "mine")


# Released models


def test_released_model_of_another_hash(own_models: Path, tmp_path: Path, failed) -> None:
    (tmp_path / "seven.png").write_bytes(png(seven()))
    model = own_models / "repository/lenet5/1/model.onnx"
    model.write_bytes(model.read_bytes() + b"\0")
    line = failed("classify", tmp_path / "seven.png", "--models", own_models)
    assert line.startswith(f"error: {model} is not the file that was released: its SHA-256 is ")


@pytest.mark.parametrize("text", ["", "{}", '{"schema": 1}', '{"schema": 99}', "[]"])
def test_release_over_a_broken_manifest(run: Run, here: Path, failed, text: str) -> None:
    (here / "models").mkdir()
    (here / "models" / "manifest.json").write_text(text)
    assert "models/manifest.json: " in failed("release", "--run", "mine", "--models", "models")


# A full disk


@contextmanager
def full(size: int) -> Iterator[None]:
    """No file grows beyond so many bytes; as on a full disk, `write` fails in the middle and names no file.

    Only around the command: pytest writes its own log, which may be a file too, before fixtures are undone.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_full_disk(run: Run, failed) -> None:
    with full(10_000):
        line = failed("release", "--run", "mine")
    assert "released/" in line or ".released" in line
    assert line.endswith(": File too large")


@pytest.mark.parametrize(
    ("command", "file"), [("evaluate", "evaluate.json"), ("export", f"{FOLDER}/lenet5.keras")]
)
def test_full_disk_after_half_a_file(run: Run, failed, monkeypatch, command: str, file: str) -> None:
    write = Path.write_bytes

    def half(path: Path, raw: bytes) -> int:
        if not path.name.endswith(Path(file).name):
            return write(path, raw)
        write(path, raw[: len(raw) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")  # `write` names no file

    monkeypatch.setattr(Path, "write_bytes", half)
    assert failed(command, "--run", "mine") == f"error: runs/mine/{file}: No space left on device"


_TRAIN = """
import resource, sys
from pipeline.config import TrainConfig
from pipeline.tasks import digit
digit.train_preset = lambda preset, data: TrainConfig(data=data, epochs=1, batch=64, outliers=8)
from serving.cli.main import main
import pipeline.training.digit
for size in (0, 200_000):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    print("exit", main(["train", "--run", str(size)]), file=sys.stderr)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))  # for coverage
"""


@pytest.mark.slow
def test_full_disk_while_training(here: Path) -> None:
    """In a process of its own: the writers are TensorBoard's, NumPy's and Keras's."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _TRAIN],
        cwd=here,
        env=os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        timeout=300,
    )
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    assert done.stderr.count("exit 1") == 2
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 2
    assert "runs/0/tensorboard" in errors[0]
    assert errors[1] == "error: runs/200000/checkpoint.npz: File too large"
    assert not [name for name in content(here) if "/tensorboard/" not in name]


def test_checkpoint_of_another_config(here: Path, failed) -> None:
    path = here / "runs" / "digits" / training.CHECKPOINT
    path.parent.mkdir(parents=True)
    np.savez(path, config="TrainConfig(…)", epoch=1)
    line = failed("train", "--resume")
    assert "checkpoint.npz: written with another config or other data: train without --resume" in line
