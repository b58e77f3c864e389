"""Whole checks through the application: `POST /checks`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image

from serving.app import build_app
from serving.http.access_log import AccessLog
from serving.settings import Settings
from tests.conftest import Client
from tests.hostile.test_pictures import error
from tests.support.service import running
from tests.support.tiny import png, tiff
from tests.support.whole_checks import AMOUNT, HEIGHT, LINE, NUMBER, PLATE, WIDTH, layout, layout_text, scan

CHECK = png(scan())
LAYOUT = quote(layout_text())
BEYOND, NO_AMOUNT, LONG = '{"amount": [0, 0, 2, 1]}', '{"date": [0, 0, 1, 1]}', " " * 2001


@pytest.fixture(scope="module")
def check_client(micr_models: Path) -> Iterator[Client]:
    settings = Settings(models=micr_models, max_body=400_000, max_rows=8, max_pictures=3)
    with asyncio.Runner() as runner:
        yield Client(build_app(settings), runner)


def post(client: Client, query: str = "", layout: str = LAYOUT, **request) -> dict:
    reply = client("POST", f"/checks?layout={layout}{query}", **request)
    assert reply.status_code == 200, reply.text
    return reply.json()


def test_post(check_client: Client) -> None:
    content = post(check_client, content=CHECK)
    assert list(content) == ["models", "checks"]
    assert content["models"] == [
        {"name": "lenet5-field", "version": "1"},
        {"name": "lenet5-micr", "version": "1"},
    ]
    (read,) = content["checks"]
    assert list(read) == [
        "page",
        "corners",
        "quality",
        "fields",
        "max_error",
        "applied_max_error",
        "accepted",
        "reasons",
    ]
    assert (read["page"], read["accepted"], read["reasons"]) == (1, True, [])
    assert (read["max_error"], read["applied_max_error"]) == (0.03, 0.03)
    corners = np.array([(0, 0), (WIDTH, 0), (WIDTH, HEIGHT), (0, HEIGHT)]) + PLATE
    np.testing.assert_allclose(read["corners"], corners, atol=4)
    assert abs(read["quality"]["width"] - WIDTH) <= 4
    assert isinstance(read["quality"]["problems"], list)
    assert list(read["fields"]) == ["amount", "date", "micr", "check_number", "words"]


def test_fields_are_as_their_own_paths_have_them(check_client: Client) -> None:
    fields = post(check_client, content=CHECK)["checks"][0]["fields"]
    verdict = ["confidence", "accepted", "reason", "max_error", "applied_max_error"]
    amount, line = fields["amount"], fields["micr"]
    assert list(amount) == ["box", "score", "text", "raw", "amount", *verdict, "digits", "alternatives"]
    assert (amount["raw"], amount["amount"], amount["accepted"]) == (AMOUNT, AMOUNT, True)
    assert (amount["max_error"], amount["applied_max_error"], amount["score"]) == (0.01, 0.01, None)
    assert all(isinstance(side, int) for side in amount["box"])
    assert list(line) == [
        *("box", "score", "text", "symbols", "country", "fields", "check_digit"),
        *verdict,
        "boxes",
    ]
    assert (line["text"], line["country"], line["accepted"]) == (LINE, "us", True)
    assert line["fields"]["serial"]["text"] == "001234"
    assert (fields["date"]["date"], fields["check_number"]["text"]) == ("2019-11-24", NUMBER)
    assert fields["words"] is None


def test_fields_that_the_layout_does_not_name_are_null(check_client: Client) -> None:
    (read,) = post(check_client, layout=quote(json.dumps(layout("amount"))), content=CHECK)["checks"]
    assert [name for name, field in read["fields"].items() if field] == ["amount"]
    assert read["reasons"] == ["no MICR line found, as on the back of a check"]


def test_every_page_and_every_picture(check_client: Client) -> None:
    pages = post(check_client, content=tiff(scan(), scan(written="1234.50"), compression="tiff_deflate"))[
        "checks"
    ]
    assert [(read["page"], read["fields"]["amount"]["amount"]) for read in pages] == [
        (1, AMOUNT),
        (2, "1234.50"),
    ]
    files = [("a", ("a.png", png(scan(written="1234.50")))), ("b", ("b.png", CHECK))]
    amounts = [read["fields"]["amount"]["amount"] for read in post(check_client, files=files)["checks"]]
    assert amounts == ["1234.50", AMOUNT]


def test_a_blank_page_is_no_error(check_client: Client) -> None:
    (read,) = post(check_client, content=png(Image.new("L", (WIDTH, HEIGHT), 255)))["checks"]
    assert not read["accepted"]
    assert read["reasons"]


def test_parameters(check_client: Client) -> None:
    (read,) = post(check_client, "&country=in&max_error=0.001", content=CHECK)["checks"]
    assert "country=in" in read["fields"]["micr"]["reason"]
    assert (read["max_error"], read["applied_max_error"], read["accepted"]) == (0.002, None, False)
    (read,) = post(check_client, "&order=dmy&after=2020-01-01&before=2020-12-31", content=CHECK)["checks"]
    assert [reason.partition(":")[0] for reason in read["reasons"]] == ["date"]


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        (
            "",
            404,
            "no model that finds the fields of checks is served: name their places by layout, or start checkreader",
        ),
        (f"layout={LAYOUT}&locale=xx", 400, "locale must be one of"),
        (f"layout={LAYOUT}&order=myd", 400, "order must be one of"),
        (f"layout={LAYOUT}&country=fr", 400, "country must be one of"),
        (f"layout={LAYOUT}&after=soon", 400, "after"),
        (f"layout={LAYOUT}&max_error=2", 400, "max_error must be above 0"),
        (f"layout={LAYOUT}&max_error=low", 400, "max_error must be a number"),
        (f"layout={LAYOUT}&layout={LAYOUT}", 400, "given twice"),
        (
            f"layout={LAYOUT}&crop=0,0,9,9",
            400,
            "unknown parameter 'crop', expected locale, order, country, after, before, max_error, layout",
        ),
        (f"layout={LAYOUT}&model=lenet5", 400, "unknown parameter 'model'"),
        ("layout=", 400, "layout: expected JSON"),
        (f"layout={quote(LONG)}", 400, "layout: 2,001 characters, at most 2,000"),
        (f"layout={quote(BEYOND)}", 400, "layout: amount leaves the check"),
        (f"layout={quote(NO_AMOUNT)}", 400, "layout: no box for the amount"),
    ],
)
def test_mistakes(check_client: Client, query: str, status: int, message: str) -> None:
    reply = check_client("POST", f"/checks?{query}", content=CHECK)
    assert message in error(reply, status)


def test_pictures_that_cannot_be_read(check_client: Client) -> None:
    reply = check_client("POST", f"/checks?layout={LAYOUT}", content=b"no picture")
    assert "not a picture" in error(reply)
    reply = check_client(
        "POST", f"/checks?layout={LAYOUT}", content=tiff(*[scan()] * 4, compression="tiff_deflate")
    )
    assert "too many pictures: 4 pages, at most 3" in error(reply)


def test_without_a_micr_model_it_says_what_to_do(client: Client) -> None:
    reply = client("POST", f"/checks?layout={LAYOUT}", content=CHECK)
    assert error(reply, 404) == (
        "no model that reads MICR lines is served: start checkreader serve with one, by --models"
    )


def test_it_is_described(check_client: Client) -> None:
    description = check_client("GET", "/openapi.json").json()
    operation = description["paths"]["/checks"]["post"]
    names = [entry["name"] for entry in operation["parameters"]]
    assert names == ["locale", "order", "country", "after", "before", "max_error", "layout"]
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    assert schema["$ref"].endswith("/ChecksResponse")
    assert "CheckAmount" in description["components"]["schemas"]
    assert "/checks" in check_client("GET", "/docs").text


def test_readings_are_counted_without_what_was_read(check_client: Client) -> None:
    metrics = check_client("GET", "/metrics").text
    post(check_client, content=png(scan(line="C001234C A021000012A 1234567C 89")))
    later = check_client("GET", "/metrics").text
    assert later != metrics
    assert 'reason="check digit"' in later
    assert "021000012" not in later


@pytest.mark.parametrize("level", ["requests", "readings"])
def test_readings_are_logged_only_where_that_is_asked_for(micr_models: Path, level: str) -> None:
    lines: list[bytes] = []
    with running(micr_models) as (app, client):
        app.admission.access_log = AccessLog(level, lines.append)
        assert client("POST", f"/checks?layout={LAYOUT}", content=CHECK).status_code == 200
    assert (b"1234567" in b"".join(lines)) is (level == "readings")
