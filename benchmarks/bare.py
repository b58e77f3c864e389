"""A minimal service of the model: one ASGI function over the same HTTP server, decoder and network.

It checks nothing and counts nothing; `benchmarks/service.py` measures the overhead of checkreader over it.

    .venv/bin/python -m benchmarks.bare 8801
"""

from __future__ import annotations

import sys

import msgspec
import numpy as np
import uvicorn
from starlette.types import Receive, Scope, Send

from benchmarks import models
from serving.http.connection import uvicorn_config
from serving.repository.store import Repository
from serving.runtime.onnx import session


class _Input(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    data: list[float]


class _Request(msgspec.Struct):
    inputs: list[_Input]


MODEL = "lenet5"
_repository = Repository.open()
_version = _repository.model(MODEL).version
_session = session(models.file(MODEL, repository=_repository), 1)
_decode = msgspec.json.Decoder(_Request).decode
_encode = msgspec.json.Encoder().encode


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers GET with 200, POST /binary with a raw tensor for a raw tensor, any other POST with OIP's JSON."""
    body = b""
    more = True
    while more:
        message = await receive()
        body += message["body"]
        more = message.get("more_body", False)
    if scope["method"] == "GET":
        reply, media = b"ready", b"text/plain"
    elif scope["path"] == "/binary":
        image = np.frombuffer(body, np.float32).reshape(-1, 28, 28, 1)
        reply, media = _session.run(None, {"image": image})[0].tobytes(), b"application/octet-stream"
    else:
        (tensor,) = _decode(body).inputs
        image = np.array(tensor.data, np.float32).reshape(tensor.shape)
        probabilities = _session.run(None, {"image": image})[0]
        output = {"name": "probabilities", "datatype": "FP32", "shape": probabilities.shape}
        outputs = [output | {"data": probabilities.ravel().tolist()}]
        reply = _encode({"model_name": MODEL, "model_version": _version, "outputs": outputs})
        media = b"application/json"
    headers = [(b"content-type", media), (b"content-length", b"%d" % len(reply))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": reply})


if __name__ == "__main__":
    uvicorn.run(**uvicorn_config(app), port=int(sys.argv[1]))
