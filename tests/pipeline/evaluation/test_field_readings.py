import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.evaluation import field_readings
from pipeline.evaluation.field_readings import (
    amount_right,
    calibrated,
    correct,
    exact,
    exact_written,
    field_recognizer,
    scores,
)
from pipeline.networks.lenet5_field import ALPHABET, CLASSES, SLIDING
from serving.decoding import field_string
from serving.images.field import normalize_field
from serving.images.sliding_window import steps
from serving.manifest import Confidence
from tests.support.field_readings import fields, raw


def strip(bars: int, width: int = 30) -> np.ndarray:
    """Paper with as many upright bars of ink, in the left part of the picture."""
    gray = np.full((40, bars * width + 80), 220, np.uint8)
    for i in range(bars):
        gray[8:32, 10 + i * width : 14 + i * width] = 20
    return gray


def infer(sure: float, symbols: str = "4.2"):
    """A network that says the symbols, evenly spread, whatever it sees; steps over padding say 9."""

    def run(image: np.ndarray) -> np.ndarray:
        count = (image.shape[2] - SLIDING.receptive) // SLIDING.stride + 1
        out = np.full((len(image), count, CLASSES), (1 - sure) / (CLASSES - 1), np.float32)
        for row, field in zip(out, image, strict=True):
            # In the middle rows, which a slant leaves where they are.
            ink = int(np.flatnonzero((field[15:17] > 0.2).any((0, 2)))[-1]) + 1 - SLIDING.left
            own = steps(ink, SLIDING)
            best = np.full(count, ALPHABET.blank)
            best[np.linspace(0, own - 1, len(symbols)).astype(int)] = ALPHABET.labels(symbols)
            best[own:] = 9
            row[np.arange(count), best] = sure
        return out

    return run


def test_reads_through_the_service() -> None:
    (found,) = field_recognizer(infer(0.999), ALPHABET)([strip(3)])
    assert (found.text, found.written, found.problem) == ("42", "4.2", None)
    assert found.confidence == pytest.approx(found.probability, rel=1e-6)
    assert 0.5 < found.probability < 1
    (x, y, width, height), (right_x, *_) = found.boxes
    assert 5 <= x <= 12
    assert 4 <= y <= 10
    assert 20 <= y + height - 4 <= 34
    assert x + width <= right_x + 1
    assert right_x > 30


@pytest.mark.parametrize("sure", [0.97, 1 - 2**-20])
def test_probability_is_the_decoders(sure: float) -> None:
    """Near 1, too, where a confidence in float32 would have no digits left."""
    gray = strip(3)
    network = infer(sure)
    (recognized,) = field_recognizer(network, ALPHABET)([gray])
    field = normalize_field(gray)
    image = np.zeros((1, 32, 16 * 40, 1), np.float32)
    image[0, :, SLIDING.left : SLIDING.left + field.pixels.shape[1], 0] = field.pixels / np.float32(255)
    probabilities = network(image)[:, : steps(field.pixels.shape[1], SLIDING)]
    expected = (
        field_string.decode(probabilities, field_string.field_format("number"), ALPHABET).best[0].probability
    )
    assert 1 - recognized.probability == pytest.approx(1 - expected, rel=1e-3)


def test_many_in_order_and_nothing_to_read() -> None:
    """Of different widths, more than are read at once, a blank one between."""
    pictures = [strip(1 + i % 5) for i in range(130)]
    pictures[70] = np.full((40, 90), 220, np.uint8)
    found = field_recognizer(infer(0.99), ALPHABET)(pictures)
    assert [one.text for i, one in enumerate(found) if i != 70] == ["42"] * 129
    assert (found[70].text, found[70].probability, found[70].confidence) == (
        "",
        0.0,
        pytest.approx(0, abs=1e-9),
    )
    assert found[70].problem.startswith("blank")
    assert field_recognizer(infer(0.99), ALPHABET)([]) == []


def test_calibrated_as_it_is_served() -> None:
    fitted = Confidence(0.5, -1.0)
    (found,) = field_recognizer(infer(0.99), ALPHABET, fitted)([strip(2)])
    assert found.confidence == pytest.approx(field_string.confidence(found.probability, fitted), rel=1e-6)
    assert found.confidence == float(str(np.float32(found.confidence)))
    assert calibrated([raw("1", 0.3)], None)[0].confidence == 0.3


def test_amounts_are_rejected_in_doubt() -> None:
    """As a number the digits are sure; as an amount nobody knows what 4.2 stands for."""
    network = infer(0.999, "4.2")
    (number,), (amount,) = (
        field_recognizer(network, ALPHABET)([strip(3)]),
        field_recognizer(network, ALPHABET, kind="amount")([strip(3)]),
    )
    assert number.problem is None
    assert amount.problem is not None


def test_right() -> None:
    labeled = fields(["1.250", "1250", "7"])
    found = [raw("1250"), raw("1250"), raw("1")]
    assert exact(found, labeled).tolist() == [True, True, False]
    assert exact_written(found, labeled).tolist() == [False, True, False]
    assert correct(found, labeled).tolist() == [False, True, False]
    assert exact_written([raw("1.250")], fields(["1,250"])).all()
    plain = fields(["1250"])
    assert correct([raw("1.250")], plain).all()  # labels without any marks say nothing about them


def test_marks_that_labels_leave_out_do_not_count() -> None:
    labeled = fields(["1250", "125"], written=["1,250", "125"])
    assert labeled.marks == ","
    assert exact_written([raw("1,250/-"), raw("125-")], labeled).all()
    assert not exact_written([raw("1250/-"), raw("12,5-")], labeled).any()
    with_closings = fields(["1250", "125"], written=["1,250/-", "125"])
    assert exact_written([raw("1.250/-"), raw("125-")], with_closings).tolist() == [True, False]


def test_an_amount_is_right_as_a_number() -> None:
    labeled = fields(["12550", "125", "125", "9"], amounts=["125.50", "125", "125", None])
    found = [
        raw("125.50", amount="125.5"), raw("125/-", amount="125.00"), raw("125", problem="unclear"), raw("9", amount="9"),
    ]  # fmt: skip
    assert amount_right(found, labeled).tolist() == [True, True, False, False]
    assert correct(found, labeled).tolist() == [True, True, False, True]


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=9))
def test_scores(rows: list[tuple[float, bool]]) -> None:
    found = [raw("1", 0.5, sure, problem="blank" if bad else None) for sure, bad in rows]
    assert scores(found).tolist() == [0.0 if bad else sure for sure, bad in rows]
    assert scores(found, [0.25] * len(rows)).tolist() == [0.0 if bad else 0.25 for _, bad in rows]


def test_read_decodes_a_few_at_a_time() -> None:
    labeled = fields([str(i % 10) for i in range(130)])
    sizes: list[int] = []

    def counting(pictures):
        sizes.append(len(pictures))
        return [raw(str((int(picture[0, 0]) - 150) % 10)) for picture in pictures]

    found = field_readings.recognize(counting, labeled)
    assert exact(found, labeled).all()
    assert sizes == [64, 64, 2]
