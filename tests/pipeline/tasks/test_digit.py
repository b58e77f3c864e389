from __future__ import annotations

import dataclasses
import json
from argparse import Namespace
from pathlib import Path

import pytest

from pipeline.config import QuantizeConfig
from pipeline.data import digits
from pipeline.run import Run
from pipeline.tasks import digit
from serving.errors import CheckreaderError


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run whose training is on record."""
    run = Run(tmp_path / "runs" / "mine")
    record = digits.load("digits").record()
    run.record("train", [], data=record, data_dir=None, preset="quick", config={"seed": 5})
    return run


def options(**named: object) -> Namespace:
    return Namespace(**{"data_dir": None, "json": False, **named})


@pytest.mark.parametrize(
    ("stage", "name"), [("train", "mnist"), ("evaluate", "digits"), ("verify", "digits")]
)
def test_a_training_is_called_after_its_data(stage: str, name: str) -> None:
    assert digit.run_name(Namespace(stage=stage, data="mnist")) == name


def test_the_data_are_those_of_the_training(run: Run) -> None:
    assert len(digit.load_dataset(run, options()).test.labels) == 355
    record = json.loads((run / "train.json").read_text())
    record["data"]["sha256"] = {"sklearn.datasets.load_digits": "0" * 64}
    (run / "train.json").write_text(json.dumps(record))
    with pytest.raises(
        CheckreaderError, match="mine: was trained on other data than digits now holds: train again"
    ):
        digit.load_dataset(run, options())


@pytest.mark.parametrize("compare", [False, True])
def test_quantized_as_the_options_say(run: Run, monkeypatch: pytest.MonkeyPatch, compare: bool) -> None:
    """With the steps of the training's preset, its seed and its folder of data."""

    def quantize(
        run: Run, config: QuantizeConfig, dataset: digits.Dataset, folder: Path | None
    ) -> dict[str, object]:
        assert folder == Path("scans")
        return {
            "config": dataclasses.asdict(config),
            "metrics": {"validation_accuracy": 0.5, "sources": {"mnist": 0.4, "unipen": 0.6}},
            "calibration": {"thresholds": [{}]},
            "rows": [],
        }

    monkeypatch.setattr("pipeline.quantization.digit.quantize", quantize)
    monkeypatch.setattr("pipeline.evaluation.compression.compare", quantize)
    monkeypatch.setattr("pipeline.evaluation.compression.summary", lambda record: "a table")
    choices = options(method="ptq", prune=0.5, cluster=8, compare=compare, data_dir=Path("scans"))
    monkeypatch.setattr(digit, "load_dataset", lambda run, options: digits.load("digits"))
    record, text = digit.quantize(run, choices)
    wanted = QuantizeConfig(method="ptq", prune=0.5, cluster=8, steps=600, batch=64, seed=5)
    assert record["config"] == dataclasses.asdict(wanted)
    assert text == (
        "a table"
        if compare
        else f"{run.path}: ptq: validation accuracy 50.00%\nvalidation: mnist 40.00%, unipen 60.00%"
    )


def test_benchmarked_on_validation_pictures(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "pipeline.evaluation.benchmark.benchmark", lambda run, pictures: {"shape": pictures.shape}
    )
    monkeypatch.setattr("pipeline.evaluation.benchmark.summary", lambda record: "a table")
    assert digit.benchmark(run, options()) == ({"shape": (177, 28, 28)}, "a table")


def test_where_two_formats_differ(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def explain(run: Run, left: str, right: str, images: object) -> dict[str, object]:
        return {"left": left, "right": right, "pictures": len(images)}

    monkeypatch.setattr("pipeline.verification.verify.explain", explain)
    monkeypatch.setattr("pipeline.verification.agreement.explanation", str)
    record, _ = digit.verify(run, options(explain=["keras", "onnx_int8"]))
    assert record == {"left": "keras", "right": "onnx_int8", "pictures": 355}


def test_not_calibrated_by_labeled_fields(run: Run) -> None:
    with pytest.raises(
        CheckreaderError, match="a digit run is calibrated by `train` and `quantize` themselves"
    ):
        digit.calibrate(run, options())


def test_a_report_shows_no_fields(run: Run) -> None:
    with pytest.raises(CheckreaderError, match="--pictures shows fields"):
        digit.report(run, options(pictures=[Path("fields")]))
