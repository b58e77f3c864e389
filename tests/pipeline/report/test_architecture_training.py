from __future__ import annotations

import json
import warnings

import numpy as np
import pytest

from pipeline.data.digits import Dataset

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Keras, of its own use of NumPy
    from pipeline.report import architecture_training, architectures

BUDGET = architecture_training.Budget(epochs=1, batch=256, learning_rate=2e-3, seeds=(0, 1))


@pytest.fixture(autouse=True)
def _quiet() -> None:
    warnings.simplefilter("ignore")  # Keras, of its own use of TensorFlow


@pytest.mark.parametrize("variant", architectures.VARIANTS, ids=lambda variant: variant.name)
def test_builds(variant: architectures.Variant) -> None:
    model = variant.build()
    assert (model.input.shape, model.output.shape) == ((None, 28, 28, 1), (None, 10))
    counts = {"one-by-one": 62_020, "none": 1_119_626, "lenet5-1998": 60_000}
    trained = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    if variant.group in ("pooling", "activation", "structure"):
        assert trained == counts.get(variant.name, 61_706)


def test_names_differ() -> None:
    names = [variant.name for variant in architectures.VARIANTS]
    assert len(set(names)) == len(names)
    assert {"max", "average", "median", "l2", "overlapping", "strided", "none"} <= set(names)
    assert {"tanh", "sigmoid", "one-by-one", "lenet5-1998"} <= set(names)


def test_poolings() -> None:
    x = np.random.default_rng(0).normal(size=(2, 4, 4, 3)).astype(np.float32)
    blocks = x.reshape(2, 2, 2, 2, 2, 3).transpose(0, 1, 3, 2, 4, 5).reshape(2, 2, 2, 4, 3)
    np.testing.assert_allclose(np.asarray(architectures.MedianPooling()(x)), np.median(blocks, 3), atol=1e-6)
    np.testing.assert_allclose(
        np.asarray(architectures.NormPooling()(x)), np.sqrt((blocks**2).mean(3) + 1e-6), rtol=1e-5
    )


@pytest.mark.slow
def test_goes_on_where_it_stopped(tmp_path, digits: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    two = (architectures.named("max"), architectures.named("connected-78"))
    seen = []
    train = architecture_training.train_variant

    def interrupted(variant, seed, data, how):
        if len(seen) == 3:
            raise KeyboardInterrupt
        seen.append((variant.name, seed))
        return train(variant, seed, data, how)

    monkeypatch.setattr(architecture_training, "train_variant", interrupted)
    with pytest.raises(KeyboardInterrupt):
        architecture_training.compare(tmp_path, digits, BUDGET, two)
    kept = json.loads((tmp_path / architecture_training.FILE).read_text())
    assert len(kept["trainings"]) == 3
    seen.clear()
    record = architecture_training.compare(tmp_path, digits, BUDGET, two)
    assert seen == [("connected-78", 1)]
    assert record["trainings"][:3] == kept["trainings"]
    assert json.loads((tmp_path / architecture_training.FILE).read_text()) == record
    for one in record["trainings"]:
        assert 0 <= one["accuracy"] <= 1
        assert len(one["shifted"]) == len(architecture_training.SHIFTS)
    found = architecture_training.summary(record)
    assert list(found) == ["max", "connected-78"]
    assert found["max"]["parameters"] == 61_706
    assert found["max"]["low"] <= found["max"]["accuracy"] <= found["max"]["high"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"data": 1}', '{"trainings": 3}'])
def test_what_cannot_be_gone_on_with_is_dropped(tmp_path, digits: Dataset, content: str) -> None:
    (tmp_path / architecture_training.FILE).write_text(content)
    assert architecture_training.compare(tmp_path, digits, BUDGET, ())["trainings"] == []


def test_another_budget_begins_anew(tmp_path, digits: Dataset) -> None:
    record = architecture_training.compare(tmp_path, digits, BUDGET, ())
    record["trainings"] = [{"name": "max", "seed": 0}]
    (tmp_path / architecture_training.FILE).write_text(json.dumps(record))
    assert architecture_training.compare(tmp_path, digits, BUDGET, ())["trainings"]
    assert architecture_training.compare(tmp_path, digits, architecture_training.SMALL, ())["trainings"] == []


def test_budget_by_size(digits: Dataset) -> None:
    assert architecture_training.default_budget(digits) == architecture_training.SMALL


def test_move() -> None:
    images = np.random.default_rng(0).integers(1, 255, (2, 6, 6), np.uint8)
    np.testing.assert_array_equal(architecture_training.move(images, 0, 0), images)
    moved = architecture_training.move(images, 2, -1)
    np.testing.assert_array_equal(moved[:, 2:, :-1], images[:, :-2, 1:])
    assert not moved[:, :2].any()
    assert not moved[:, :, -1].any()


def test_shifted_by_an_answer_that_is_always_right(digits: Dataset) -> None:
    labels = digits.test.labels
    found = architecture_training.shift_accuracy(
        lambda pixels: np.resize(labels[:1000], len(pixels)), digits.test
    )
    assert found == [1.0] * len(architecture_training.SHIFTS)
