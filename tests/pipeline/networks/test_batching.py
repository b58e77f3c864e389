import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.networks import batching, spec
from pipeline.networks.lenet5_field import SLIDING
from serving.errors import CheckreaderError
from serving.images import sliding_window
from serving.images.field import Field

EDGES = [1, 15, 16, 17, 32, 33, 640]  # where a column more is another bucket


def drawn(widths: list[int]) -> list[np.ndarray]:
    rng = np.random.default_rng(sum(widths))
    return [rng.integers(0, 256, (32, width), np.uint8) for width in widths]


@given(st.lists(st.one_of(st.integers(1, 200), st.sampled_from(EDGES)), min_size=1, max_size=12))
def test_fields_lie_where_the_service_puts_them(widths: list[int]) -> None:
    fields = drawn(widths)
    served = sliding_window.place([Field(field, np.eye(2, 3), None) for field in fields], SLIDING, (0.0,))
    found = batching.make_batches(spec.FIELD, fields)
    assert [batch.numbers.tolist() for batch in found] == [numbers for numbers, _ in served]
    for batch, (_, image) in zip(found, served, strict=True):
        upright = image[: len(batch.numbers)]  # then come the slanted ones
        np.testing.assert_array_equal(batch.pixels[..., None] / np.float32(255), upright)


@given(st.lists(st.integers(1, 80), min_size=1, max_size=8))
def test_each_field_has_its_rows_in_order(widths: list[int]) -> None:
    for batch in batching.make_batches(spec.FIELD, drawn(widths)):
        count, steps, _ = spec.FIELD.output_shape(*batch.pixels.shape[::2], 7)
        answers = np.arange(count * steps).reshape(count, steps, 1)
        places = batch.places()
        rows = batch.rows(answers)
        assert (
            len(rows) == len(places) == sum(sliding_window.steps(widths[i], SLIDING) for i in batch.numbers)
        )
        where = {int(number): row for row, number in enumerate(batch.numbers)}
        for (number, step), (value,) in zip(places, rows, strict=True):
            assert value == where[int(number)] * steps + step


def test_many_of_one_width_are_cut() -> None:
    found = batching.make_batches(spec.FIELD, drawn([20] * 7), size=3)
    assert [len(batch.pixels) for batch in found] == [3, 3, 1]
    assert np.concatenate([batch.numbers for batch in found]).tolist() == list(range(7))


def test_digits_stay_together() -> None:
    digits = np.zeros((5, 28, 28), np.uint8)
    (batch,) = batching.make_batches(spec.DIGIT, digits)
    assert batch.pixels is digits
    assert batch.rows(digits) is digits
    assert batch.places().tolist() == [[i, 0] for i in range(5)]


def test_answers_of_all_batches() -> None:
    found = batching.make_batches(spec.FIELD, drawn([5, 90, 5]))
    rows = batching.predict(
        found, lambda pixels: np.ones((*spec.FIELD.output_shape(*pixels.shape[::2], 7)[:2], 12))
    )
    assert rows.shape == (2 * sliding_window.steps(5, SLIDING) + sliding_window.steps(90, SLIDING), 12)


@pytest.mark.parametrize(
    ("pictures", "message"),
    [
        ([], "no pictures"),
        ([np.zeros((28, 5), np.uint8)], r"a field is \[32, width\], got \[28, 5\]"),
        ([np.zeros((32, 0), np.uint8)], r"got \[32, 0\]"),
    ],
)
def test_other_pictures_are_refused(pictures: list[np.ndarray], message: str) -> None:
    with pytest.raises(CheckreaderError, match=message):
        batching.make_batches(spec.FIELD, pictures)
