"""The least that could serve the model: one ASGI function, the same HTTP server, decoder and network.

It checks nothing and counts nothing; `benchmarks/service.py` measures what checkreader adds to it.

    .venv/bin/python -m benchmarks.bare 8801
"""

from __future__ import annotations

import sys

import msgspec
import numpy as np
import uvicorn
from starlette.types import Receive, Scope, Send

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


_repository = Repository.open()
_model = next(one for one in _repository.model("lenet5").artifacts if one.runtime == "onnxruntime")
_session = session(_repository.folder / _model.path, 1)
_decode = msgspec.json.Decoder(_Request).decode
_encode = msgspec.json.Encoder().encode


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """POST /binary takes a raw tensor, any other path JSON."""
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
        (given,) = _decode(body).inputs
        image = np.array(given.data, np.float32).reshape(given.shape)
        found = _session.run(None, {"image": image})[0]
        output = {"name": "probabilities", "datatype": "FP32", "shape": found.shape}
        outputs = [output | {"data": found.ravel().tolist()}]
        reply = _encode({"model_name": "lenet5", "model_version": "1", "outputs": outputs})
        media = b"application/json"
    headers = [(b"content-type", media), (b"content-length", b"%d" % len(reply))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": reply})


if __name__ == "__main__":
    uvicorn.run(**uvicorn_config(app), port=int(sys.argv[1]))
