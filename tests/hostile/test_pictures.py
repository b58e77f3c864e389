"""Rubbish posted to the service: always one clear `{"error": …}` with a status of 4xx."""

from __future__ import annotations

import asyncio
import base64
import gzip
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from serving.app import build_app
from serving.settings import Settings
from tests.conftest import Client
from tests.support import tiff as by_hand
from tests.support.picture_files import chunk
from tests.support.tiny import png, seven, tiff

CASES = Path(__file__).parents[1] / "cases"
SEVEN = png(seven())
INFER = "/v2/models/lenet5/infer"
FORM = {"content-type": "multipart/form-data; boundary=cut"}


def error(reply, status: int = 400) -> str:
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/json"
    content = reply.json()
    assert list(content) == ["error"]
    assert "Traceback" not in content["error"]
    assert "\n" not in content["error"]
    return content["error"]


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes that claims to be huge."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(bytes(10_000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "empty body"),
        (b"hello", "not a picture: expected PNG, JPEG, TIFF, BMP, WEBP, got 5 bytes"),
        (
            b"%PDF-1.7 " + bytes(100),
            "not a picture: expected PNG, JPEG, TIFF, BMP, WEBP, got a PDF: turn its pages",
        ),
        (b"\0\0\0\x24ftypheic" + bytes(100), "got HEIC, as iPhones take it: save it as PNG or JPEG"),
        (b"GIF89a" + bytes(100), "got a GIF: save it as PNG"),
        (b"II*\0" + bytes(100), "damaged TIFF picture, or of an unusual kind"),
        (SEVEN[:60], "damaged"),
        (SEVEN[:-30], "damaged"),
        (png(seven(), "JPEG")[:200], "damaged"),
        (bomb(9000, 9000), "picture too large: 9000×9000 pixels"),
        (png(Image.new("F", (9, 9), float("nan")), "TIFF"), "values that are not finite"),
    ],
)
def test_no_picture(client, body: bytes, message: str) -> None:
    status = 413 if "too large" in message else 400
    assert message in error(client("POST", "/digits", content=body), status)


@pytest.mark.parametrize("path", ["/digits", "/fields", "/web/normalized"])
def test_pages(client, path: str) -> None:
    scan = tiff(seven(60), seven(40), compression="tiff_deflate")
    assert error(client("POST", path + "?crop=0,0,50,50", content=scan)).startswith(
        "page 2 of 2: crop 0,0,50,50"
    )
    many = tiff(*[seven(20)] * 4)
    assert error(client("POST", path, content=many)) == "too many pictures: 4 pages, at most 3 in one request"
    files = [("a", ("a.tif", scan)), ("b", ("b.tif", scan))]
    assert "4 pages, at most 3" in error(client("POST", path, files=files))
    cut = by_hand.write([(np.zeros((9, 9), np.uint8), {})] * 2, after=10**6)
    assert error(client("POST", path, content=cut)).startswith("page 3 of 3: damaged TIFF picture")
    endless = by_hand.write([(np.zeros((1, 1), np.uint8), {})] * 1001)
    assert "too many pages" in error(client("POST", path, content=endless))


@pytest.mark.parametrize("copies", [1, 2])
def test_a_tensor_has_a_row_for_each_picture(client, copies: int) -> None:
    """Where there is no room for a page, none is dropped."""
    data = [base64.b64encode(tiff(seven(), seven(60))).decode()] * copies
    body = {"inputs": [{"name": "image", "datatype": "BYTES", "shape": [copies], "data": data}]}
    message = error(client("POST", INFER, json=body))
    which = "the picture" if copies == 1 else "picture 1 of 2"
    assert message.startswith(f"{which} for model 'lenet5' has 2 pages")


@pytest.fixture(scope="module")
def released() -> Iterator[Client]:
    """The service over the released models."""
    with asyncio.Runner() as runner:
        yield Client(build_app(Settings()), runner)


@pytest.mark.parametrize(
    "name",
    [
        "16bit-8.png",
        "black-on-transparent.png",
        "white-on-transparent.png",
        "bmp32-V5-alpha0.bmp",
        "iccp-big.png",
        "trunc-tail.jpg",
    ],
)
def test_pictures_as_they_come(released, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    reply = released("POST", "/digits", content=(CASES / name).read_bytes())
    assert reply.status_code == 200, reply.text
    (digit,) = reply.json()["digits"]
    assert (digit["digit"], digit["accepted"], digit["reason"]) == (7, True, None)
    assert capfd.readouterr() == ("", "")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_flipped_bits(client, data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["PNG", "JPEG", "TIFF", "BMP", "WEBP"]))
    body = bytearray(png(seven(20), kind))
    for _ in range(data.draw(st.integers(1, 8))):
        body[data.draw(st.integers(0, len(body) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    reply = client("POST", "/digits", content=bytes(body))
    if reply.status_code != 200:
        error(reply)


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes(client, body: bytes) -> None:
    error(client("POST", "/digits", content=body))
    error(client("POST", INFER, content=body))
    error(client("POST", "/digits", content=body, headers=FORM))


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ("max_error=x", 400, "max_error must be a number"),
        ("max_error=nan", 400, "above 0 and at most 1"),
        ("max_error=-1", 400, "above 0 and at most 1"),
        ("max_error=0", 400, "above 0 and at most 1"),
        ("max_error=", 400, "max_error must be a number"),
        ("maxerror=0.1", 400, "unknown parameter 'maxerror', expected crop, model, max_error"),
        ("model=lenet5&model=x", 400, "parameter 'model' is given twice"),
        ("model=lenet6", 404, "unknown model 'lenet6'"),
        ("model=../../etc", 404, "unknown model"),
        ("model=lenet5-features", 400, "does not read digits"),
        ("crop=1,2,3", 400, "crop must be x,y,width,height"),
        ("crop=a,b,c,d", 400, "crop must be x,y,width,height"),
        ("crop=0,0,41,40", 400, "does not lie inside the picture of 40×40"),
        ("crop=-1,0,10,10", 400, "does not lie inside"),
        ("crop=0,0,0,10", 400, "does not lie inside"),
        ("crop=0,0,1" + "0" * 5000 + ",10", 400, "crop must be"),
    ],
)
def test_parameters(client, query: str, status: int, message: str) -> None:
    assert message in error(client("POST", f"/digits?{query}", content=SEVEN), status)


def part(disposition: str, content: bytes = SEVEN) -> bytes:
    return f"--cut\r\nContent-Disposition: {disposition}\r\n\r\n".encode() + content + b"\r\n"


FILE = 'form-data; name="a"; filename="a.png"'


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "ends before its last boundary"),
        (b"--cut--\r\n", "the form holds no file"),
        (b"nonsense", "broken multipart form"),
        (part(FILE), "ends before its last boundary"),
        (part(FILE, b"rubbish") + b"--cut--", "not a picture"),
        (part(FILE) + part(FILE, b"") + b"--cut--", "picture 2 of 2: not a picture"),
        (part('form-data; name="model"', b"lenet5") + b"--cut--", "form field 'model' is no file"),
        (part("") + b"--cut--", "is no file"),
        (part(FILE) * 4 + b"--cut--", "too many pictures: at most 3"),
    ],
)
def test_forms(client, body: bytes, message: str) -> None:
    assert message in error(client("POST", "/digits", content=body, headers=FORM))


@pytest.mark.parametrize("boundary", ["", "; boundary=", "; boundary=" + "x" * 300])
def test_form_without_a_boundary(client, boundary: str) -> None:
    headers = {"content-type": f"multipart/form-data{boundary}"}
    body = part(FILE) + b"--cut--"
    assert "broken multipart form" in error(client("POST", "/digits", content=body, headers=headers))


@pytest.mark.parametrize("path", ["/digits", "/fields", INFER])
def test_too_large(client, path: str) -> None:
    assert "at most 200,000 bytes" in error(client("POST", path, content=bytes(200_001)), 413)


@pytest.mark.parametrize("path", ["/digits", "/fields", INFER])
def test_too_large_and_endless(client, path: str) -> None:
    sent = 0

    async def endless():
        nonlocal sent
        while True:
            sent += 50_000
            yield bytes(50_000)

    assert "at most 200,000 bytes" in error(client("POST", path, content=endless()), 413)
    assert sent == 250_000  # no more was read than it took to know


@pytest.mark.parametrize("path", ["/digits", "/fields", INFER])
def test_unknown_compression(client, path: str) -> None:
    reply = client("POST", path, content=SEVEN, headers={"content-encoding": "br"})
    assert "Content-Encoding 'br' is not read: send gzip, deflate" in error(reply, 415)


@pytest.mark.parametrize("path", ["/digits", "/fields", INFER])
@pytest.mark.parametrize(
    ("encoding", "body", "status", "message"),
    [
        ("gzip", b"no gzip", 400, "the body is not gzip"),
        ("deflate", gzip.compress(b"{}", mtime=0), 400, "the body is not deflate"),
        ("gzip", gzip.compress(SEVEN, mtime=0)[:-9], 400, "cut short"),
        ("gzip", gzip.compress(SEVEN, mtime=0) + b"more", 400, "or bytes follow it"),
        ("gzip", gzip.compress(bytes(50_000_000), mtime=0), 413, "body too large: at most 200,000 bytes"),
        ("deflate", zlib.compress(bytes(200_001)), 413, "body too large"),
    ],
)
def test_bad_compression(client, path: str, encoding: str, body: bytes, status: int, message: str) -> None:
    reply = client("POST", path, content=body, headers={"content-encoding": encoding})
    assert message in error(reply, status)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/digits", 405),
        ("DELETE", "/v2", 405),
        ("OPTIONS", "/digits", 405),
        ("GET", "/nothing", 404),
        ("GET", "/digits/", 404),
        ("POST", "/%2e%2e/secret", 404),
        ("GET", "/v2/models/nope", 404),
        ("GET", "/v2/models/lenet5/versions/2", 404),
        ("GET", "/v2/models/lenet5/versions/2/ready", 404),
        ("POST", "/v2/models/nope/infer", 404),
        ("POST", "/v2/models/lenet5/versions/x/infer", 404),
    ],
)
def test_paths_and_methods(client, method: str, path: str, status: int) -> None:
    reply = client(method, path)
    error(reply, status)
    assert ("allow" in reply.headers) == (status == 405)


def request(fill: float = 0.0, **changes: object) -> bytes:
    tensor = {"name": "image", "datatype": "FP32", "shape": [1, 28, 28, 1], "data": [fill] * 784} | changes
    return msgspec.json.encode({"inputs": [tensor]})


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "failed to parse the request JSON"),
        (b'{"inputs":[]}', "takes one input, 'image', got 0"),
        (
            request(name="picture"),
            "unexpected inference input 'picture' for model 'lenet5', expected 'image'",
        ),
        (request(datatype="INT32", data=[0] * 784), "expects 'FP32' in [0, 1], 'UINT8' 0–255 or 'BYTES'"),
        (request(shape=[1, 1, 28, 28]), "Expected [-1,28,28,1], got [1,1,28,28]"),
        (request(shape=[0, 28, 28, 1], data=[]), "batch-size must be 1 to 8"),
        (request(shape=[9, 28, 28, 1]), "batch-size must be 1 to 8"),
        (request(shape=[-1, 28, 28, 1]), "batch-size must be 1 to 8"),
        (request(shape=[2, 28, 28, 1]), "takes 1568 elements, 'data' has 784"),
        (request(255.0), "divide 8-bit pixels by 255, or declare them UINT8"),
        (request(-0.5), "FP32 is 0 (paper) to 1 (ink)"),
        (request(1e39), "spans inf to inf"),
        (request().replace(b"0.0", b"NaN", 1), "failed to parse the request JSON"),
    ],
)
def test_tensors(client, body: bytes, message: str) -> None:
    assert message in error(client("POST", INFER, content=body))


def test_two_inputs(client) -> None:
    tensor = msgspec.json.decode(request())["inputs"][0]
    body = msgspec.json.encode({"inputs": [tensor, tensor]})
    assert "takes one input" in error(client("POST", INFER, content=body))


def test_unknown_output(client) -> None:
    body = msgspec.json.decode(request()) | {"outputs": [{"name": "logits"}]}
    reply = client("POST", INFER, content=msgspec.json.encode(body))
    assert "unexpected inference output 'logits'" in error(reply)


@pytest.mark.parametrize(("value", "message"), [(np.nan, "holds NaN"), (np.inf, "spans"), (200, "divide")])
def test_raw_values(client, value: float, message: str) -> None:
    image = np.zeros((1, 28, 28, 1), np.float32)
    image[0, 5, 5, 0] = value
    headers = {"Inference-Header-Content-Length": "0"}
    assert message in error(client("POST", INFER, content=image.tobytes(), headers=headers))
