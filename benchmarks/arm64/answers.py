"""Prints an installed runtime's answers, for `inside`: the models that load, probabilities, int8 logits.

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


def main(runtime: str, folder: Path = GIVEN) -> None:
    """Prints JSON: the loaded models, [golden digit][10] probabilities by model, [picture][10] logits."""
    repository = Repository.open()
    models = [
        name
        for name, model in repository.manifest.models.items()
        if any(artifact.runtime == runtime for artifact in model.artifacts)
    ]
    # Loading raises unless golden digits and fields agree.
    loaded = {name: repository.load(name, runtime) for name in models}
    _, images = repository.golden
    probabilities = {
        loaded[name].artifact.format: loaded[name].network.infer(images).tolist() for name in DIGITS
    }
    logits = LOGITS[runtime](folder, np.load(folder / "pixels.npy"))
    print(json.dumps({"models": models, "probabilities": probabilities, "logits": logits}))


def litert(folder: Path, pixels: np.ndarray) -> list[list[int]]:
    """Returns the int8 logits that LiteRT computes."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(folder / "int8.tflite"))
    interpreter.allocate_tensors()
    (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()
    logits = []
    for picture in (pixels.astype(np.int16) - 128).astype(np.int8):
        interpreter.set_tensor(source["index"], picture[None, ..., None])
        interpreter.invoke()
        logits.append(interpreter.get_tensor(target["index"])[0].tolist())
    return logits


def onnxruntime(folder: Path, pixels: np.ndarray) -> list[list[int]]:
    """Returns the int8 logits that ONNX Runtime computes."""
    from serving.runtime import onnx

    session = onnx.session(folder / "int8.onnx")
    (logits,) = session.run(["logits_int8"], {session.get_inputs()[0].name: tensor(pixels)})
    return logits.tolist()


LOGITS = {"litert": litert, "onnxruntime": onnxruntime}

if __name__ == "__main__":
    main(sys.argv[1])
