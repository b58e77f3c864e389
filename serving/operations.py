"""The service's operations: paths, parameters and examples, in the order the page shows them."""

from __future__ import annotations

from typing import Any

from serving.endpoints import Endpoints
from serving.images import FORMATS
from serving.openapi import Operation, Parameter

_PICTURE = {"type": "string", "contentMediaType": "image/*"}
_PICTURES = {f"image/{kind.lower()}": _PICTURE for kind in FORMATS} | {
    "multipart/form-data": {"type": "object", "additionalProperties": _PICTURE}
}
_PROBABILITY = {"type": "number", "minimum": 0, "maximum": 1}
_DIGIT = {"type": "integer", "minimum": 0, "maximum": 9}
_DIGITS = {
    "type": "object",
    "required": ["model", "digits"],
    "properties": {
        "model": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "version": {"type": "string"}},
        },
        "digits": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["digit", "confidence", "accepted", "reason", "top"],
                "properties": {
                    "digit": _DIGIT,
                    "confidence": _PROBABILITY,
                    "accepted": {"type": "boolean"},
                    "reason": {"type": ["string", "null"]},
                    "top": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "properties": {"digit": _DIGIT, "probability": _PROBABILITY},
                        },
                    },
                },
            },
        },
    },
}
_TENSOR: dict[str, Any] = {
    "type": "object",
    "required": ["name", "shape", "datatype"],
    "properties": {
        "name": {"type": "string"},
        "shape": {"type": "array", "items": {"type": "integer"}},
        "datatype": {"enum": ["FP32", "UINT8"]},
        "parameters": {"type": "object"},
        "data": {"type": "array"},
    },
}
_INFER: dict[str, Any] = {
    "type": "object",
    "required": ["inputs"],
    "properties": {
        "id": {"type": "string"},
        "parameters": {"type": "object"},
        "inputs": {"type": "array", "items": _TENSOR},
        "outputs": {"type": "array", "items": {"type": "object", "required": ["name"]}},
    },
}
_BINARY = {"application/octet-stream": {"type": "string", "format": "binary"}}
_JSON = "application/json"

_ABOUT_DIGITS = (
    "One picture of one digit, or several as files of a form. Dark ink on light paper or the reverse, "
    "color and shadow do not matter. A reading is accepted when its confidence reaches the threshold that, "
    "on the calibration data, kept the share of wrong readings among the accepted within max_error; "
    "otherwise reason says why a human should look."
)
_ABOUT_INFER = (
    "Pixels, normalized as MNIST's: FP32 from 0 (paper) to 1 (ink), or UINT8 0–255; nested or flat. "
    "The binary tensor extension is spoken, and with Inference-Header-Content-Length: 0 the body is the "
    "FP32 input alone."
)


def operations(endpoints: Endpoints) -> list[Operation]:
    """The table that routes, `/openapi.json` and `/docs` are made from."""
    table = [
        Operation(
            "POST",
            "/digits",
            endpoints.digits,
            "Pictures",
            "Read digits from pictures.",
            _ABOUT_DIGITS,
            (
                Parameter("max_error", "largest tolerated share of wrong readings; 0.01", _PROBABILITY),
                Parameter("model", f"which model reads; {endpoints.plane.default}"),
                Parameter("crop", "x,y,width,height in pixels: read this part alone"),
            ),
            _PICTURES,
            {_JSON: _DIGITS},
            (400, 404, 413, 415),
            "curl --data-binary @seven.png 'localhost:8000/digits?max_error=0.01'\n"
            "curl -F a=@one.png -F b=@two.jpg localhost:8000/digits",
            '{"model":{"name":"lenet5","version":"1"},"digits":[{"digit":7,"confidence":0.998,"accepted":true,'
            '"reason":null,"top":[{"digit":7,"probability":0.998},{"digit":1,"probability":0.001}]}]}',
        )
    ]
    protocol = "Open Inference Protocol v2"
    table += [
        Operation("GET", "/v2", endpoints.server, protocol, "What this server is."),
        Operation("GET", "/v2/health/live", endpoints.live, protocol, "Is the process alive?"),
        Operation("GET", "/v2/health/ready", endpoints.ready, protocol, "Are all models ready?"),
    ]
    # Each exists with and without a version.
    for path in ("/v2/models/{model}", "/v2/models/{model}/versions/{version}"):
        table += [
            Operation(
                "GET", path, endpoints.metadata, protocol, "A model's inputs and outputs.", errors=(404,)
            ),
            Operation(
                "GET", f"{path}/ready", endpoints.model_ready, protocol, "Is the model ready?", errors=(404,)
            ),
        ]
        table.append(
            Operation(
                "POST",
                f"{path}/infer",
                endpoints.infer,
                protocol,
                "Run a model on tensors.",
                _ABOUT_INFER,
                takes={_JSON: _INFER} | _BINARY,
                gives={_JSON: {"type": "object"}} | _BINARY,
                errors=(400, 404, 413, 415),
                curl='curl localhost:8000/v2/models/lenet5/infer -d \'{"inputs":[{"name":"image",'
                '"datatype":"FP32","shape":[1,28,28,1],"data":[…]}]}\'',
                reply='{"model_name":"lenet5","model_version":"1","outputs":[{"name":"probabilities",'
                '"datatype":"FP32","shape":[1,10],"data":[0.001,0.0,0.0,0.0,0.0,0.0,0.0,0.998,0.0,0.001]}]}',
            )
        )
    return table
