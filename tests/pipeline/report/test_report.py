"""The whole report of the tiny run."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from pipeline import cli
from pipeline.data.digits import Dataset
from pipeline.evaluation import benchmark, digit
from pipeline.export.formats import get
from pipeline.run import Run
from pipeline.synthesis import nondigits
from pipeline.verification import verify
from serving.errors import CheckreaderError
from tests.support import tiny_run
from tests.support.html import Checked

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Keras, of its own use of NumPy
    from pipeline.report import (
        architecture_training,
        architectures,
        chapter1_network,
        chapter4_quality,
        chapter5_failures,
        receptive_patches,
        report,
    )
    from pipeline.report.run_data import RunData

BUDGET = architecture_training.Budget(epochs=1, batch=256, learning_rate=2e-3, seeds=(0,))
SOME = tuple(
    architectures.named(name) for name in ("max", "strided", "tanh", "lenet5-1998", "connected-78", "third")
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, digits: Dataset) -> Run:
    """A copy of the tiny run with every stage done that a report tells of."""
    run = tiny_run.copied(tmp_path_factory.mktemp("report"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TensorFlow, of its own future
        verify.verify(run, digits.test.images[:60])
        digit.evaluate(run, digits.test, digits.name, 2 * len(nondigits.KINDS))
        formats = [get(name) for name in ("onnx_float32", "onnx_int8", "tflite_float32")]
        benchmark.benchmark(run, digits.validation.images, formats, rounds=1, seconds=0.01)
    return run


@pytest.fixture(scope="module")
def reported(finished: Run, digits: Dataset) -> dict:
    patch = pytest.MonkeyPatch()
    patch.setattr(receptive_patches, "STEPS", 5)
    patch.setattr(chapter5_failures, "SUBSET", 40)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras, of its own use of TensorFlow
        record = report.report(finished, digits, BUDGET, SOME)
    patch.undo()
    return record


@pytest.fixture(scope="module")
def html(finished: Run, reported: dict) -> str:
    return (finished / "report" / "index.html").read_text()


def test_every_chapter(html: str) -> None:
    found = Checked.of(html)
    assert found.titles[0] == "LeNet-5, run run"
    chapters = [title for title in found.titles if title[1:3] == ". "]
    assert chapters == [
        "1. The network",
        "2. What it learned",
        "3. What its parts buy",
        "4. How good it is",
        "5. How it fails",
    ]


def test_nothing_is_fetched(html: str) -> None:
    found = Checked.of(html)
    assert found.addresses == []
    assert found.images > 100
    assert "<script" not in html
    for scheme in ("http://", "https://", "//cdn", "file:"):
        rest = html.replace("http://www.w3.org/2000/svg", "")
        assert scheme not in rest


def test_light_dark_and_print(html: str) -> None:
    assert "prefers-color-scheme: dark" in html
    assert "@media print" in html
    assert 'name="viewport"' in html


def test_every_picture_is_in_the_page_and_beside_it(finished: Run, reported: dict, html: str) -> None:
    names = {Path(name).name for name in reported["files"] if "/pictures/" in name}
    assert {"feature-maps.png", "filters-c1.png", "misread.png", "codes.png", "corrupted.png"} <= names
    assert {"parts.svg", "confusion.svg", "formats.svg", "agreement-int8.svg", "rotation.svg"} <= names
    assert html.count("<svg") == sum(name.endswith(".svg") for name in names)
    for name in names:
        assert (finished / "report" / "pictures" / name).stat().st_size > 100


def test_the_record_holds_the_numbers(finished: Run, reported: dict, digits: Dataset) -> None:
    assert finished.require("report") == json.loads(json.dumps(reported))
    corruptions = reported["failures"]["corruptions"]
    assert len(corruptions["kinds"]) == 15
    assert corruptions["n"] == len(digits.test.labels)
    raw = [one["raw"] for one in corruptions["kinds"].values()]
    assert corruptions["mean"]["raw"] == pytest.approx(np.mean(raw))
    evaluated = finished.require("evaluate")["families"]["lenet5"]
    assert corruptions["clean"] == pytest.approx(evaluated["accuracy"]["value"])
    assert reported["quality"]["calibration_error"] == pytest.approx(
        evaluated["calibration_error"]["after"], abs=1e-6
    )
    assert set(reported["parts"]["comparisons"]) == {variant.name for variant in SOME}
    assert next(one["layer"] for one in reported["quality"]["int8_layers"]) == "c1"


def test_numbers_in_the_page_are_the_records(reported: dict, html: str) -> None:
    mean = reported["failures"]["corruptions"]["mean"]
    assert f"{mean['raw']:.1%}" in html
    assert f"{mean['normalized']:.1%}" in html
    for one in reported["parts"]["comparisons"].values():
        assert f"{one['accuracy']:.2%}" in html


def test_trains_nothing_twice(finished: Run, reported: dict, digits: Dataset, monkeypatch) -> None:
    monkeypatch.setattr(architecture_training, "train_variant", lambda *_: pytest.fail("trained again"))
    monkeypatch.setattr(report, "CHAPTERS", ())
    monkeypatch.setattr(report, "write_bytes", lambda *_: None)
    monkeypatch.setattr(report.shutil, "rmtree", lambda *_, **__: None)
    monkeypatch.setattr(Run, "record", lambda *_, **content: content)
    report.report(finished, digits, BUDGET, SOME)


def test_summary(finished: Run, reported: dict) -> None:
    assert "mean accuracy under 15 corruptions" in report.summary(reported, finished)


def test_before_it_is_measured(exported: Run, digits: Dataset, tmp_path: Path) -> None:
    with pytest.raises(CheckreaderError, match=r"train.json: not found"):
        report.report(Run(tmp_path), digits)
    run = tiny_run.copied(tmp_path)
    (run / "verify.json").unlink(missing_ok=True)  # where another test has verified the run
    with pytest.raises(CheckreaderError, match=r"verify.json: not found: run `checkreader verify --run"):
        report.report(run, digits)


def test_fields_have_no_report(tmp_path: Path, digits: Dataset) -> None:
    run = Run(tmp_path)
    run.record("train", [], task="field", config={}, data={})
    with pytest.raises(CheckreaderError, match="a report is made of a digit run"):
        report.report(run, digits)


def test_the_command_refuses_fields(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it looks for data, which such a run has none of."""
    monkeypatch.chdir(tmp_path)
    Run(tmp_path / "runs" / "field").record("train", [], task="field", config={}, data={})
    with pytest.raises(CheckreaderError, match="runs/field: a report is made of a digit run"):
        cli.main(["report", "--run", "field"])


def test_history_where_there_is_none(tmp_path: Path) -> None:
    assert chapter4_quality.history(tmp_path, "train", "epoch_loss") == []


def test_history(finished: Run) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert (
            len(chapter4_quality.history(finished / "tensorboard", "train", "epoch_loss"))
            == tiny_run.TRAIN.epochs
        )
        assert chapter4_quality.history(finished / "tensorboard", "train", "nothing") == []


def test_reliability() -> None:
    score = np.array([0.05, 0.951, 0.96, 1.0, 0.55])
    found = chapter4_quality.reliability(score, np.array([False, True, True, False, True]))
    assert [one["n"] for one in found] == [1, 1, 3]
    assert [one["accuracy"] for one in found] == pytest.approx([0, 1, 2 / 3])
    assert all(one["low"] <= one["accuracy"] <= one["high"] for one in found)


def test_sums_before_the_activation(finished: Run, digits: Dataset) -> None:
    """Behind ReLU they are what the layer gives."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run_data = RunData.of(finished, digits, {})
        features = run_data.features(digits.test.images[:5])
        for name in ("c1", "c3", "c5", "f6", "logits"):
            sums = np.asarray(
                run_data.before_activation(name)(digits.test.images[:5, ..., None] / np.float32(255))
            )
            expected = sums if name == "logits" else np.maximum(sums, 0)
            np.testing.assert_allclose(features[name], expected, atol=1e-4)


def test_ascent_climbs(finished: Run, digits: Dataset) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run_data = RunData.of(finished, digits, {})
        images = digits.test.images[:50]
        sums = run_data.before_activation("f6")
        starts = receptive_patches.averages(run_data.features(images)["f6"], images)
        made = receptive_patches.ascent(sums, starts, steps=30)
        assert (made.shape, made.min() >= 0, made.max() <= 1) == ((84, 28, 28), True, True)
        before = np.asarray(sums(images[..., None] / np.float32(255))).mean(0)
        after = np.diag(np.asarray(sums(made[..., None])))
        assert (after > before).mean() > 0.9


def test_averages_of_the_most_exciting() -> None:
    images = np.arange(5, dtype=np.uint8)[:, None, None] * np.ones((28, 28), np.uint8)
    outputs = np.array([[0, 9], [1, 8], [2, 0], [3, 0], [4, 0]], np.float32)
    found = receptive_patches.averages(outputs, images, count=2) * 255
    np.testing.assert_allclose(found[:, 3, 3], [3.5, 0.5])
    maps = np.zeros((5, 2, 2, 2), np.float32)
    maps[:, 1, 0] = outputs
    np.testing.assert_allclose(receptive_patches.averages(maps, images, count=2) * 255, found)


def test_place_cuts_what_the_unit_sees() -> None:
    image = np.arange(784).reshape(28, 28)
    c1, c3 = receptive_patches.RECEPTIVE_FIELDS["c1"], receptive_patches.RECEPTIVE_FIELDS["c3"]
    np.testing.assert_array_equal(c1.cut(image, 10, 12), image[8:13, 10:15])
    assert not c1.cut(image, 0, 0)[:2].any()
    np.testing.assert_array_equal(c3.cut(image, 1, 5), image[0:14, 8:22])
    assert c3.cut(image, 9, 9).shape == (14, 14)


def test_patches_are_the_strongest() -> None:
    rng = np.random.default_rng(0)
    maps = rng.random((6, 28, 28, 2)).astype(np.float32)
    maps[3, 10, 10, 0] = 5
    images = rng.integers(0, 255, (6, 28, 28), np.uint8)
    found = receptive_patches.patches(maps, images, receptive_patches.RECEPTIVE_FIELDS["c1"], 2)
    assert [len(one) for one in found] == [2, 2]
    np.testing.assert_array_equal(found[0][0], images[3, 8:13, 8:13])


def test_what_training_had_is_said() -> None:
    plain = {"distillation": 0.0, "defects": 0.0, "nondigits": 0.0}
    assert (
        report.training_facts(plain),
        chapter4_quality.loss_note(plain),
        chapter5_failures.defects_note(plain),
    ) == (
        [],
        "",
        "",
    )
    full = {"distillation": 0.9, "defects": 0.3, "nondigits": 0.15}
    assert report.training_facts(full) == [
        ("training", "a teacher for 90% of the loss, defects on 30% of the pictures")
    ]
    assert "ten equal probabilities, and for 90% of it a teacher's" in chapter4_quality.loss_note(full)
    assert "30% of its pictures had a line across" in chapter5_failures.defects_note(full)


def test_equal_and_missing_thresholds_are_explained() -> None:
    rates = [{"max_error": rate} for rate in (0.02, 0.01, 0.005)]
    said = chapter4_quality.thresholds_note({"floor": 0.99818, "thresholds": rates})
    assert "None lies below 0.9982, which turns away all but one in 50,000 pictures" in said
    assert said.endswith("For 0.2%, 0.1% there are too few validation digits.")


def test_frames_lie_where_units_are(finished: Run, digits: Dataset) -> None:
    """With strides of 2 and 4 a receptive field begins at a multiple of them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run_data = RunData.of(finished, digits, {})
    with pytest.MonkeyPatch.context() as patch:
        frames: list[tuple[int, ...]] = []
        framed = chapter1_network.image_grid.framed
        patch.setattr(
            chapter1_network.image_grid,
            "framed",
            lambda image, frame, *rest: frames.append(frame) or framed(image, frame, *rest),
        )
        chapter1_network.receptive_fields(run_data)
    assert frames == [(14, 14, 5, 5), (14, 14, 6, 6), (10, 10, 14, 14), (8, 8, 16, 16), (0, 0, 32, 32)]
