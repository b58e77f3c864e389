from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from pipeline.config import Lenet5Options, QuantizeConfig, TrainConfig
from pipeline.data.digits import Dataset
from pipeline.export.export import export
from pipeline.export.formats import FOLDER, FORMATS, get
from pipeline.networks import lenet5
from pipeline.run import Run

# Keras asks its variables for an array in NumPy 1's way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

NAMES = [row.name for row in FORMATS]


def test_every_format_is_written_and_recorded(exported: Run) -> None:
    record = exported.require("export")
    assert set(record["files"]) == {f"{FOLDER}/{file}" for row in FORMATS for file in row.writers}
    assert record["refused"] == {}
    assert all(record["formats"][name]["bytes"] > 0 for name in NAMES)


def test_the_same_run_gives_the_same_bytes(exported: Run, copy: Run) -> None:
    assert export(copy)["files"] == exported.require("export")["files"]


@pytest.mark.parametrize(("name", "most"), [("tflite_int8", 75_000), ("onnx_int8", 85_000)])
def test_sizes(exported: Run, name: str, most: int) -> None:
    assert (exported / FOLDER / get(name).file).stat().st_size <= most


def _random_run(path: Path, options: Lenet5Options, digits: Dataset) -> Run:
    """An untrained network, quantized post-training."""
    import keras

    from pipeline.quantization.digit import quantize

    run = Run(path)
    keras.utils.set_random_seed(1)
    lenet5.build(keras, options).save(run / "float.keras")
    config = TrainConfig(data="digits", network=options, outliers=0)
    run.record(
        "train",
        ["float.keras"],
        config=dataclasses.asdict(config),
        data=digits.record(),
        calibration={"temperature": 1.0},
    )
    quantize(run, QuantizeConfig(method="ptq", calibration=100, batch=32), digits)
    return run


def test_average_pooling_in_8_bits(tmp_path: Path, digits: Dataset) -> None:
    from pipeline.export import predictor
    from pipeline.networks import integer_reference

    run = _random_run(tmp_path, Lenet5Options("average", "relu", "before"), digits)
    assert export(run)["refused"] == {}
    network = integer_reference.load((run / FOLDER / get("tflite_int8").file).read_bytes())
    expected = integer_reference.logits(network, digits.test.images[:100]).astype(int)
    for name in ("tflite_int8", "onnx_int8"):
        row = get(name)
        found = predictor.logit_predictor(row, run / FOLDER / row.file, network.output)(
            digits.test.images[:100]
        )
        assert np.abs(found - expected).max() <= 2  # random weights: averages lie on halves more often


def test_what_8_bits_cannot_do_is_refused_by_name_and_the_rest_is_written(
    tmp_path: Path, digits: Dataset
) -> None:
    run = _random_run(tmp_path, Lenet5Options("average", "tanh", "before"), digits)
    (run / FOLDER).mkdir()
    earlier = [run / FOLDER / name for name in (get("onnx_int8").file, *get("c").writers)]
    for path in earlier:
        path.write_bytes(b"of an earlier export")
    record = export(run)
    assert set(record["refused"]) == {"keras_int8", "onnx_int8", "c", "wasm", "wasm_simd"}
    assert "operator TANH" in record["refused"]["onnx_int8"]
    assert not any(path.exists() for path in earlier)
    assert len(record["files"]) == len(FORMATS) - 5
