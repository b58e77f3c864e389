"""`fastapi_app` with a handler that takes a thread: `uvicorn fastapi_plain:app`."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi_app import Request, Response, Tensor, classify

app = FastAPI()


@app.post("/v2/models/lenet5/infer")
def infer(request: Request) -> Response:
    probabilities = classify(request.inputs[0].data)
    output = Tensor(name="probabilities", shape=[1, 10], datatype="FP32", data=probabilities)
    return Response(model_name="lenet5", outputs=[output])
