"""A finished run's predictions, layers and sums."""

from __future__ import annotations

import warnings

import numpy as np

from pipeline.data.digits import Dataset
from pipeline.report.run_data import RunData


def test_sums_before_the_activation(run_data: RunData, digits: Dataset) -> None:
    """After ReLU they are what the layer gives."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        features = run_data.features(digits.test.images[:5])
        for name in ("c1", "c3", "c5", "f6", "logits"):
            sums = np.asarray(
                run_data.before_activation(name)(digits.test.images[:5, ..., None] / np.float32(255))
            )
            expected = sums if name == "logits" else np.maximum(sums, 0)
            np.testing.assert_allclose(features[name], expected, atol=1e-4)


def test_predictions_are_the_served_files(run_data: RunData, digits: Dataset) -> None:
    probabilities = run_data.predict(digits.test.images[:10])
    assert probabilities.shape == (10, 10)
    np.testing.assert_allclose(probabilities, run_data.probabilities[:10], atol=1e-6)
    np.testing.assert_array_equal(run_data.predicted_digits(digits.test.images[:10]), probabilities.argmax(1))


def test_the_example_is_a_four_that_is_read_as_one(run_data: RunData, digits: Dataset) -> None:
    assert digits.test.labels[run_data.example_index] == 4
    assert run_data.predicted_digits(run_data.example[None]).tolist() == [4]
    np.testing.assert_array_equal(run_data.example, digits.test.images[run_data.example_index])
