"""Requests as the Python types of MLServer 1.7.1 and KServe 0.21.0 write them, which need not be installed for that.

They were printed by these libraries for a picture of two pixels; here they get the golden pictures.
"""

from __future__ import annotations

import json
import urllib.request
from base64 import b64encode
from typing import Any

import numpy as np
import pytest

from tests.support.released import TOLERANCE, Released, Service

HEADERS = {"Content-Type": "application/json"}


def posted(service: Service, body: bytes, **headers: str) -> dict[str, Any]:
    request = urllib.request.Request(f"http://{service.http}/v2/models/lenet5/infer", body, HEADERS | headers)
    with urllib.request.urlopen(request, timeout=60) as reply:
        return json.loads(reply.read())


def check(reply: dict[str, Any], expected: np.ndarray) -> None:
    (output,) = reply["outputs"]
    probabilities = np.array(output["data"], np.float32).reshape(output["shape"])
    np.testing.assert_allclose(probabilities, expected, rtol=0, atol=TOLERANCE)


# `InferenceRequest(inputs=[NumpyCodec.encode_input("image", image)], …)`, by .json() and by .model_dump_json().
MLSERVER = [
    '{"id":null,"parameters":{"content_type":"np","headers":null},"inputs":[{"name":"image","shape":SHAPE,'
    '"datatype":"FP32","parameters":{"content_type":"np","headers":null},"data":DATA}],'
    '"outputs":[{"name":"probabilities","parameters":null}]}',
    '{"parameters":{"content_type":"np"},"inputs":[{"name":"image","shape":SHAPE,"datatype":"FP32",'
    '"parameters":{"content_type":"np"},"data":DATA}],"outputs":[{"name":"probabilities"}]}',
]
# `InferRequest("lenet5", [image], request_id="7").to_rest()`
KSERVE = (
    '{"id": "7", "model_name": "lenet5", "inputs": [{"name": "image", "shape": SHAPE, "datatype": "FP32", '
    '"data": DATA}]}'
)


@pytest.mark.parametrize("form", [*MLSERVER, KSERVE], ids=["mlserver json", "mlserver dump", "kserve"])
def test_numbers(service: Service, released: Released, form: str) -> None:
    image = released.image[:3]
    body = form.replace("SHAPE", str([*image.shape])).replace("DATA", str(image.ravel().tolist()))
    check(posted(service, body.encode()), released.probabilities("lenet5", image))


# `InferenceRequest(inputs=[Base64Codec.encode_input("image", pictures, use_bytes=False)])`
PICTURES = (
    '{"id":null,"parameters":null,"inputs":[{"name":"image","shape":[3,1],"datatype":"BYTES",'
    '"parameters":{"content_type":"base64","headers":null},"data":DATA}],"outputs":null}'
)


def test_pictures(service: Service, released: Released) -> None:
    data = json.dumps([b64encode(picture).decode() for picture in released.pictures[:3]])
    nested = json.dumps([[text] for text in json.loads(data)])
    for text in (data, nested):
        reply = posted(service, PICTURES.replace("DATA", text).encode())
        check(reply, released.probabilities("lenet5", released.image[:3]))


# `InferRequest.to_rest()` of an input in the binary section, and with the input by `InferInput.to_dict()`.
BINARY = [
    '{"id":"7","model_name":"lenet5","inputs":[{"name":"image","shape":SHAPE,"datatype":"FP32",'
    '"parameters":{"binary_data_size":SIZE}}],"outputs":[{"name":"probabilities","parameters":'
    '{"binary_data":false}}]}',
    '{"inputs":[{"name": "image", "shape": SHAPE, "datatype": "FP32", "data": null, '
    '"parameters": {"binary_data_size": SIZE}}], "parameters": null}',
]


@pytest.mark.parametrize("form", BINARY, ids=["to_rest", "to_dict"])
def test_binary(service: Service, released: Released, form: str) -> None:
    image = released.image[:3]
    head = form.replace("SHAPE", str([*image.shape])).replace("SIZE", str(image.nbytes)).encode()
    length = {"Inference-Header-Content-Length": str(len(head))}
    check(posted(service, head + image.tobytes(), **length), released.probabilities("lenet5", image))
