"""Pictures that are no field, and questions that make no sense: a reason or a 4xx, never an accepted amount."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont, ImageOps

from tests.hostile.test_pictures import FORM, error, part
from tests.support.tiny import amount, png

FIELD = amount("12.50")


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ("kind=word", 400, "kind must be one of amount, number, date, got 'word'"),
        ("kind=", 400, "kind must be one of"),
        ("kind=Amount", 400, "kind must be one of"),
        ("scheme=", 400, "scheme must be one of aba, luhn, mod97"),
        ("scheme=isbn", 400, "scheme must be one of"),
        ("scheme=aba&kind=amount", 400, "an amount has no check digit"),
        ("scheme=aba&length=8", 400, "no number of 8 digits"),
        ("length=0", 400, "length must be between 1 and"),
        ("length=-4", 400, "length must be between 1 and"),
        ("length=999999999", 400, "length must be between 1 and"),
        ("length=1" + "0" * 5000, 400, "length must be a whole number"),
        ("length=4.0", 400, "length must be a whole number"),
        ("length= 4", 400, "length must be a whole number"),
        ("length=%D9%A4", 400, "length must be a whole number"),
        ("locale=xx", 400, "locale must be one of"),
        ("locale=de&kind=number", 400, "a number has no decimal point"),
        (
            "kind=date&order=mon",
            400,
            "order must be one of dmy, mdy, ymd, got 'mon': months are read as numbers",
        ),
        ("kind=date&order=", 400, "order must be one of"),
        ("kind=date&after=2019-02-29", 400, "after must be a date from 1900-01-01 to 2099-12-31"),
        ("kind=date&after=2019-01-02&before=2019-01-01", 400, "no date is within"),
        ("kind=date&before=0001-01-01", 400, "before must be a date"),
        ("kind=date&before=%D9%A2019-01-01", 400, "before must be a date"),
        ("kind=date&length=8", 400, "length 8 is for kind number"),
        ("kind=date&scheme=aba", 400, "a date has no check digit"),
        ("kind=date&locale=de", 400, "a date has no decimal point"),
        ("order=dmy", 400, "order 'dmy' is for kind date, and this is an amount"),
        ("after=2019-01-01&kind=number", 400, "is for kind date, and this is a number"),
        ("max_error=nan", 400, "above 0 and at most 1"),
        ("kind=amount&kind=amount", 400, "parameter 'kind' is given twice"),
        ("currency=EUR", 400, "unknown parameter 'currency', expected crop, model, max_error, kind, scheme"),
        ("model=lenet5", 400, "model 'lenet5' does not read fields"),
        ("model=lenet5-features", 400, "does not read fields"),
        ("model=lenet6", 404, "unknown model 'lenet6'"),
        ("crop=0,0,9999,40", 400, "does not lie inside the picture"),
        ("crop=0,0,0,10", 400, "does not lie inside"),
        ("crop=1,2,3", 400, "crop must be x,y,width,height"),
    ],
)
def test_parameters(client, query: str, status: int, message: str) -> None:
    assert message in error(client("POST", f"/fields?{query}", content=png(FIELD)), status)


def test_each_path_reads_its_own(client) -> None:
    assert "does not read digits" in error(client("POST", "/digits?model=lenet5-field", content=png(FIELD)))
    assert "unknown parameter 'kind'" in error(client("POST", "/digits?kind=number", content=png(FIELD)))


def words() -> Image.Image:
    picture = Image.new("L", (420, 60), 240)
    ImageDraw.Draw(picture).text((20, 12), "twelve and fifty", 20, ImageFont.load_default(36))
    return picture


def strip(width: int) -> Image.Image:
    picture = Image.new("L", (width, 40), 240)
    for left in range(0, width - 200, 180):
        picture.paste(amount("12.50", 40), (left, 0))
    return picture


def not_accepted(client, picture: Image.Image, query: str = "") -> dict[str, Any]:
    reply = client("POST", f"/fields{query}", content=png(picture))
    assert reply.status_code == 200, reply.text
    (field,) = reply.json()["fields"]
    assert field["accepted"] is False
    assert field["reason"]
    return field


@pytest.mark.parametrize("query", ["", "?kind=number", "?scheme=aba", "?length=4", "?scheme=luhn&length=6"])
@pytest.mark.parametrize(
    ("picture", "reason"),
    [
        (Image.new("L", (200, 60), 255), "blank"),
        (Image.new("L", (200, 60), 0), "blank"),
        (Image.new("L", (1, 1), 0), "blank"),
        (Image.new("L", (20_000, 1), 0), "blank"),
        (Image.new("L", (1, 20_000), 255), "blank"),
        (strip(20_000), "too long"),
        (words(), ""),
        (amount("47.34").transpose(Image.Transpose.ROTATE_180), ""),
        (FIELD.transpose(Image.Transpose.ROTATE_90), ""),
        (Image.effect_noise((200, 60), 100), ""),
        (Image.linear_gradient("L"), ""),
    ],
    ids=["white", "black", "pixel", "row", "column", "strip", "words", "down", "side", "noise", "gradient"],
)
def test_no_field(client, picture: Image.Image, reason: str, query: str) -> None:
    field = not_accepted(client, picture, query)
    assert field["reason"].startswith(reason)
    if reason:
        assert (field["text"], field["amount"], field["confidence"], field["digits"]) == ("", None, 0, [])


def test_inverted_colors_are_read_all_the_same(client) -> None:
    (field,) = client("POST", "/fields", content=png(ImageOps.invert(FIELD))).json()["fields"]
    assert (field["amount"], field["accepted"]) == ("12.50", True)


def test_an_empty_box_within_a_scan(client) -> None:
    scan = Image.new("L", (400, 200), 250)
    scan.paste(FIELD, (200, 100))
    assert not_accepted(client, scan, "?crop=0,0,150,60")["reason"] == "blank: no ink found"


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 120), st.integers(1, 60), st.integers(0, 2**32 - 1), st.sampled_from([2, 8, 256]))
def test_any_pixels(client, width: int, height: int, seed: int, levels: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, levels, (height, width)) * (255 // (levels - 1))
    not_accepted(client, Image.fromarray(pixels.astype(np.uint8)))


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes(client, body: bytes) -> None:
    error(client("POST", "/fields", content=body))
    error(client("POST", "/fields", content=body, headers=FORM))


def test_one_bad_picture_of_a_form(client) -> None:
    file = 'form-data; name="a"; filename="a.png"'
    body = part(file, png(FIELD)) + part(file, b"") + b"--cut--"
    assert "picture 2 of 2: not a picture" in error(client("POST", "/fields", content=body, headers=FORM))
