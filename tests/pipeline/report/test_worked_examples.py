"""The worked examples, against other ways to the same numbers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from scipy.signal import correlate2d

from pipeline.networks import lenet5
from pipeline.report import fully_connected, worked_examples


def test_convolve() -> None:
    rng = np.random.default_rng(0)
    x, kernel = rng.normal(size=(9, 7)), rng.normal(size=(3, 2))
    expected = correlate2d(x, kernel, "valid")
    np.testing.assert_allclose(worked_examples.convolve(x, kernel), expected)
    np.testing.assert_allclose(worked_examples.convolve(x, kernel, 2), expected[::2, ::2])


@pytest.mark.parametrize("side", [7, 14, 28])
@pytest.mark.parametrize("kernel", [2, 3, 5])
@pytest.mark.parametrize("padding", [0, 1, 2])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_outputs(side: int, kernel: int, padding: int, stride: int) -> None:
    padded = np.zeros((side + 2 * padding,) * 2)
    found = worked_examples.convolve(padded, np.ones((kernel, kernel)), stride)
    assert found.shape == (worked_examples.outputs(side, kernel, padding, stride),) * 2


def test_the_maximum_does_not_move() -> None:
    (picture, answer, most), (moved, moved_answer, moved_most) = worked_examples.shifted_stroke()
    assert most == moved_most == 3
    assert (answer == 3).sum() == (moved_answer == 3).sum() == 1
    np.testing.assert_array_equal(np.roll(picture, (2, 3), (0, 1)), moved)
    peak, other = (np.argwhere(found == 3)[0] for found in (answer, moved_answer))
    assert (other - peak).tolist() == [2, 3]


def test_pooled() -> None:
    x, found, places = worked_examples.pooled_map()
    assert found.tolist() == [[4, 2], [6, 5]]
    assert [x[place] for place in places] == found.ravel().tolist()


def test_gradient_of_a_shared_weight() -> None:
    found = worked_examples.shared_weight_gradient()

    def loss(kernel: np.ndarray) -> float:
        return float((worked_examples.convolve(found["x"], kernel.reshape(2, 2)) * found["dy"]).sum())

    numeric = approx_fprime(found["kernel"].ravel(), loss, 1e-6)
    np.testing.assert_allclose(found["dkernel"].ravel(), numeric, atol=1e-5)
    assert found["products"].sum() == found["dkernel"][0, 0]


def test_gradient_through_a_maximum() -> None:
    x, dy, dx, places = worked_examples.maximum_gradient()

    def loss(flat: np.ndarray) -> float:
        return float((worked_examples.pool(flat.reshape(4, 4)) * dy).sum())

    np.testing.assert_allclose(dx.ravel(), approx_fprime(x.ravel(), loss, 1e-6), atol=1e-5)
    assert np.count_nonzero(dx) == len(places) == 4


def test_parameters() -> None:
    assert worked_examples.parameters(5, 5, 3, 6) == 456
    assert (
        fully_connected.image_parameters(28)["dense"]
        == sum(row.parameters for row in lenet5.table())
        == 61_706
    )
    assert (
        fully_connected.image_parameters(28)["sliding"]
        == fully_connected.image_parameters(300)["sliding"]
        == 61_706
    )
    assert fully_connected.image_parameters(28)["connected-78"] == 784 * 78 + 78 + 78 * 10 + 10
    assert fully_connected.image_parameters(100)["connected-1200"] == 10_001 * 1200 + 1201 * 1200 + 1201 * 10


def test_filters_by_hand_see_lines() -> None:
    line = np.zeros((9, 9))
    line[:, 4] = 1
    assert worked_examples.convolve(line, worked_examples.VERTICAL).max() == pytest.approx(2)
    assert abs(worked_examples.convolve(line, worked_examples.HORIZONTAL)).max() == pytest.approx(0)
    assert worked_examples.convolve(line.T, worked_examples.HORIZONTAL).max() == pytest.approx(2)
