from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.config import QuantizeConfig
from pipeline.data.digits import Dataset
from pipeline.quantization import digit
from pipeline.run import Run
from pipeline.training import checkpoint, distillation
from pipeline.training.distillation import TransferSet
from serving.errors import CheckreaderError

# Keras asks its variables for an array in NumPy 1's way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SHORT = QuantizeConfig(steps=8, batch=32, learning_rate=1e-3, calibration=50)


@pytest.fixture
def copy(trained: Run, tmp_path: Path) -> Run:
    """The trained run, free to be changed."""
    for name in ("train.json", "float.keras"):
        shutil.copy(trained / name, tmp_path / name)
    return Run(tmp_path)


def test_the_record_is_complete_and_its_files_are_checked(quantized: Run) -> None:
    record = quantized.require("quantize")
    assert record["calibration"]["temperature"] > 0
    assert record["data"]["name"] == "digits"
    assert record["config"]["method"] == "qat"
    assert "quantized/saved_model.pb" in record["files"]
    assert (
        abs(record["metrics"]["validation_accuracy"] - record["metrics"]["float_validation_accuracy"]) < 0.05
    )


def test_the_saved_model_has_both_signatures_and_fake_quantization(quantized: Run) -> None:
    import tensorflow as tf

    model = tf.saved_model.load(str(quantized / "quantized"))
    single, batched = model.signatures["single"], model.signatures["serving_default"]
    assert single.structured_input_signature[1]["image"].shape == [1, 28, 28, 1]
    assert batched.structured_input_signature[1]["image"].shape.as_list() == [None, 28, 28, 1]
    images = np.zeros((3, 28, 28, 1), np.float32)
    assert batched(image=tf.constant(images))["logits"].shape == (3, 10)
    functions = batched.graph.as_graph_def().library.function
    assert any("FakeQuant" in node.op for function in functions for node in function.node_def)


def test_post_training_quantization_comes_near_the_float_network(copy: Run, digits: Dataset) -> None:
    record = digit.quantize(copy, dataclasses.replace(SHORT, method="ptq"), digits)
    metrics = record["metrics"]
    assert abs(metrics["validation_accuracy"] - metrics["float_validation_accuracy"]) < 0.03


def test_it_goes_on_learning_from_the_teacher(
    copy: Run, digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    views = digits.train.images[None]
    seven = np.zeros((1, len(views[0]), 10), np.float16)
    seven[..., 7] = 9
    monkeypatch.setattr(
        distillation, "load", lambda config, data, mixture: TransferSet(views, seven, mixture)
    )
    record = json.loads((copy / "train.json").read_text())
    record["config"] |= {"distillation": 1.0, "passes": 1, "nondigits": 0.0}
    (copy / "train.json").write_text(json.dumps(record))
    metrics = digit.quantize(copy, dataclasses.replace(SHORT, steps=60), digits)["metrics"]
    assert metrics["float_validation_accuracy"] > 0.9
    assert metrics["validation_accuracy"] < 0.3  # the teacher sees sevens everywhere


@pytest.mark.slow
def test_it_goes_on_after_an_interruption(
    copy: Run, digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the last checkpoint, on the batches that come then: with the same result as without an interruption."""
    monkeypatch.setattr(digit, "CHECKPOINT_STEPS", 3)
    whole = digit.quantize(copy, SHORT, digits)
    write, calls = checkpoint.save, []

    def interrupted(path: Path, model: object, settings: str, step: int) -> None:
        write(path, model, settings, step)
        calls.append(step)
        if calls == [3, 6]:
            raise KeyboardInterrupt

    monkeypatch.setattr(digit.checkpoint, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        digit.quantize(copy, SHORT, digits)
    assert (copy / digit.CHECKPOINT).exists()
    resumed = digit.quantize(copy, SHORT, digits)
    assert calls == [3, 6]  # of eight steps, two were left
    assert resumed["calibration"] == whole["calibration"]
    assert sorted(path.name for path in copy.path.iterdir()) == [
        "float.keras",
        "quantize.json",
        "quantized",
        "train.json",
    ]


def test_other_sources_are_refused(copy: Run, digits: Dataset) -> None:
    record = json.loads((copy / "train.json").read_text())
    assert [source["name"] for source in record["sources"]] == ["digits"]
    record["sources"][0]["share"] = 0.7
    (copy / "train.json").write_text(json.dumps(record))
    with pytest.raises(
        CheckreaderError, match="trained on other sources than lie here now: put UNIPEN where it"
    ):
        digit.quantize(copy, SHORT, digits)


def test_quantizing_again_replaces_the_first_result(copy: Run, digits: Dataset) -> None:
    ptq = dataclasses.replace(SHORT, method="ptq")
    digit.quantize(copy, ptq, digits)
    (copy / "quantized/stale").write_text("of an older version")
    digit.quantize(copy, ptq, digits)
    copy.require("quantize")
    assert not (copy / "quantized/stale").exists()
    assert not list(copy.path.glob(".*"))


def test_pruning_and_clustering_together_are_refused(copy: Run, digits: Dataset) -> None:
    with pytest.raises(CheckreaderError, match="exclude each other"):
        digit.quantize(copy, dataclasses.replace(SHORT, prune=0.5, cluster=16), digits)


def test_it_needs_a_trained_run(tmp_path: Path, digits: Dataset) -> None:
    with pytest.raises(CheckreaderError, match=r"train\.json: not found: run `checkreader train"):
        digit.quantize(Run(tmp_path), SHORT, digits)


def test_changed_weights_are_refused(copy: Run, digits: Dataset) -> None:
    (copy / "float.keras").write_bytes(b"not what train wrote")
    with pytest.raises(CheckreaderError, match=r"float\.keras: its SHA-256 differs"):
        digit.quantize(copy, SHORT, digits)


def test_a_failure_leaves_nothing_half_written(
    copy: Run, digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(model: object, folder: Path) -> None:
        folder.mkdir()
        (folder / "saved_model.pb").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(digit, "save", full)
    with pytest.raises(OSError, match="No space left"):
        digit.quantize(copy, dataclasses.replace(SHORT, method="ptq"), digits)
    assert sorted(path.name for path in copy.path.iterdir()) == ["float.keras", "train.json"]


def test_legacy_keras_stays_in_this_file() -> None:
    code = (
        "import os, pipeline.quantization.legacy as q; q.import_legacy(); import keras; "
        "print('TF_USE_LEGACY_KERAS' in os.environ, keras.__version__[0])"
    )
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment.pop("TF_USE_LEGACY_KERAS", None)
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    assert found.stdout.split() == ["False", "3"]
