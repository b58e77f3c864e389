"""What an installed runtime answers, for `inside`: every released model loaded, probabilities, int8 logits.

python answers.py litert|onnxruntime
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from serving.images.digit import tensor
from serving.repository.store import Repository

GIVEN = Path("/given")
DIGITS = ("lenet5", "lenet5-int8")


def main(runtime: str) -> None:
    """Prints JSON: the loaded models, [golden digit][10] probabilities by model, [picture][10] logits."""
    repository = Repository.open()
    models = [
        name
        for name, model in repository.manifest.models.items()
        if any(artifact.runtime == runtime for artifact in model.artifacts)
    ]
    loaded = {
        name: repository.load(name, runtime) for name in models
    }  # refused unless golden digits and fields agree
    _, images = repository.golden
    probabilities = {
        loaded[name].artifact.format: loaded[name].network.infer(images).tolist() for name in DIGITS
    }
    logits = LOGITS[runtime](np.load(GIVEN / "pixels.npy"))
    print(json.dumps({"models": models, "probabilities": probabilities, "logits": logits}))


def litert(pixels: np.ndarray) -> list[list[int]]:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(GIVEN / "int8.tflite"))
    interpreter.allocate_tensors()
    (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()
    found = []
    for picture in (pixels.astype(np.int16) - 128).astype(np.int8):
        interpreter.set_tensor(source["index"], picture[None, ..., None])
        interpreter.invoke()
        found.append(interpreter.get_tensor(target["index"])[0].tolist())
    return found


def onnxruntime(pixels: np.ndarray) -> list[list[int]]:
    from serving.runtime import onnx

    session = onnx.session(GIVEN / "int8.onnx")
    (found,) = session.run(["logits_int8"], {session.get_inputs()[0].name: tensor(pixels)})
    return found.tolist()


LOGITS = {"litert": litert, "onnxruntime": onnxruntime}

if __name__ == "__main__":
    main(sys.argv[1])
