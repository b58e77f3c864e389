"""Fields through the application: `POST /fields`, and the field model as a tensor service."""

from __future__ import annotations

import base64

import msgspec
import numpy as np
import pytest
from PIL import Image

from serving.http.access_log import AccessLog
from tests.hostile.test_pictures import error
from tests.support.service import running
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
        "date",
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


def test_date(client) -> None:
    query = "?kind=date&order=dmy&after=2000-01-01&max_error=0.1"
    (field,) = post(client, query, content=png(amount("24.11.2019")))["fields"]
    assert (field["text"], field["raw"]) == ("24112019", "24.11.2019")
    assert (field["date"], field["amount"], field["accepted"]) == ("2019-11-24", None, True)
    (field,) = post(client, "?kind=date&max_error=0.1", content=png(amount("03.04.2019")))["fields"]
    assert (field["text"], field["date"], field["accepted"]) == ("03042019", None, False)
    assert field["reason"].startswith("unclear date: it may be 2019-03-04 or 2019-04-03")
    (field,) = post(client, "?kind=date&order=dmy&max_error=0.1", content=png(amount("99")))["fields"]
    assert not field["accepted"]
    assert "the form of a date (dmy, 1900-01-01 to 2099-12-31)" in field["reason"]


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


def infer_pictures(client, *encoded: bytes, shape: tuple[int, ...] = (), name: str = "image", **more: object):
    data = [base64.b64encode(picture).decode() for picture in encoded]
    tensor = {"name": name, "datatype": "BYTES", "shape": shape or (len(data),), "data": data}
    return client("POST", INFER, content=msgspec.json.encode({"inputs": [tensor], **more}))


def outputs(reply) -> dict[str, list]:
    assert reply.status_code == 200, reply.text
    return {output["name"]: output["data"] for output in reply.json()["outputs"]}


def test_infer_pictures(client) -> None:
    """The protocols agree on the same pictures."""
    encoded = [png(amount(text)) for text in ("12.50", "4250.75")] + [png(Image.new("L", (50, 20), 255))]
    files = [("a", (f"{index}.png", picture)) for index, picture in enumerate(encoded)]
    fields = post(client, files=files)["fields"]
    reply = infer_pictures(client, *encoded, id="7")
    assert (reply.json()["model_name"], reply.json()["id"]) == ("lenet5-field", "7")
    described = [(entry["name"], entry["datatype"], entry["shape"]) for entry in reply.json()["outputs"]]
    assert described == [("text", "BYTES", [3]), ("confidence", "FP32", [3]), ("accepted", "BOOL", [3])]
    read = outputs(reply)
    assert read["text"] == [field["text"] for field in fields]
    assert np.float32(read["confidence"]).tolist() == [np.float32(field["confidence"]) for field in fields]
    assert read["accepted"] == [field["accepted"] for field in fields] == [True, True, False]
    assert outputs(infer_pictures(client, *encoded, shape=(3, 1))) == read
    bounds = {"max_error": 0.01, "applied_max_error": 0.01}
    assert reply.json()["parameters"] == bounds
    predicted = client(
        "POST",
        "/v1/models/lenet5-field:predict",
        json={"instances": [{"b64": base64.b64encode(picture).decode()} for picture in encoded]},
    ).json()
    rows = predicted.pop("predictions")
    assert predicted == bounds
    assert rows == [dict(zip(read, row, strict=True)) for row in zip(*read.values(), strict=True)]


def test_infer_pictures_by_the_parameters_of_the_query(client) -> None:
    picture = amount("021000021")
    scan = Image.new("L", (picture.width + 20, picture.height + 30), 240)
    scan.paste(picture, (20, 30))
    parameters = {"scheme": "aba", "length": 9, "max_error": 0.1, "timeout": None, "content_type": "base64"}
    parameters["crop"] = f"20,30,{picture.width},{picture.height}"
    read = outputs(infer_pictures(client, png(scan), parameters=parameters))
    assert (read["text"], read["accepted"]) == (["021000021"], [True])
    assert outputs(infer_pictures(client, png(scan), parameters=parameters | {"max_error": None}))


def test_infer_dates_by_the_parameters_of_the_query(client) -> None:
    pictures = [png(amount("24.11.2019")), png(amount("03.04.2019"))]
    parameters = {"kind": "date", "max_error": 0.1, "before": "2026-11-30"}
    assert outputs(infer_pictures(client, *pictures, parameters=parameters))["accepted"] == [True, False]
    read = outputs(infer_pictures(client, *pictures, parameters=parameters | {"order": "mdy"}))
    assert (read["text"][1], read["accepted"]) == ("03042019", [False, True])
    refused = infer_pictures(client, *pictures, parameters=parameters | {"order": "mon"})
    assert (refused.status_code, "order must be one of" in refused.json()["error"]) == (400, True)


NOTHING = "nothing is accepted: this model certifies max_error 0.001, 0.01 and 0.1, none as low as 1e-09"


def test_below_what_is_certified_all_is_read_and_nothing_accepted(client) -> None:
    content = post(client, "?max_error=1e-9", content=png(amount()))
    (field,) = content["fields"]
    assert (content["max_error"], content["applied_max_error"]) == (1e-9, None)
    assert (field["text"], field["accepted"], field["reason"]) == ("1250", False, NOTHING)
    reply = infer_pictures(client, png(amount()), parameters={"max_error": 1e-9})
    assert outputs(reply)["accepted"] == [False]
    assert reply.json()["parameters"] == {"max_error": 1e-9, "reason": NOTHING}


def test_naming_the_default_is_leaving_it_out(client) -> None:
    left_out = post(client, content=png(amount()))
    assert (left_out["max_error"], left_out["applied_max_error"]) == (0.01, 0.01)
    assert post(client, f"?max_error={left_out['max_error']}", content=png(amount())) == left_out


def test_infer_pictures_with_chosen_outputs(client) -> None:
    chosen = [{"name": "accepted"}, {"name": "text", "parameters": {"binary_data": True}}]
    reply = infer_pictures(client, png(amount()), outputs=chosen)
    length = int(reply.headers["inference-header-content-length"])
    head = msgspec.json.decode(reply.content[:length])
    assert [entry["name"] for entry in head["outputs"]] == ["accepted", "text"]
    assert head["outputs"][0]["data"] == [True]
    assert reply.content[length:] == b"\4\0\0\x001250"


SCAN = Image.new("L", (50, 20), 255)
TWO_PAGES = png(SCAN, "TIFF", save_all=True, append_images=[SCAN])


@pytest.mark.parametrize(
    ("pictures", "more", "message"),
    [
        ([b"aaa"], {}, "not a picture"),
        ([png(amount()), b""], {}, "picture 2 of 2: not a picture"),
        ([png(SCAN)] * 4, {}, "must be 1 to 3, got 4"),
        ([], {"shape": (0,)}, "must be 1 to 3, got 0"),
        ([png(SCAN)] * 2, {"shape": (1, 2)}, "Expected [N] or [N,1], got [1,2]"),
        ([png(SCAN)], {"name": "picture"}, "unexpected inference input 'picture'"),
        ([png(SCAN)], {"parameters": {"kind": "amout"}}, "kind must be one of amount, number"),
        ([png(SCAN)], {"parameters": {"lokale": "us"}}, "unknown parameter 'lokale'"),
        ([png(SCAN)], {"parameters": {"crop": "0,0,99,99"}}, "does not lie inside"),
        ([png(SCAN)], {"parameters": {"max_error": 0}}, "max_error must be above 0"),
        ([png(SCAN)], {"outputs": [{"name": "probabilities"}]}, "it has text, confidence, accepted for"),
        ([png(SCAN)], {"outputs": [{"name": "text", "parameters": {"classification": 1}}]}, "no classes"),
        ([TWO_PAGES], {}, "the picture for model 'lenet5-field' has 2 pages"),
        ([png(SCAN), TWO_PAGES], {}, "picture 2 of 2 for model 'lenet5-field' has 2 pages"),
    ],
)
def test_infer_refuses_pictures(client, pictures: list[bytes], more: dict, message: str) -> None:
    assert message in error(infer_pictures(client, *pictures, **more))


def test_a_tensor_has_no_text(client) -> None:
    tensor = {"name": "image", "datatype": "UINT8", "shape": [1, 32, 18, 1], "data": [0] * 32 * 18}
    body = msgspec.json.encode({"inputs": [tensor], "outputs": [{"name": "text"}]})
    assert "unexpected inference output 'text'" in error(client("POST", INFER, content=body))


def test_readings_of_pictures_are_counted_once(models) -> None:
    with running(models) as (app, client):
        statistics = app.plane.models["lenet5-field"].statistics
        outputs(infer_pictures(client, png(amount())))
        assert (statistics.accepted, statistics.success.count, statistics.fail.count) == (1, 1, 0)
        error(infer_pictures(client, b"no picture"))
        assert (statistics.accepted, statistics.success.count, statistics.fail.count) == (1, 1, 1)
        post(client, content=png(amount()))
        assert (statistics.accepted, statistics.success.count, statistics.fail.count) == (2, 2, 1)


@pytest.mark.parametrize("level", ["requests", "readings"])
def test_readings_of_pictures_are_logged_where_that_is_asked_for(models, level: str) -> None:
    lines: list[bytes] = []
    with running(models) as (app, client):
        app.admission.access_log = AccessLog(level, lines.append)
        infer_pictures(client, png(amount()))
    (record,) = (msgspec.json.decode(line) for line in lines)
    assert ("1250" in str(record.get("reading"))) is (level == "readings")
