"""MICR lines: what is read, in which fields, how sure, and when it is not accepted."""

from __future__ import annotations

import functools
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.synthesis.micr_text import routing_number
from serving.decoding import ctc
from serving.decoding.thresholds import operating_point
from serving.errors import CheckreaderError
from serving.images.micr_line import normalize_micr_line
from serving.manifest import Confidence, Model, Tensor, Threshold
from serving.recognition import micr
from serving.recognition.fields import LocatedField
from serving.recognition.micr import MicrPrediction
from tests.support.micr_lines import LABELS, SLIDING, TEXT, steps_of, strip

MODEL = Model("1", "micr", Tensor("image", "FP32", [-1, 32, -1, 1]), [], labels=LABELS, sliding=SLIDING)
ANY = operating_point([Threshold(1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0)], 1.0)
ROUTING = TEXT.index("021000021")


def located(picture: np.ndarray, corner: tuple[int, int] = (0, 0)) -> LocatedField:
    height, width = picture.shape
    return LocatedField(normalize_micr_line(np.ascontiguousarray(picture)), 1, corner, (width, height))


def predicted(
    source: LocatedField, steps: np.ndarray, model: Model = MODEL, country: str = "auto", point=ANY
) -> MicrPrediction:
    return micr.predict(source, steps, micr.decode_line(source.field, steps, model), model, country, point)


@functools.cache
def printed(text: str) -> LocatedField:
    return located(strip(text))


def read(
    text: str = TEXT,
    rivals: dict[int, tuple[str, float]] | None = None,
    source: LocatedField | None = None,
    **options,
) -> MicrPrediction:
    source = source or printed(text)
    return predicted(source, steps_of(source.field, text, rivals), **options)


def test_line() -> None:
    line = read()
    assert (line.page, line.text, line.country) == (1, TEXT, "us")
    assert line.symbols == "⑈001234⑈ ⑆021000021⑆ 1234567⑈ 89"
    assert {name: field.text for name, field in line.fields.items()} == {
        "serial": "001234",
        "routing": "021000021",
        "account": "1234567",
        "transaction_code": "89",
    }
    assert (line.accepted, line.reason) == (True, None)
    assert msgspec.to_builtins(line.check_digit) == {"scheme": "aba", "valid": True}


@pytest.mark.parametrize("turned", [False, True])
def test_a_box_encloses_each_symbol(turned: bool) -> None:
    """In pixels of the whole picture, whose part was cropped, also where the line stands upside down."""
    module, margin, corner = 3.0, 14, (100, 50)
    picture = strip(module=module, margin=margin)
    height, width = picture.shape
    source = located(picture[::-1, ::-1] if turned else picture, corner)
    line = predicted(source, steps_of(source.field, TEXT))
    places = [place for place, symbol in enumerate(TEXT) if symbol != " "]
    assert len(line.boxes) == len(places)
    for place, (x, y, across, down) in zip(places, line.boxes, strict=True):
        glyph_right = margin + round(place * 9.615 * module) + 7 * module
        x, y = x - corner[0], y - corner[1]
        right, top = (width - x, height - y - down) if turned else (x + across, y)
        assert abs(right - glyph_right) <= 4
        assert margin - 4 <= top
        assert top + down <= margin + 9 * module + 4


def test_a_fields_confidence_is_its_own_symbols() -> None:
    account = TEXT.index("1234567")
    line = read(rivals={account: ("7", 0.2)})
    assert line.fields["account"].confidence == pytest.approx(0.8, abs=0.01)
    assert line.confidence == pytest.approx(0.8, abs=0.01)
    assert line.fields["routing"].confidence > 0.99


def test_confidences_are_calibrated() -> None:
    model = msgspec.structs.replace(MODEL, confidence=Confidence(1.0, -2.0))
    plain, calibrated = read(), read(model=model)
    assert calibrated.confidence < plain.confidence
    assert calibrated.fields["routing"].confidence < plain.fields["routing"].confidence


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.integers(0, len(TEXT) - 1), st.floats(0.01, 0.45), max_size=4))
def test_a_field_is_at_least_as_sure_as_the_line(doubts: dict[int, float]) -> None:
    line = read(rivals={place: ("D", doubt) for place, doubt in doubts.items() if TEXT[place] != " "})
    assert all(line.confidence <= field.confidence <= 1 for field in line.fields.values())


def test_a_failed_check_digit_is_not_accepted() -> None:
    text = TEXT.replace("021000021", "021000031")
    line = read(text)
    assert (line.text, line.accepted) == (text, False)
    assert msgspec.to_builtins(line.check_digit) == {"scheme": "aba", "valid": False}
    assert "check digit: " in (line.reason or "")


def test_a_correction_is_shown_and_not_accepted() -> None:
    """`valid` judges what was read without the rule."""
    text = TEXT.replace("021000021", "021000031")
    line = read(text, {ROUTING + 7: ("2", 0.3)})
    assert line.text == TEXT
    assert line.fields["routing"].text == "021000021"
    assert msgspec.to_builtins(line.check_digit) == {"scheme": "aba", "valid": False, "corrected_from": text}
    assert not line.accepted
    assert "less likely" in (line.reason or "")
    assert line.confidence == pytest.approx(0.3, abs=0.01)


def test_an_unlikely_string_corrects_nothing() -> None:
    text = TEXT.replace("021000021", "021000031")
    line = read(text, {ROUTING + 7: ("2", 0.01)})
    assert (line.text, line.check_digit) == (text, micr.MicrCheckDigit("aba", False))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 8), st.integers(1, 9), st.floats(0.0, 0.45))
def test_another_routing_digit_is_never_accepted(seed: int, place: int, shift: int, doubt: float) -> None:
    """Whether another string satisfies the check digit or not."""
    routing = routing_number(np.random.default_rng(seed))
    wrong = routing[:place] + str((int(routing[place]) + shift) % 10) + routing[place + 1 :]
    printed_line = printed("A021000021A 1234567C 89")
    line = read(f"A{wrong}A 1234567C 89", {1 + place: (routing[place], doubt)}, printed_line)
    assert not line.accepted
    assert line.check_digit is not None
    assert not line.check_digit.valid


def test_a_line_of_no_layout_is_read() -> None:
    line = read("A021000021A 12")
    assert (line.text, line.country, line.fields, line.accepted) == ("A021000021A 12", None, {}, False)
    assert "part of the line is missing" in (line.reason or "")


def test_a_country_is_held_to() -> None:
    assert read(country="us").accepted
    line = read(country="in")
    assert (line.country, line.accepted) == (None, False)
    with pytest.raises(CheckreaderError, match="got 'xx'"):
        read(country="xx")


def test_a_search_without_an_end_is_not_accepted() -> None:
    source = located(strip())
    steps = steps_of(source.field, TEXT)
    decoded = replace(micr.decode_line(source.field, steps, MODEL), exact=False)
    line = micr.predict(source, steps, decoded, MODEL, "auto", ANY)
    assert (line.accepted, line.reason) == (False, "unsure: too many strings are about as likely")


def test_a_doubt_about_the_picture_is_the_reason() -> None:
    source = located(strip())
    doubtful = replace(source, field=replace(source.field, doubt="two lines"))
    line = predicted(doubtful, steps_of(source.field, TEXT))
    assert (line.text, line.accepted, line.reason) == (TEXT, False, "two lines")


def test_unread_ink_is_not_accepted() -> None:
    source = located(strip())
    text = TEXT.replace("C 89", "C   ")
    line = predicted(source, steps_of(source.field, text))
    assert (line.accepted, line.reason) == (
        False,
        "ink beside the symbols that was not read: one may be missing",
    )


def test_confidence_below_the_threshold() -> None:
    point = operating_point([Threshold(0.02, 0.9, 0.0, 0.0, 0.02, 0.9, 180)])
    assert read(point=point).accepted
    line = read(rivals={TEXT.index("1234567"): ("7", 0.2)}, point=point)
    assert not line.accepted
    assert "below 0.9" in (line.reason or "")


def test_nothing_read() -> None:
    source = located(strip())
    steps = np.zeros((40, len(LABELS)), np.float32)
    steps[:, -1] = 1
    line = predicted(source, steps)
    assert (line.text, line.confidence, line.reason) == ("", 0.0, "no symbol read")
    blank = micr.unreadable(located(np.full((40, 300), 255, np.uint8)))
    assert (blank.text, blank.accepted, blank.reason) == ("", False, "blank: no ink found")


def test_decoding_gives_what_calibration_needs() -> None:
    source = located(strip())
    steps = steps_of(source.field, TEXT, {2: ("7", 0.2)})
    decoded = micr.decode_line(source.field, steps, MODEL)
    assert decoded.text == TEXT
    assert decoded.best[0].probability == pytest.approx(ctc.probability(steps, decoded.best[0].labels))
    assert len(decoded.places) == len(TEXT.replace(" ", ""))
    assert decoded.exact


@pytest.mark.parametrize(("probability", "is_read"), [(0.3, True), (0.01, False)])
def test_a_worn_symbol_is_read_where_the_network_sees_one(probability: float, is_read: bool) -> None:
    """Its ink stands between two symbols; that none is there is likelier."""
    place = TEXT.index("1234567") + 3
    whole = steps_of(printed(TEXT).field, TEXT)
    steps = whole.copy()
    changed = (
        whole[:, :-1] != steps_of(printed(TEXT).field, TEXT[:place] + " " + TEXT[place + 1 :])[:, :-1]
    ).any(1)
    steps[changed] = 0
    steps[changed, LABELS.index(TEXT[place])] = probability
    steps[changed, -1] = 1 - probability
    line = predicted(printed(TEXT), steps)
    assert (line.text.replace(" ", "") == TEXT.replace(" ", "")) is is_read
    assert line.confidence < 1.5 * probability or not is_read
    assert is_read or not line.accepted


def test_ink_that_is_not_there_is_no_worn_symbol() -> None:
    text = TEXT.replace("C 89", "C  9")
    source = located(strip(text))
    steps = steps_of(source.field, text)
    before = steps_of(source.field, text).argmax(1) != len(LABELS) - 1
    blank = np.flatnonzero(before)[-2] + 6
    steps[blank, -1] = 0.7
    steps[blank, LABELS.index("8")] = 0.3
    assert predicted(source, steps).text.replace(" ", "") == text.replace(" ", "")


def test_other_models_are_refused() -> None:
    assert micr.require_micr("lenet5-micr", MODEL) == SLIDING
    with pytest.raises(CheckreaderError, match="'lenet5-field' does not read MICR lines"):
        micr.require_micr("lenet5-field", msgspec.structs.replace(MODEL, task="field"))
