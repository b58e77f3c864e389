"""A tiny model folder with the same files as a release, and pictures to post."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import msgspec
import numpy as np
from onnx import TensorProto, helper
from PIL import Image, ImageDraw

from serving.images import decode, normalize, tensor
from serving.manifest import (
    Artifact,
    Golden,
    GoldenDigit,
    GoldenDigits,
    Manifest,
    Model,
    Tensor,
    Threshold,
)
from serving.runtime import onnx

LEVELS = (0.001, 0.01, 0.1)


def png(picture: Image.Image, format: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, format, **options)
    return file.getvalue()


def seven(size: int = 40, ink: int = 20, paper: int = 240) -> Image.Image:
    """A picture of a 7."""
    picture = Image.new("L", (size, size), paper)
    corners = [(0.25, 0.2), (0.75, 0.2), (0.4, 0.85)]
    points = [(round(x * size), round(y * size)) for x, y in corners]
    ImageDraw.Draw(picture).line(points, ink, width=max(2, size // 12), joint="curve")
    return picture


def tiny_onnx(seed: int = 0, outputs: int = 1) -> bytes:
    """Flatten → MatMul → Softmax as the bytes of an `.onnx`; a second output is the logits."""
    weights = np.random.default_rng(seed).normal(0, 0.2, (784, 10)).astype(np.float32)
    nodes = [
        helper.make_node("Flatten", ["image"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"]),
    ]
    names = ["probabilities", "logits"][:outputs]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 28, 28, 1])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 10]) for name in names],
        [helper.make_tensor("weights", TensorProto.FLOAT, weights.shape, weights.tobytes(), raw=True)],
    )
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()


def write_models(folder: Path) -> Path:
    """`lenet5` and `lenet5-features` with a golden set of two pictures."""

    def write(path: str, data: bytes) -> str:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
        return hashlib.sha256(data).hexdigest()

    def model(name: str, task: str, data: bytes, **rest: object) -> Model:
        path = f"repository/{name}/1/model.onnx"
        file = Artifact(path, write(path, data), len(data), "onnx_float32", "onnxruntime", "float32")
        return Model("1", task, Tensor("image", "FP32", [-1, 28, 28, 1]), [file], **rest)

    data = tiny_onnx()
    network = onnx.load(data)
    golden = []
    for index, picture in enumerate((seven(), seven(60, 200, 30))):
        encoded = png(picture)
        expected = network.infer(tensor(normalize(decode(encoded))[np.newaxis]))[0]
        file = f"7{'ab'[index]}.png"
        formats = {"lenet5": {"onnx_float32": expected.tolist()}}
        golden.append(GoldenDigit(file, 7, write(f"golden/{file}", encoded), formats))
    digits = write("golden/digits.json", msgspec.json.encode(GoldenDigits(golden)))
    output = Tensor("probabilities", "FP32", [-1, 10])
    manifest = Manifest(
        schema=1,
        release="0.1.0",
        default="lenet5",
        models={
            "lenet5": model(
                "lenet5",
                "digit",
                data,
                output=output,
                labels=[str(digit) for digit in range(10)],
                thresholds=[Threshold(level, 1 - level * 10, 0.0, 0.0, 0.1, 0.9, 100) for level in LEVELS],
            ),
            "lenet5-features": model(
                "lenet5-features",
                "features",
                tiny_onnx(outputs=2),
                outputs=[output, Tensor("logits", "FP32", [-1, 10])],
            ),
        },
        golden={"digits": Golden("golden/digits.json", digits)},
    )
    write("manifest.json", msgspec.json.encode(manifest))
    return folder
