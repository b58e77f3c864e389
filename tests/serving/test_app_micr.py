"""MICR lines through the application: `POST /micr`, and the MICR model as a tensor service."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image

from serving.app import build_app
from serving.http.access_log import AccessLog
from serving.settings import Settings
from tests.conftest import Client
from tests.hostile.test_pictures import error
from tests.support.micr_lines import TEXT, picture
from tests.support.service import running
from tests.support.tiny import png, tiff

INFER = "/v2/models/lenet5-micr/infer"
SYMBOLS = "⑈001234⑈ ⑆021000021⑆ 1234567⑈ 89"
LINE = png(picture())


@pytest.fixture(scope="module")
def micr_client(micr_models: Path) -> Iterator[Client]:
    settings = Settings(models=micr_models, max_body=200_000, max_rows=8, max_pictures=3)
    with asyncio.Runner() as runner:
        yield Client(build_app(settings), runner)


def post(client: Client, query: str = "", **request) -> dict:
    reply = client("POST", f"/micr{query}", **request)
    assert reply.status_code == 200, reply.text
    return reply.json()


def test_post(micr_client: Client) -> None:
    content = post(micr_client, content=LINE)
    assert list(content) == ["model", "max_error", "applied_max_error", "lines"]
    assert content["model"] == {"name": "lenet5-micr", "version": "1"}
    assert (content["max_error"], content["applied_max_error"]) == (0.02, 0.02)
    (line,) = content["lines"]
    assert list(line) == [
        "page",
        "text",
        "symbols",
        "country",
        "fields",
        "check_digit",
        "confidence",
        "accepted",
        "reason",
        "boxes",
    ]
    assert (line["text"], line["symbols"], line["country"]) == (TEXT, SYMBOLS, "us")
    assert (line["accepted"], line["reason"]) == (True, None)
    assert line["check_digit"] == {"scheme": "aba", "valid": True}
    assert {name: field["text"] for name, field in line["fields"].items()} == {
        "serial": "001234",
        "routing": "021000021",
        "account": "1234567",
        "transaction_code": "89",
    }
    assert len(line["boxes"]) == len(TEXT.replace(" ", ""))


def test_every_page_and_every_picture(micr_client: Client) -> None:
    blank = Image.new("L", (300, 40), 255)
    pages = post(micr_client, content=tiff(picture(), blank))["lines"]
    assert [(line["page"], line["text"], line["reason"]) for line in pages] == [
        (1, TEXT, None),
        (2, "", "blank: no ink found"),
    ]
    files = [("a", ("a.png", png(blank))), ("b", ("b.png", LINE))]
    assert [line["text"] for line in post(micr_client, files=files)["lines"]] == ["", TEXT]


@pytest.mark.parametrize("turned", [False, True])
def test_boxes_are_in_the_whole_picture(micr_client: Client, turned: bool) -> None:
    part = picture().rotate(180) if turned else picture()
    width, height = part.size
    sheet = Image.new("L", (width + 200, height + 100), 255)
    sheet.paste(part, (150, 60))
    (line,) = post(micr_client, f"?crop=150,60,{width},{height}", content=png(sheet))["lines"]
    assert line["text"] == TEXT
    lefts = [box[0] for box in line["boxes"]]
    assert lefts == sorted(lefts, reverse=turned)
    assert min(lefts) >= 150
    assert max(x + across for x, _, across, _ in line["boxes"]) <= 150 + width
    assert all(y >= 60 and y + down <= 60 + height for _, y, _, down in line["boxes"])


def test_parameters(micr_client: Client) -> None:
    (line,) = post(micr_client, "?country=in", content=LINE)["lines"]
    assert (line["text"], line["country"], line["accepted"]) == (TEXT, None, False)
    assert "country=in" in line["reason"]
    content = post(micr_client, "?max_error=0.001&model=lenet5-micr", content=LINE)
    assert (content["max_error"], content["applied_max_error"]) == (0.001, None)
    assert "certifies max_error 0.02" in content["lines"][0]["reason"]


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ("?country=fr", 400, "country must be one of auto, us, ca, in, gb, other, got 'fr'"),
        ("?country=", 400, "country must be one of"),
        ("?land=us", 400, "unknown parameter 'land', expected crop, model, max_error, country"),
        ("?scheme=aba", 400, "unknown parameter 'scheme'"),
        ("?country=us&country=ca", 400, "given twice"),
        ("?max_error=0", 400, "max_error must be above 0"),
        ("?model=lenet5-field", 400, "model 'lenet5-field' does not read MICR lines"),
        ("?model=lenet6", 404, "unknown model"),
        ("?crop=0,0,9999,9", 400, "does not lie inside"),
    ],
)
def test_mistakes(micr_client: Client, query: str, status: int, message: str) -> None:
    reply = micr_client("POST", f"/micr{query}", content=LINE)
    assert message in error(reply, status)
    assert "1234567" not in reply.text


def test_a_micr_model_reads_no_fields(micr_client: Client) -> None:
    reply = micr_client("POST", "/fields?model=lenet5-micr", content=LINE)
    assert error(reply) == "model 'lenet5-micr' does not read fields"
    assert post(micr_client, content=LINE)["model"]["name"] == "lenet5-micr"
    assert micr_client("POST", "/fields", content=LINE).json()["model"]["name"] == "lenet5-field"


def test_without_a_model_it_says_what_to_do(client: Client) -> None:
    reply = client("POST", "/micr", content=LINE)
    assert error(reply, 404) == (
        "no model that reads MICR lines is served: start checkreader serve with one, by --models"
    )


def test_pictures_through_the_inference_protocol(micr_client: Client) -> None:
    data = [base64.b64encode(LINE).decode()]
    body = {
        "inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": data}],
        "parameters": {"country": "us"},
    }
    reply = micr_client("POST", INFER, json=body)
    assert reply.status_code == 200, reply.text
    content = reply.json()
    assert content["parameters"] == {"max_error": 0.02, "applied_max_error": 0.02}
    outputs = {output["name"]: output["data"] for output in content["outputs"]}
    assert outputs["text"] == [TEXT]
    assert outputs["accepted"] == [True]
    assert outputs["confidence"][0] > 0.5
    body["parameters"] = {"scheme": "aba"}
    reply = micr_client("POST", INFER, json=body)
    assert "unknown parameter 'scheme', expected crop, max_error, country" in error(reply)


def test_pictures_through_tensorflow_servings_protocol(micr_client: Client) -> None:
    body = {"instances": [{"b64": base64.b64encode(LINE).decode()}]}
    content = micr_client("POST", "/v1/models/lenet5-micr:predict", json=body).json()
    assert content["predictions"][0]["text"] == TEXT
    assert content["applied_max_error"] == 0.02


def test_tensors_as_wide_as_the_widest_line(micr_client: Client) -> None:
    """Of 72 positions, which is wider than any field."""

    def infer(width: int):
        pixels = np.zeros((1, 32, width, 1), np.float32)
        tensor = {
            "name": "image",
            "shape": list(pixels.shape),
            "datatype": "FP32",
            "parameters": {"binary_data_size": pixels.nbytes},
        }
        head = msgspec.json.encode({"inputs": [tensor]})
        headers = {"Inference-Header-Content-Length": str(len(head))}
        return micr_client("POST", INFER, content=head + pixels.tobytes(), headers=headers)

    assert infer(1312).status_code == 200
    reply = infer(1400)
    assert "columns, got 1400 columns" in error(reply)


def test_it_is_described(micr_client: Client) -> None:
    operation = micr_client("GET", "/openapi.json").json()["paths"]["/micr"]["post"]
    (country,) = [entry for entry in operation["parameters"] if entry["name"] == "country"]
    assert country["schema"] == {"enum": ["auto", "us", "ca", "in", "gb", "other"]}
    assert "/micr" in micr_client("GET", "/docs").text


def test_readings_are_counted_by_kind_without_what_was_read(micr_client: Client) -> None:
    wrong = png(picture("C001234C A021000012A 1234567C 89"))
    (line,) = post(micr_client, content=wrong)["lines"]
    assert line["reason"] == "check digit: the routing number does not satisfy aba"
    metrics = micr_client("GET", "/metrics").text
    assert 'reason="check digit"' in metrics
    assert "lenet5-micr" in metrics
    assert "021000012" not in metrics


@pytest.mark.parametrize("level", ["requests", "readings"])
def test_readings_are_logged_only_where_that_is_asked_for(micr_models: Path, level: str) -> None:
    lines: list[bytes] = []
    with running(micr_models) as (app, client):
        app.admission.access_log = AccessLog(level, lines.append)
        assert client("POST", "/micr", content=LINE).status_code == 200
    assert (b"1234567" in b"".join(lines)) is (level == "readings")
