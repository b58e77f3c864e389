"""Whole fields: what is read, where, how sure, and when not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from pipeline.evaluation.lights import add_margin
from serving.decoding.alphabet import DIGITS, EITHER, Alphabet, manifest_labels
from serving.decoding.field_string import FieldFormat, field_format
from serving.decoding.thresholds import OperatingPoint, operating_point
from serving.images import sliding_window
from serving.images.field import HEIGHT, Field
from serving.manifest import Confidence, Model, Sliding, Tensor, Threshold
from serving.recognition import fields
from serving.recognition.field_recognizer import FieldRecognizer, field_recognizer
from serving.recognition.fields import LocatedField
from serving.repository.store import Repository
from tests.support.paths import ROOT
from tests.support.tiny import SLIDING, amount, png

LABELS = manifest_labels(Alphabet(DIGITS + EITHER))
ANY = operating_point([Threshold(1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0)], 1.0)


@pytest.fixture(scope="module")
def reader(models):
    """Makes a `FieldRecognizer` from what `field_format` takes."""
    loaded = Repository.open(models).load("lenet5-field")

    def make(max_error: float = 0.01, crop=None, **options) -> FieldRecognizer:
        return field_recognizer(
            loaded.name, loaded.model, loaded.network, field_format(**options), max_error, crop
        )

    return make


def read(reader, picture: Image.Image | bytes, **options):
    (reading,) = reader(**options)([picture if isinstance(picture, bytes) else png(picture)])
    return reading


def test_amount(reader) -> None:
    reading = read(reader, amount("1250.50"))
    assert (reading.text, reading.raw, reading.amount) == ("125050", "1250.50", "1250.50")
    assert (reading.accepted, reading.reason, reading.check_digit) == (True, None, None)
    assert [digit.digit for digit in reading.digits] == [1, 2, 5, 0, 5, 0]
    assert all(0.5 < digit.probability <= 1 for digit in reading.digits)


def test_ink_that_was_not_read_is_not_accepted(reader) -> None:
    """A stroke as tall as a digit, apart from all digits, that the network says nothing of."""
    picture = amount("1250")
    height = picture.height
    wider = Image.new("L", (picture.width + 3 * height, height), 255)
    wider.paste(picture)
    sure = read(reader, wider)
    assert (sure.text, sure.accepted) == ("1250", True)
    network = reader(max_error=0.01).network
    field = fields.normalize_pictures([png(picture)])[0]
    ((_, image),) = sliding_window.place([field.field], SLIDING, SLIDING.slants)
    output = network.infer(image)
    output[..., :] = np.where(np.arange(12) == 11, 1.0, 0.0)  # nothing read, but for a 7 in the first column
    output[:, 0] = np.where(np.arange(12) == 7, 1.0, 0.0)
    output[:, 4] = np.where(np.arange(12) == 7, 1.0, 0.0)
    model = reader().model
    prediction = predicted_from(field, output, model, field_format("number"), ANY)
    assert (prediction.text, prediction.accepted) == ("77", False)
    assert prediction.reason == "ink beside the digits that was not read: one may be missing"


def test_thousands_are_no_cents(reader) -> None:
    assert read(reader, amount("1.250")).amount == "1250"
    assert read(reader, amount("12.50")).amount == "12.50"


def test_doubt_about_the_decimal_point_is_not_accepted(reader) -> None:
    reading = read(reader, amount("12.5"), max_error=0.1)
    assert (reading.raw, reading.amount, reading.accepted) == ("12.5", None, False)
    assert reading.reason.startswith("unclear amount")


def test_a_number_is_no_amount(reader) -> None:
    reading = read(reader, amount("0012.5"), kind="number")
    assert (reading.text, reading.raw, reading.amount, reading.accepted) == ("00125", "0012.5", None, True)


def ink_boxes(picture: Image.Image) -> list[tuple[int, int, int, int]]:
    """x, y, width and height of each stretch of columns with ink."""
    ink = np.asarray(picture) < 128
    edges = np.flatnonzero(np.diff(ink.any(0), prepend=False, append=False)).reshape(-1, 2)
    boxes = []
    for start, stop in edges.tolist():
        rows = np.flatnonzero(ink[:, start:stop].any(1))
        boxes.append((start, int(rows[0]), stop - start, int(rows[-1] - rows[0]) + 1))
    return boxes


def overlap(box, other) -> float:
    """Intersection over union."""
    sides = [
        max(0, min(a + length_a, b + length_b) - max(a, b))
        for a, b, length_a, length_b in zip(box[:2], other[:2], box[2:], other[2:], strict=True)
    ]
    both = sides[0] * sides[1]
    return both / (box[2] * box[3] + other[2] * other[3] - both)


@pytest.mark.parametrize("crop", [None, (7, 3, 240, 50)])
@pytest.mark.parametrize("upright", [True, False])
def test_boxes_of_a_fax_are_in_its_pixels(reader, upright: bool, crop) -> None:
    """Its rows, or columns, are half as many as they should be; crop and boxes count them as they are."""
    picture = amount("125050", 120)
    picture = picture.crop((0, 0, 2 * (picture.width // 2), 120))
    size = (picture.width, 60) if upright else (picture.width // 2, 120)
    fax = picture.resize(size, Image.Resampling.BOX)
    dpi = (200, 100) if upright else (100, 200)
    if crop:
        crop = (7, 3, size[0] - 9, size[1] - 5)
    reading = read(reader, png(fax, dpi=dpi), crop=crop)
    assert reading.text == "125050"
    for digit, box in zip(reading.digits, ink_boxes(fax), strict=True):
        assert overlap(digit.box, box) > 0.7


def test_boxes_stand_around_the_digits(reader) -> None:
    picture = amount("4250")
    reading = read(reader, picture)
    assert reading.text == "4250"
    for digit, box in zip(reading.digits, ink_boxes(picture), strict=True):
        assert overlap(digit.box, box) > 0.75


def test_crop(reader) -> None:
    picture = amount("4250.75")
    scan = Image.new("L", (700, 300), 90)
    scan.paste(picture, (333, 111))
    plain = read(reader, picture)
    cropped = read(reader, scan, crop=(333, 111, picture.width, picture.height))
    assert plain.text == cropped.text == "425075"
    moved = [(digit.box[0] + 333, digit.box[1] + 111, *digit.box[2:]) for digit in plain.digits]
    assert [digit.box for digit in cropped.digits] == moved


@pytest.mark.parametrize(
    ("text", "options", "check", "reason"),
    [
        ("021000021", {"scheme": "aba"}, True, None),
        ("021000022", {"scheme": "aba"}, True, "the check digit (aba)"),
        ("4258", {"kind": "number", "length": 4}, None, None),
        ("4258", {"kind": "number", "length": 5}, None, "the length of 5 digits"),
    ],
)
def test_rules(reader, text: str, options: dict, check: bool | None, reason: str | None) -> None:
    reading = read(reader, amount(text), **options)
    assert (reading.check_digit and reading.check_digit.valid) == check
    if reason is None:
        assert (reading.text, reading.accepted) == (text, True)
    else:
        assert reading.text != text
        assert not reading.accepted
        assert reason in reading.reason


def predicted(
    probabilities: np.ndarray,
    expected: FieldFormat,
    model: Model | None = None,
    point: OperatingPoint = ANY,
    cells: int = 0,
) -> fields.FieldPrediction:
    """Predicts from made-up steps."""
    steps = len(probabilities)
    sliding = Sliding(HEIGHT, 8, 1, 4, 4, 8)
    pixels = np.full((HEIGHT, steps - 1), 255, np.uint8)
    field = Field(pixels, np.eye(2, 3), None, cells=((0.0, 1.0),) * cells)
    model = model or Model(
        "1", "field", Tensor("image", "FP32", [-1, HEIGHT, -1, 1]), [], labels=LABELS, sliding=sliding
    )
    return predicted_from(
        LocatedField(field, 1, (0, 0), (steps, HEIGHT)), probabilities[None], model, expected, point
    )


def predicted_from(
    source: LocatedField, steps: np.ndarray, model: Model, expected: FieldFormat, point: OperatingPoint
) -> fields.FieldPrediction:
    """Predicts from the steps of all views; those beyond the field's are left out."""
    assert model.sliding is not None
    steps = steps[:, : sliding_window.steps(source.field.pixels.shape[1], model.sliding)]
    decoded = fields.decode_field(source, steps, model, expected)
    return fields.predict(source, steps, decoded, model, expected, point)


def steps_of(text: str, sure: float = 0.99) -> np.ndarray:
    labels = [label for symbol in text for label in (11, "0123456789.".index(symbol))]
    rows = np.full((len(labels) + 1, 12), (1 - sure) / 11, np.float32)
    rows[np.arange(len(rows)), [*labels, 11]] = sure
    return rows


def test_what_cannot_keep_the_rules_is_shown_and_not_accepted() -> None:
    reading = predicted(steps_of("471"), field_format("number", length=20))
    assert (reading.text, reading.accepted) == ("471", False)
    assert (
        reading.reason == "no number that fits keeps the length of 20 digits: the likeliest string is shown"
    )
    assert predicted(steps_of("471"), field_format(scheme="aba", length=9)).check_digit.valid is False


def test_a_number_has_as_many_digits_as_its_comb_has_cells() -> None:
    steps = steps_of("471")
    steps[3] = [*[0.01] * 7, 0.46, *[0.01] * 3, 0.44]  # the seven is as likely as nothing
    steps[3] /= steps[3].sum()
    assert predicted(steps, field_format("number")).text == "471"
    assert predicted(steps, field_format("number"), cells=2).text == "41"
    assert predicted(steps, field_format("number", length=3), cells=2).text == "471"
    assert predicted(steps, field_format("amount"), cells=2).text == "471"
    assert predicted(steps, field_format("number"), cells=30).text == "471"  # no string is as long
    assert predicted(steps, field_format("number"), cells=400).text == "471"  # no number is
    assert (
        predicted(steps, field_format("number", scheme="aba"), cells=2).text != "41"
    )  # a routing number has nine digits


def test_only_separators_are_nothing() -> None:
    reading = predicted(steps_of(".."), field_format())
    assert (reading.text, reading.raw, reading.confidence) == ("", "", 0)
    assert (reading.accepted, reading.reason) == (False, "no digit read")


def test_an_unfinished_search_is_not_accepted() -> None:
    rows = np.random.default_rng(0).random((150, 12), np.float32)
    reading = predicted(rows / rows.sum(1, keepdims=True), field_format("number"))
    assert not reading.accepted
    assert reading.reason == "unsure: too many strings are about as likely"


def test_a_separator_that_is_missed_is_another_amount() -> None:
    """12.50 and 1250 share their digits: what one has, the other lacks."""
    rows = steps_of("12.50", 0.999)
    rows[5] = 0
    rows[5, [10, 11]] = 0.9, 0.1
    reading = predicted(rows, field_format())
    assert (reading.raw, reading.amount, reading.accepted) == ("12.50", None, False)
    assert "1250" in reading.reason


@pytest.mark.parametrize(
    ("raw", "text", "amount"),
    [
        ("125xx/100", "125", "125"),
        ("125.50/100", "12550", "125.50"),
        ("-1,250/-", "1250", "1250"),
        ("12-50/10", "125010", None),
    ],
)
def test_digits_are_those_of_the_value(raw: str, text: str, amount: str | None) -> None:
    """`raw` keeps everything; where there is a doubt, all digits are kept."""
    alphabet = Alphabet(f"{DIGITS}.,/-x")
    labels = [label for symbol in raw for label in (15, alphabet.symbols.index(symbol))]
    rows = np.full((len(labels) + 1, 16), 1e-5, np.float32)
    rows[np.arange(len(rows)), [*labels, 15]] = 1 - 15e-5
    sliding = Sliding(HEIGHT, 8, 1, 4, 4, 8)
    tensor = Tensor("image", "FP32", [-1, HEIGHT, -1, 1])
    model = Model("1", "field", tensor, [], labels=manifest_labels(alphabet), sliding=sliding)
    reading = predicted(rows, field_format(), model)
    assert (reading.raw, reading.text, reading.amount) == (raw, text, amount)
    assert "".join(str(digit.digit) for digit in reading.digits) == text


FIVE = [Threshold(0.05, 0.9, 0.03, 0.02, 0.04, 0.5, 400)]


@pytest.mark.parametrize("max_error", [None, 0.05, 0.3])
def test_a_certified_bound_accepts(max_error: float | None) -> None:
    """Left out it is the smallest certified one, up to 5 %: until now no field was accepted then."""
    reading = predicted(steps_of("47", 0.999), field_format("number"), point=operating_point(FIVE, max_error))
    assert (reading.accepted, reading.reason) == (True, None)


def test_below_what_is_certified_everything_is_read_and_nothing_accepted() -> None:
    reading = predicted(steps_of("47", 1.0), field_format("number"), point=operating_point(FIVE, 0.01))
    assert (reading.text, reading.confidence, reading.accepted) == ("47", 1.0, False)
    assert reading.reason == "nothing is accepted: this model certifies max_error 0.05, none as low as 0.01"


def test_a_model_without_a_certified_bound_reads_and_accepts_nothing() -> None:
    reading = predicted(steps_of("47", 1.0), field_format("number"), point=operating_point([]))
    assert (reading.text, reading.accepted) == ("47", False)
    assert reading.reason == "nothing is accepted: this model certifies no error bound"


def test_alternatives() -> None:
    rows = steps_of("47", 1.0)
    rows[3] = 0
    rows[3, [7, 1]] = 0.75, 0.25
    reading = predicted(rows, field_format("number"))
    assert [(other.raw, other.probability) for other in reading.alternatives] == [("41", 0.25)]
    assert reading.confidence == 0.75


def test_confidence_is_the_calibrated_probability() -> None:
    sliding = Sliding(HEIGHT, 8, 1, 4, 4, 8)
    tensor = Tensor("image", "FP32", [-1, HEIGHT, -1, 1])
    model = Model("1", "field", tensor, [], labels=LABELS, sliding=sliding, confidence=Confidence(0.5, -1.0))
    rows = steps_of("47", 1.0)
    rows[3] = 0
    rows[3, [7, 1]] = 0.75, 0.25
    assert predicted(rows, field_format("number"), model).confidence == pytest.approx(
        1 / (1 + math.exp(-(0.5 * math.log(3) - 1)))
    )


def check(width: int, height: int) -> Image.Image:
    """A whole check, drawn with a font: name, date, payee, amount in figures and words, bank, codes."""
    picture = Image.new("L", (width, height), 225)
    draw = ImageDraw.Draw(picture)
    lines = [
        (0.05, 0.08, "Jane Q. Public, 12 Elm Street"),
        (0.7, 0.16, "Date 11/24/2019"),
        (0.05, 0.36, "Pay to the order of John Doe"),
        (0.78, 0.36, "$ 1,250.50"),
        (0.05, 0.5, "One thousand two hundred fifty and 50/100"),
        (0.05, 0.66, "First Bank of Somewhere"),
        (0.6, 0.78, "Jane Public"),
        (0.08, 0.9, "A021000021A 123456789C 1025"),
    ]
    font = ImageFont.load_default(height * 0.06)
    for x, y, text in lines:
        draw.text((x * width, y * height), text, 40, font=font, anchor="lm")
    return picture


@pytest.mark.parametrize("size", [(600, 270), (1400, 620), (2400, 1060)])
@pytest.mark.parametrize("margin", [0, 0.2])
def test_a_whole_check_is_named_and_not_accepted(reader, size: tuple[int, int], margin: float) -> None:
    page = Image.fromarray(add_margin(np.asarray(check(*size)), margin))
    reading = read(reader, page, max_error=0.05)
    assert (reading.accepted, reading.reason) == (False, fields.WHOLE_PAGE)
    assert "crop=x,y,width,height" in fields.WHOLE_PAGE


@pytest.mark.parametrize("margin", [0, 0.4])
@pytest.mark.parametrize("scale", [1, 4])
def test_a_field_is_no_page(reader, margin: float, scale: int) -> None:
    picture = amount("1250.50")
    picture = picture.resize((picture.width * scale, picture.height * scale))
    reading = read(reader, Image.fromarray(add_margin(np.asarray(picture), margin)))
    assert reading.reason != fields.WHOLE_PAGE


def test_a_shadow_is_no_digit() -> None:
    """A 4 in whose picture a shadow falls was accepted as 41."""
    picture = (ROOT / "tests/cases/field-4-shadow-read-as-41.png").read_bytes()
    for name in ("lenet5-field", "lenet5-field-int8"):
        loaded = Repository.open().load(name)
        for kind in ("number", "amount"):
            recognizer = field_recognizer(name, loaded.model, loaded.network, field_format(kind), 0.05)
            assert recognizer([picture])[0].text == "4"
