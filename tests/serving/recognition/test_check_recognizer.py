"""Whole checks from picture to prediction, by a layout and by a finder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from serving.errors import CheckreaderError
from serving.images.check_paper import Paper
from serving.images.perspective import picture_corners
from serving.recognition import check_recognizer, located_check
from serving.recognition.check_format import CheckFormat
from serving.recognition.check_locator import Located
from serving.recognition.check_recognizer import CheckRecognizer
from serving.repository import check_models
from serving.repository.store import Repository
from tests.support.tiny import png, tiff
from tests.support.whole_checks import (
    AMOUNT,
    ENCODED,
    HEIGHT,
    LINE,
    NUMBER,
    WIDTH,
    check,
    layout,
    layout_text,
    on_a_table,
)

TABLE = [(100.0, 80.0), (1500.0, 130.0), (1480.0, 760.0), (90.0, 700.0)]


@pytest.fixture(autouse=True)
def paper(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check is the whole picture, or lies where `TABLE` says."""

    def find_paper(pixels: np.ndarray) -> Paper:
        whole = pixels.shape == (HEIGHT, WIDTH)
        return Paper(picture_corners(pixels.shape) if whole else np.array(TABLE), None)

    monkeypatch.setattr(located_check, "find_paper", find_paper)


@pytest.fixture
def recognizer(micr_models: Path) -> CheckRecognizer:
    return loaded(micr_models, layout=layout_text())


def loaded(folder: Path, **known) -> CheckRecognizer:
    repository, expected = Repository.open(folder), CheckFormat(**known)
    return check_models.load(repository, check_models.choose(repository, expected), expected)


def test_a_check_is_read(recognizer: CheckRecognizer) -> None:
    (read,) = recognizer([png(check())])
    fields = read.fields
    assert (read.accepted, read.reasons) == (True, [])
    assert (fields.amount.amount, fields.micr.text, fields.check_number.text) == (AMOUNT, LINE, NUMBER)
    assert fields.date.date == "2019-11-24"
    assert fields.micr.fields["serial"].text == "001234"
    assert fields.words is None
    assert (fields.amount.max_error, fields.micr.max_error) == (0.01, 0.02)
    assert (read.max_error, read.applied_max_error) == (0.03, 0.03)


@pytest.mark.parametrize("name", ["amount", "micr", "check_number", "date"])
@pytest.mark.parametrize("turned", [False, True])
def test_boxes_are_in_the_picture(recognizer: CheckRecognizer, name: str, turned: bool) -> None:
    sheet = check().rotate(180) if turned else check()
    seen = on_a_table(sheet, TABLE, (1600, 850))
    (read,) = recognizer([png(Image.fromarray(seen))])
    assert read.fields.micr.text == LINE
    field = getattr(read.fields, name)
    x, y, width, height = field.box
    symbols = field.boxes if name == "micr" else [digit.box for digit in field.digits]
    assert symbols
    for left, top, across, down in symbols:
        assert x - 3 <= left < left + across <= x + width + 3
        assert y - 3 <= top < top + down <= y + height + 3
        assert seen[top : top + down, left : left + across].min() < 100
    centers = [left + across / 2 for left, _, across, _ in symbols]
    assert centers == sorted(centers, reverse=turned)


def test_several_checks_have_their_own_answers(recognizer: CheckRecognizer) -> None:
    blank = Image.new("L", (WIDTH, HEIGHT), 255)
    pages = recognizer([tiff(check(), blank), png(check(written="1234.50", number="", line=""))])
    assert [read.page for read in pages] == [1, 2, 1]
    assert pages[0] == recognizer([png(check())])[0]
    assert pages[1].reasons[0] == "amount: blank: no ink found"
    assert pages[1].reasons[1].startswith("no MICR line found, as on the back of a check")
    assert pages[2].fields.amount.amount == "1234.50"
    assert not pages[2].accepted


def test_contradictions_are_reasons(micr_models: Path) -> None:
    read = loaded(micr_models, layout=layout_text(line=ENCODED))
    assert read([png(check(line=ENCODED))])[0].accepted
    (other,) = read([png(check(written="4250.15", line=ENCODED))])
    assert "amounts differ: 4250.15 is written, and the MICR line says 4250.75" in other.reasons
    (other,) = read([png(check(number="1284", line=ENCODED))])
    assert other.reasons == ["check numbers differ: 1284 is printed, and the MICR line says 001234"]


@pytest.mark.parametrize(
    ("locale", "written", "accepted"),
    [
        ("us", "4250", False),
        ("en", "4250", False),
        ("in", "4250", True),
        (None, "4250", True),
        ("us", "4250.75", True),
    ],
)
def test_an_american_amount_has_cents(
    micr_models: Path, locale: str | None, written: str, accepted: bool
) -> None:
    """They may be raised or underlined, and taken for hundreds."""
    (read,) = loaded(micr_models, layout=layout_text(), locale=locale)([png(check(written=written))])
    amount = read.fields.amount
    assert (amount.amount, amount.accepted, read.accepted) == (written, accepted, accepted)
    if not accepted:
        assert amount.reason == "unclear amount: no sign tells its cents, it may be 42.50"
        assert read.reasons == [f"amount: {amount.reason}"]


def test_a_window_for_the_date(micr_models: Path) -> None:
    (read,) = loaded(micr_models, layout=layout_text(), after="2019-11-24", order="dmy")([png(check())])
    assert read.accepted
    (read,) = loaded(micr_models, layout=layout_text(), after="2019-11-25", order="dmy")([png(check())])
    assert not read.accepted
    assert [reason.partition(":")[0] for reason in read.reasons] == ["date"]


def test_reasons_give_no_advice_that_checks_cannot_take(recognizer: CheckRecognizer) -> None:
    sheet = check(line="")
    line = check().crop((0, 540, WIDTH, 578))
    sheet.paste(line.crop((0, 0, WIDTH, 30)), (0, 515))
    sheet.paste(line, (0, 548))
    (read,) = recognizer([png(sheet)])
    assert "crop" not in " ".join(read.reasons)


def test_the_finder_is_asked_where_no_layout_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def locate(flat: np.ndarray, infer: object) -> Located:
        calls.append((flat.shape, infer))
        return Located(False, layout("amount"), {"amount": 0.5})

    def infer(image: np.ndarray) -> np.ndarray:
        raise AssertionError

    monkeypatch.setattr(check_recognizer, "locate", locate)
    located = check_recognizer.locator(CheckFormat(), infer)(np.asarray(check()))
    assert located.scores == {"amount": 0.5}
    assert calls == [((HEIGHT, WIDTH), infer)]
    by_layout = check_recognizer.locator(CheckFormat(layout=layout_text()), infer)(np.asarray(check()))
    assert by_layout.scores == {}
    assert len(calls) == 1


def test_a_damaged_picture_is_refused(recognizer: CheckRecognizer) -> None:
    with pytest.raises(CheckreaderError, match="picture 2 of 2: not a picture"):
        recognizer([png(check()), b"none"])
