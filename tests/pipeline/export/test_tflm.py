"""The model as TensorFlow Lite Micro runs it: the reference's integers, in the arena that the header names.

`make edge-tools` installs what this needs.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from pipeline.data import digits
from pipeline.export import tflm
from pipeline.networks import integer_reference
from pipeline.synthesis import digit_drawing
from serving.images.digit import normalize
from serving.repository.store import Repository

needs_interpreter = pytest.mark.skipif(not tflm.available(), reason="`make edge-tools` installs tflite-micro")


@pytest.fixture(scope="module")
def released() -> bytes:
    return (Repository.open().folder / "edge/lenet5-int8.tflite").read_bytes()


def pixels() -> np.ndarray:
    """MNIST's test digits where they are at hand, else drawn ones."""
    if "CHECKREADER_DATA" in os.environ:
        return digits.load("mnist", None).test.images
    rng = np.random.default_rng(0)
    return np.stack([normalize(digit_drawing.digit(i % 10, rng)) for i in range(500)])


@needs_interpreter
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorflow_lite_micro_is_the_reference_to_the_bit(released: bytes) -> None:
    from tflite_micro.python.tflite_micro import runtime

    interpreter = runtime.Interpreter.from_bytes(released)
    given, found = pixels(), []
    for picture in given:
        interpreter.set_input((picture.astype(np.int16) - 128).astype(np.int8)[None, ..., None], 0)
        interpreter.invoke()
        found.append(interpreter.get_output(0)[0].copy())
    np.testing.assert_array_equal(
        np.stack(found), integer_reference.logits(integer_reference.load(released), given)
    )


@needs_interpreter
def test_the_array_is_the_file_and_the_arena_is_measured(
    tmp_path: Path, released: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    file = Repository.open().folder / "edge/lenet5-int8.tflite"
    assert tflm.main([str(file), str(tmp_path)]) == 0
    header = (tmp_path / f"{tflm.NAME}.h").read_text()
    needed = re.search(r"ARENA (\d+)", header)
    assert needed is not None
    assert 5_880 <= int(needed[1]) <= 12_000
    assert f"{int(needed[1]):,}" in capsys.readouterr().out
    assert "CONV_2D, MAX_POOL_2D, RESHAPE, FULLY_CONNECTED" in header
    code = (tmp_path / f"{tflm.NAME}.c").read_text()
    numbers = code[code.index("{") + 1 : code.index("}")]
    assert bytes(map(int, numbers.split(","))) == released
    if shutil.which("cc"):
        strict = ["-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror"]
        subprocess.run(["cc", *strict, "-c", f"{tflm.NAME}.c"], cwd=tmp_path, check=True)


def test_without_the_interpreter(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tflm, "available", lambda: False)
    file = Repository.open().folder / "edge/lenet5-int8.tflite"
    assert tflm.main([str(file), str(tmp_path / "out")]) == 1
    assert "pip install --pre tflite-micro" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "reason"), [("lenet5", "not an integer model"), ("lenet5-field-int8", "any width")]
)
def test_another_model_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, reason: str
) -> None:
    file = Repository.open().folder / f"edge/{name}.tflite"
    assert tflm.main([str(file), str(tmp_path / "out")]) == 1
    assert reason in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
