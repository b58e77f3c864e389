"""The table of the service's operations: paths, parameters and examples, in the order the page shows them."""

from __future__ import annotations

from typing import Any

from serving.errors import CheckreaderError, Forbidden, Unknown
from serving.http.endpoints import Endpoints
from serving.http.openapi import Body, Operation, Parameter
from serving.http.picture_routes import BODY_ERRORS, JSON, picture_operations
from serving.protocol import metadata, oip, reading_parameters, tensorflow_serving

_BINARY: dict[str, Body] = {"application/octet-stream": {"type": "string", "format": "binary"}}
_ABOUT_INFER = (
    "FP32 from 0 (paper) to 1 (ink) or UINT8 0–255, normalized as MNIST's pictures are, nested or flat; or "
    "BYTES of shape [N] or [N,1]: whole pictures of one page, in base64 or in the binary section, which are normalized here. "
    "A model that reads fields answers them with text, confidence and accepted, by the request parameters of /fields "
    f"({', '.join(reading_parameters.NAMES['field'])}), and one that reads MICR lines by those of /micr "
    f"({', '.join(reading_parameters.NAMES['micr'])}); the response's parameters state max_error and applied_max_error, or the "
    "reason why nothing is accepted. "
    "The binary tensor extension is spoken; with Inference-Header-Content-Length: 0 the body is the "
    "FP32 input alone. An output's parameter classification: K gives its K best classes."
)
_ABOUT_LOAD = (
    "From the manifest as it is now; a manifest that changes is noticed without being told. Answers when every worker "
    "has switched. A version that fails its check is refused with the reason, and what was served before still is."
)
_ABOUT_UNLOAD = "Until it is loaded again; answers when every worker has."
_ABOUT_PREDICT = (
    "TensorFlow Serving's REST: instances (one entry for each picture) or inputs (all of them as one tensor), "
    'as numbers from 0 (paper) to 1 (ink) or as {"b64": …}, a whole picture, which is normalized here. '
    "A model that reads fields or MICR lines answers pictures with text, confidence and accepted, at the default max_error, and "
    "states max_error and applied_max_error beside them."
)


def route_table(endpoints: Endpoints) -> list[Operation]:
    """Returns the table that the router, `/openapi.json` and `/docs` are made from."""
    metrics = Operation(
        "GET",
        "/metrics",
        endpoints.metrics,
        "Operation",
        "Counters and histograms for Prometheus, of all workers together.",
        response_bodies={"text/plain": {"type": "string"}},
    )
    return [
        *picture_operations(endpoints),
        *_inference_protocol_operations(endpoints),
        *_tensorflow_serving_operations(endpoints),
        metrics,
    ]


def _inference_protocol_operations(endpoints: Endpoints) -> list[Operation]:
    group = "Open Inference Protocol v2"

    def get(
        path: str, handler: Any, summary: str, response: Body, errors: tuple[type[CheckreaderError], ...] = ()
    ) -> Operation:
        return Operation(
            "GET", path, handler, group, summary, response_bodies={JSON: response}, errors=errors
        )

    table = [
        get("/v2", endpoints.server, "What this server is.", metadata.ServerMetadata),
        get("/v2/health/live", endpoints.live, "Is the process alive?", metadata.Live),
        get("/v2/health/ready", endpoints.ready, "Are all models ready?", metadata.Ready),
        Operation(
            "POST",
            "/v2/repository/index",
            endpoints.index,
            group,
            "All models and their state.",
            "One entry for each version, and the reason why it is not served or why a newer one was refused.",
            request_bodies={JSON: metadata.IndexRequest},
            body_optional=True,
            response_bodies={JSON: (list[metadata.IndexEntry],)},
            errors=BODY_ERRORS,
        ),
        *(
            Operation(
                "POST",
                f"/v2/repository/models/{{model}}/{verb}",
                handler,
                group,
                summary,
                about,
                request_bodies={JSON: metadata.ControlRequest},
                body_optional=True,
                response_bodies={JSON: {"type": "object"}},
                errors=(*BODY_ERRORS, Forbidden),
                curl=f"curl -X POST localhost:8000/v2/repository/models/lenet5/{verb}",
            )
            for verb, handler, summary, about in (
                ("load", endpoints.load, "Load a model again.", _ABOUT_LOAD),
                ("unload", endpoints.unload, "Serve a model no longer.", _ABOUT_UNLOAD),
            )
        ),
        get(
            "/v2/models/stats",
            endpoints.statistics,
            "Counters, of all models or of one.",
            metadata.StatisticsResponse,
        ),
    ]
    for path in ("/v2/models/{model}", "/v2/models/{model}/versions/{version}"):
        table += [
            get(
                path, endpoints.metadata, "A model's inputs and outputs.", metadata.ModelMetadata, (Unknown,)
            ),
            get(f"{path}/ready", endpoints.model_ready, "Is it ready?", metadata.ModelReady, (Unknown,)),
            get(f"{path}/config", endpoints.config, "Its configuration.", metadata.ModelConfig, (Unknown,)),
            get(
                f"{path}/stats",
                endpoints.statistics,
                "Its counters.",
                metadata.StatisticsResponse,
                (Unknown,),
            ),
            Operation(
                "POST",
                f"{path}/infer",
                endpoints.infer,
                group,
                "Run a model on tensors.",
                _ABOUT_INFER,
                (
                    Parameter(
                        "Inference-Header-Content-Length",
                        "length of the JSON in front of binary tensors",
                        {"type": "integer", "minimum": 0},
                        "header",
                    ),
                ),
                request_bodies={JSON: oip.InferRequest} | _BINARY,
                response_bodies={JSON: oip.InferResponse} | _BINARY,
                errors=BODY_ERRORS,
                curl='curl localhost:8000/v2/models/lenet5/infer -d \'{"inputs":[{"name":"image",'
                '"datatype":"FP32","shape":[1,28,28,1],"data":[…]}]}\'',
                reply='{"model_name":"lenet5","model_version":"1","outputs":[{"name":"probabilities",'
                '"datatype":"FP32","shape":[1,10],"data":[0.001,0.0,0.0,0.0,0.0,0.0,0.0,0.998,0.0,0.001]}]}',
            ),
        ]
    return table


def _tensorflow_serving_operations(endpoints: Endpoints) -> list[Operation]:
    group = "TensorFlow Serving v1"
    table = []
    for path in (
        "/v1/models/{model}",
        "/v1/models/{model}/versions/{version}",
        "/v1/models/{model}/labels/{label}",
    ):
        table += [
            # Before the status, whose last parameter would take the verb for a part of the name.
            Operation(
                "POST",
                f"{path}:predict",
                endpoints.predict,
                group,
                "Run a model.",
                _ABOUT_PREDICT,
                request_bodies={JSON: tensorflow_serving.PredictRequest},
                response_bodies={JSON: (tensorflow_serving.RowReply, tensorflow_serving.ColumnReply)},
                errors=BODY_ERRORS,
                curl="curl localhost:8000/v1/models/lenet5:predict -d "
                '"{\\"instances\\":[{\\"b64\\":\\"$(base64 -w0 seven.png)\\"}]}"',
                reply='{"predictions":[[0.001,0.0,0.0,0.0,0.0,0.0,0.0,0.998,0.0,0.001]]}',
            ),
            Operation(
                "GET",
                path,
                endpoints.status,
                group,
                "Is it served?",
                response_bodies={JSON: tensorflow_serving.StatusReply},
                errors=(CheckreaderError, Unknown),
            ),
            Operation(
                "GET",
                f"{path}/metadata",
                endpoints.signature,
                group,
                "Its signature.",
                response_bodies={JSON: tensorflow_serving.SignatureReply},
                errors=(CheckreaderError, Unknown),
            ),
        ]
    return table
