"""Fields through the application: `POST /fields`, and the field model as a tensor service."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from PIL import Image

from tests.hostile.test_pictures import error
from tests.support.tiny import SLIDING, amount, png, tiff

INFER = "/v2/models/lenet5-field/infer"


def post(client, query: str = "", **request) -> dict:
    reply = client("POST", f"/fields{query}", **request)
    assert reply.status_code == 200, reply.text
    return reply.json()


def test_post(client) -> None:
    content = post(client, content=png(amount()))
    assert content["model"] == {"name": "lenet5-field", "version": "1"}
    (field,) = content["fields"]
    assert list(field) == [
        "page",
        "text",
        "raw",
        "amount",
        "confidence",
        "accepted",
        "reason",
        "digits",
        "check_digit",
        "alternatives",
    ]
    assert (field["text"], field["raw"], field["amount"], field["accepted"]) == (
        "1250",
        "12.50",
        "12.50",
        True,
    )
    assert list(field["digits"][0]) == ["digit", "probability", "box"]
    assert all(isinstance(side, int) for side in field["digits"][0]["box"])


def test_several_pictures_of_any_width_in_order(client) -> None:
    pictures = [png(amount(text)) for text in ("4250.75", "12.50")]
    blank = png(Image.new("L", (50, 20), 255))
    files = [("a", (f"{index}.png", data)) for index, data in enumerate((pictures[0], blank, pictures[1]))]
    first, second, third = post(client, files=files)["fields"]
    assert [first] == post(client, content=pictures[0])["fields"]
    assert [third] == post(client, content=pictures[1])["fields"]
    assert (second["text"], second["accepted"], second["reason"]) == ("", False, "blank: no ink found")


def test_every_page_in_order(client) -> None:
    scan = tiff(amount("4250.75"), Image.new("L", (50, 20), 255), amount("12.50"))
    first, blank, third = post(client, content=scan)["fields"]
    assert [(field["page"], field["raw"]) for field in (first, blank, third)] == [
        (1, "4250.75"),
        (2, ""),
        (3, "12.50"),
    ]
    assert third["digits"] == post(client, content=png(amount("12.50")))["fields"][0]["digits"]


def test_crop_takes_the_same_part_of_every_page(client) -> None:
    page, field = Image.new("L", (400, 200), 240), amount("12.50")
    page.paste(field, (50, 70))
    other = page.copy()
    other.paste(amount("4258"), (200, 0))  # beside the part
    content = post(client, f"?crop=50,70,{field.width},{field.height}", content=tiff(page, other))
    assert [(field["page"], field["raw"]) for field in content["fields"]] == [(1, "12.50"), (2, "12.50")]
    assert content["fields"][0]["digits"] == content["fields"][1]["digits"]
    assert all(digit["box"][0] >= 50 for digit in content["fields"][0]["digits"])


def test_query(client) -> None:
    picture = amount("021000021")
    scan = Image.new("L", (picture.width + 20, picture.height + 30), 240)
    scan.paste(picture, (20, 30))
    query = f"?scheme=aba&length=9&max_error=0.1&crop=20,30,{picture.width},{picture.height}"
    (field,) = post(client, query, content=png(scan))["fields"]
    assert (field["text"], field["amount"], field["accepted"]) == ("021000021", None, True)
    assert field["check_digit"] == {"scheme": "aba", "valid": True}


def test_default_bound(client) -> None:
    """0.01 is not 0.001: the threshold is the one that belongs to it."""
    (field,) = post(client, "?max_error=0.001&kind=number", content=png(amount("4258")))["fields"]
    assert field["accepted"] == (field["confidence"] >= 0.99)


def test_metadata(client) -> None:
    assert client("GET", "/v2/models/lenet5-field").json()["inputs"] == [
        {"name": "image", "datatype": "FP32", "shape": [-1, 32, -1, 1]}
    ]


def infer(client, image: np.ndarray, datatype: str = "FP32"):
    tensor = {"name": "image", "datatype": datatype, "shape": image.shape, "data": image.tolist()}
    return client("POST", INFER, content=msgspec.json.encode({"inputs": [tensor]}))


def test_infer(client) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 50, 1), np.uint8)
    (output,) = infer(client, pixels.astype(np.float32) / 255).json()["outputs"]
    assert output["shape"] == [2, 50 - SLIDING.receptive + 1, 12]
    assert np.reshape(output["data"], output["shape"]).sum(2) == pytest.approx(1)
    assert output["data"] == infer(client, pixels, "UINT8").json()["outputs"][0]["data"]


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 32, SLIDING.receptive - 1, 1), "32 rows and 18 to 672 columns, got 17 columns"),
        ((1, 32, 673, 1), "got 673 columns"),
        ((1, 31, 64, 1), "Expected [-1,32,-1,1], got [1,31,64,1]"),
        ((1, 32, 64), "Expected [-1,32,-1,1]"),
        ((1, 32, 0, 1), "Expected [-1,32,-1,1]"),
        ((0, 32, 64, 1), "batch-size must be 1 to 8"),
    ],
)
def test_infer_refuses(client, shape: tuple[int, ...], message: str) -> None:
    assert message in error(infer(client, np.zeros(shape, np.float32)))


def test_infer_needs_a_width(client) -> None:
    body = bytes(4 * 32 * 64)
    reply = client("POST", INFER, content=body, headers={"Inference-Header-Content-Length": "0"})
    assert "does not say how wide its pictures are" in error(reply)


def test_encoded_pictures_are_for_fields(client) -> None:
    tensor = {"name": "image", "datatype": "BYTES", "shape": [1], "data": ["aaaa"]}
    reply = client("POST", INFER, content=msgspec.json.encode({"inputs": [tensor]}))
    assert "takes no encoded pictures: post them to /fields" in error(reply)
