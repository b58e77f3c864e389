"""A finished run's predictions, layers and sums."""

from __future__ import annotations

import dataclasses
import warnings

import keras
import numpy as np

from pipeline.data.digits import Dataset
from pipeline.report.run_data import RunData
from pipeline.run import Run


def test_sums_before_the_activation(run_data: RunData, digits: Dataset) -> None:
    """C1 and C3 have no activation before subsampling; after ReLU the others' sums are what the layer gives."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        features = run_data.features(digits.test.images[:5])
        for name in ("c1", "c3", "c5", "f6", "logits"):
            sums = np.asarray(
                run_data.before_activation(name)(digits.test.images[:5, ..., None] / np.float32(255))
            )
            expected = np.maximum(sums, 0) if name in ("c5", "f6") else sums
            np.testing.assert_allclose(features[name], expected, atol=1e-4)


def test_features_come_after_the_activation(run_data: RunData, pooled: Run, digits: Dataset) -> None:
    """That stands after subsampling in the one network and before it in the other."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = keras.models.load_model(pooled / "float.keras", compile=False)
        maxima = dataclasses.replace(run_data, model=model).features(digits.test.images[:5])
        averages = run_data.features(digits.test.images[:5])
    blocks = {
        name: features["c1"].reshape(5, 14, 2, 14, 2, 6)
        for name, features in (("max", maxima), ("average", averages))
    }
    np.testing.assert_allclose(maxima["s2"], blocks["max"].max((2, 4)), atol=1e-6)
    np.testing.assert_allclose(averages["s2"], np.maximum(blocks["average"].mean((2, 4)), 0), atol=1e-6)
    assert (maxima["c1"].min(), averages["s2"].min()) == (0, 0)
    assert averages["c1"].min() < 0


def test_predictions_are_the_served_files(run_data: RunData, digits: Dataset) -> None:
    probabilities = run_data.predict(digits.test.images[:10])
    assert probabilities.shape == (10, 10)
    np.testing.assert_allclose(probabilities, run_data.probabilities[:10], atol=1e-6)
    np.testing.assert_array_equal(run_data.predicted_digits(digits.test.images[:10]), probabilities.argmax(1))


def test_the_example_is_a_four_that_is_read_as_one(run_data: RunData, digits: Dataset) -> None:
    assert digits.test.labels[run_data.example_index] == 4
    assert run_data.predicted_digits(run_data.example[None]).tolist() == [4]
    np.testing.assert_array_equal(run_data.example, digits.test.images[run_data.example_index])
