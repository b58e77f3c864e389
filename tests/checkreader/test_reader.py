from __future__ import annotations

import dataclasses
import doctest
import io
import json
import re
import runpy
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import checkreader
from checkreader.reader import Reader
from serving.cli.main import main
from serving.cli.renamed import VARIABLES
from tests.support.paths import ROOT
from tests.support.tiny import amount, damaged_page, png, tiff

GOLDEN = ROOT / "models" / "golden"
CASE = ROOT / "tests" / "cases" / "g4-2pages.tif"


@pytest.fixture(scope="module")
def reader() -> Reader:
    """The released models."""
    return checkreader.open(ROOT / "models")


@pytest.fixture(scope="module")
def tiny(models: Path) -> Reader:
    """The tests' models, whose field network reads printed amounts."""
    return checkreader.open(models)


def test_every_form_of_a_picture_is_read_alike(reader: Reader) -> None:
    path = GOLDEN / "7a.png"
    image = Image.open(path)
    expected = reader.digit(path)
    assert (expected.digit, expected.accepted, expected.reason) == (7, True, None)
    for form in (str(path), path.read_bytes(), np.asarray(image), image, image.convert("CMYK")):
        assert reader.digit(form) == expected
    rgb = np.asarray(image.convert("RGB"))
    assert reader.digit(rgb) == expected
    assert reader.digit(np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])) == expected


def test_a_list_is_read_in_its_order(reader: Reader) -> None:
    results = reader.digit([GOLDEN / f"{digit}a.png" for digit in range(10)])
    assert [result.digit for result in results] == list(range(10))
    assert results[3] == reader.digit(GOLDEN / "3a.png")
    assert reader.digit((GOLDEN / "1a.png",)) == [reader.digit(GOLDEN / "1a.png")]
    assert reader.digit([]) == reader.amount([]) == []


def test_it_says_what_the_command_says(reader: Reader, capsys: pytest.CaptureFixture[str]) -> None:
    picture, field = str(GOLDEN / "5b.png"), str(GOLDEN / "field-b.png")
    assert main(["classify", "--models", str(ROOT / "models"), "--json", picture]) == 0
    answer = json.loads(capsys.readouterr().out)
    (digit,) = answer["digits"]
    digit.pop("file")
    about = {key: answer[key] for key in ("model", "max_error", "applied_max_error")}
    assert reader.digit(picture).to_dict() == {**about, **digit}
    options = ["--models", str(ROOT / "models"), "--json", "--max-error", "0.05"]
    assert main(["read", *options, field]) == 0
    answer = json.loads(capsys.readouterr().out)
    (amount,) = answer["fields"]
    amount.pop("file")
    assert amount.pop("date") is None
    about = {key: answer[key] for key in ("model", "max_error", "applied_max_error")}
    assert reader.amount(field, max_error=0.05).to_dict() == {**about, **amount}


def test_the_default_is_the_smallest_certified_bound(reader: Reader) -> None:
    """The released field models certify 2, 3 and 5 %: without max_error nothing was accepted."""
    digit, field = reader.digit(GOLDEN / "7a.png"), reader.amount(GOLDEN / "field-b.png")
    assert (digit.max_error, digit.applied_max_error, digit.accepted) == (0.01, 0.005, True)
    assert (field.max_error, field.applied_max_error, field.accepted) == (0.02, 0.02, True)
    assert reader.digit(GOLDEN / "7a.png", max_error=0.01) == digit
    assert reader.amount(GOLDEN / "field-b.png", max_error=0.02) == field


def test_below_what_is_certified_all_is_read_and_nothing_accepted(reader: Reader) -> None:
    digit = reader.digit(GOLDEN / "7a.png", max_error=0.0005)
    assert (digit.digit, digit.accepted, digit.applied_max_error) == (7, False, None)
    assert (
        digit.reason
        == "nothing is accepted: this model certifies max_error 0.001, 0.002 and 0.005, none as low as 0.0005"
    )
    amount = reader.amount(GOLDEN / "field-b.png", max_error=0.01)
    assert (amount.text, amount.accepted, amount.applied_max_error) == ("65000", False, None)
    assert (
        amount.reason
        == "nothing is accepted: this model certifies max_error 0.02, 0.03 and 0.05, none as low as 0.01"
    )


def test_amount_is_a_decimal(tiny: Reader) -> None:
    result = tiny.amount(amount("12.50"), max_error=0.5)
    assert (result.raw, result.text, result.amount) == ("12.50", "1250", Decimal("12.50"))
    assert result.digits[0].digit == 1
    assert str(result).startswith("12.50 (12.50, confidence ")
    assert json.loads(json.dumps(result.to_dict()))["amount"] == "12.50"
    doubtful = tiny.amount(amount("12.5"), max_error=0.5)
    assert (doubtful.amount, doubtful.accepted) == (None, False)


def test_number_under_a_scheme(tiny: Reader) -> None:
    result = tiny.number(png(amount("4258")), scheme="luhn", length=4)
    assert result.check_digit is not None
    assert result.check_digit.scheme == "luhn"
    assert not hasattr(result, "amount")


def test_a_list_has_a_result_for_each_page(tiny: Reader, tmp_path: Path) -> None:
    scan = tmp_path / "scan.tif"
    scan.write_bytes(tiff(amount("12.50"), amount("4258")))
    results = tiny.amount([scan, amount("1.250"), scan.read_bytes()])
    assert [(result.page, result.raw) for result in results] == [
        (1, "12.50"),
        (2, "4258"),
        (1, "1.250"),
        (1, "12.50"),
        (2, "4258"),
    ]
    assert [result.page for result in tiny.number((scan,))] == [1, 2]
    assert [result.page for result in tiny.digit([CASE])] == [1, 2]
    assert results[0].to_dict()["page"] == 1


@pytest.mark.parametrize("method", ["digit", "amount", "number", "date"])
def test_no_page_is_dropped_without_a_word(tiny: Reader, method: str) -> None:
    read = getattr(tiny, method)
    for picture, name in ((CASE, re.escape(str(CASE))), (CASE.read_bytes(), "the picture")):
        message = rf"^{name} has 2 pages: pass a list, reader\.{method}\(\[…\]\), to read them all$"
        with pytest.raises(checkreader.Error, match=message):
            read(picture)


def test_an_image_is_one_page(tiny: Reader) -> None:
    """Of an image that PIL has opened, the frame that it is at."""
    image = Image.open(io.BytesIO(tiff(amount("12.50"), amount("4258"))))
    image.seek(1)
    (result,) = tiny.amount([image])
    assert (result.page, result.raw) == (1, "4258")
    assert tiny.amount(image) == result
    assert tiny.amount(np.asarray(image)) == result


def test_an_error_names_the_page(tiny: Reader) -> None:
    scan = damaged_page(amount("12.50"), amount("4258"), amount("1.250"))
    with pytest.raises(checkreader.Error, match=r"^picture 2 of 2: page 2 of 3: damaged TIFF picture"):
        tiny.amount([amount("12.50"), scan])


def test_crop_reads_a_part(reader: Reader) -> None:
    sheet = np.full((200, 300), 255, np.uint8)
    digit = np.asarray(Image.open(GOLDEN / "6a.png").convert("L"))
    height, width = digit.shape
    sheet[50 : 50 + height, 20 : 20 + width] = digit
    result = reader.digit(sheet, crop=(20, 50, width, height))
    assert result.digit == 6


def test_results_are_frozen(reader: Reader) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        reader.digit(GOLDEN / "7a.png").digit = 1  # type: ignore[misc]
    assert str(reader.digit(GOLDEN / "7a.png")) == "7 (confidence 0.999, accepted)"
    assert repr(reader) == f"checkreader.Reader({str(ROOT / 'models')!r})"


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        ("nowhere.png", "nowhere.png: No such file or directory"),
        (b"no picture", "not a picture: expected PNG"),
        (np.zeros((4, 4), np.float64), "an array of float64: expected uint8"),
        (np.zeros((4, 4, 2), np.uint8), r"an array of shape \[4, 4, 2\]"),
        (np.zeros((0, 4), np.uint8), r"an array of shape \[0, 4\]"),
        (7, "expected a path, bytes, a NumPy array or a PIL image, got int"),
        (["nowhere.png"], "picture 1 of 1: nowhere.png"),
        ([GOLDEN / "7a.png", b"?"], "picture 2 of 2: not a picture"),
        ([GOLDEN / "7a.png", 3], "picture 2 of 2: not a picture"),
    ],
)
def test_mistakes_are_one_line(reader: Reader, picture: object, message: str) -> None:
    with pytest.raises(checkreader.Error, match=message) as error:
        reader.digit(picture)  # type: ignore[call-overload]
    assert "\n" not in str(error.value)


def test_mistakes_of_options(reader: Reader, tmp_path: Path) -> None:
    path = GOLDEN / "7a.png"
    with pytest.raises(checkreader.Error, match="max_error must be above 0"):
        reader.digit(path, max_error=0)
    with pytest.raises(checkreader.Error, match="model 'lenet5-field' does not read digits"):
        reader.digit(path, model="lenet5-field")
    with pytest.raises(checkreader.Error, match="does not lie inside"):
        reader.digit(path, crop=(0, 0, 10_000, 1))
    with pytest.raises(checkreader.Error, match="unknown model 'lenet6'"):
        reader.digit(path, model="lenet6")
    with pytest.raises(checkreader.Error, match="does not read fields"):
        reader.amount(path, model="lenet5")
    with pytest.raises(checkreader.Error, match="locale"):
        reader.amount(path, locale="xx")
    with pytest.raises(checkreader.Error, match="no models in"):
        checkreader.open(tmp_path)


def test_a_pil_image_with_16_bits(reader: Reader) -> None:
    gray = np.asarray(Image.open(GOLDEN / "2a.png").convert("L"))
    image = Image.fromarray(gray.astype(np.uint16) << 8)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    assert reader.digit(image) == reader.digit(buffer.getvalue())


def test_doctests_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    outcome = doctest.testmod(checkreader)
    assert outcome.attempted >= 5
    assert outcome.failed == 0


def test_the_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(ROOT / "examples" / "python" / "read.py"), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "path  7 (confidence 0.999, accepted)"
    assert lines[-1] == "error nowhere.png: No such file or directory"


def test_a_variable_of_the_old_name_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    (old,) = (name for name in VARIABLES if name.endswith("_MODELS"))
    monkeypatch.setenv(old, str(ROOT / "models"))
    with pytest.raises(checkreader.Error, match=r"is now \$CHECKREADER_MODELS"):
        checkreader.open()
