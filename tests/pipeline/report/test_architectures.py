"""The networks that are compared: shapes, parameters and pooling."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Keras, of its own use of NumPy
    from pipeline.report.architectures import VARIANTS, MedianPooling, NormPooling, Variant, named

X = np.array([[1, 2], [7, 4]], np.float32)[None, :, :, None]


def test_names_are_unique_and_found() -> None:
    assert len({variant.name for variant in VARIANTS}) == len(VARIANTS)
    assert all(named(variant.name) is variant for variant in VARIANTS)


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_every_network_gives_ten_logits(variant: Variant) -> None:
    model = variant.build()
    assert model.input_shape == (None, 28, 28, 1)
    assert model.output_shape == (None, 10)


def test_parameters() -> None:
    assert named("max").build().count_params() == 61_706
    assert named("one-by-one").build().count_params() == 61_706 + 314
    assert abs(named("connected-78").build().count_params() / 61_706 - 1) < 0.02


def test_median_is_the_mean_of_the_two_in_the_middle() -> None:
    assert float(np.ravel(MedianPooling()(X))[0]) == pytest.approx(3.0)


def test_l2_is_the_root_of_the_mean_square() -> None:
    assert float(np.ravel(NormPooling()(X))[0]) == pytest.approx(np.sqrt(70 / 4), rel=1e-5)
