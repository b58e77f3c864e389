"""A tiny model folder with the same files as a release, and pictures to post."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from onnx import TensorProto, helper, numpy_helper
from PIL import Image, ImageDraw, ImageFont

from serving.images import sliding_window
from serving.images.codec import decode
from serving.images.digit import normalize, tensor
from serving.images.field import normalize_field
from serving.manifest import (
    Artifact,
    Confidence,
    Golden,
    GoldenDigit,
    GoldenDigits,
    GoldenField,
    GoldenFields,
    GoldenSteps,
    Manifest,
    Model,
    Sliding,
    Tensor,
    Threshold,
)
from serving.runtime import onnx

LEVELS = (0.001, 0.01, 0.1)
SLIDING = Sliding(height=32, receptive=18, stride=1, left=12, right=12, bucket=32, slants=(0.0, 0.05))
PRINTS = (50, 54, 57, 60, 66, 80)  # heights of the pictures that the tiny field model knows
FAR, SCALE = 7.0, 4.0  # the largest distance of a symbol from its print; logits for each unit of it


def png(picture: Image.Image, format: str = "PNG", **options: object) -> bytes:
    """Encodes a picture."""
    file = io.BytesIO()
    picture.save(file, format, **options)
    return file.getvalue()


def tiff(*pages: Image.Image, **options: object) -> bytes:
    """Encodes a TIFF of several pages."""
    first, *others = pages
    return png(first, "TIFF", save_all=True, append_images=others, **options)


def damaged_page(*pages: Image.Image) -> bytes:
    """Encodes a TIFF whose second page has damaged pixels."""
    encoded = tiff(*pages, compression="tiff_deflate")
    picture = Image.open(io.BytesIO(encoded))
    picture.seek(1)
    (strip,) = picture.tag_v2[273]
    return encoded[:strip] + bytes(30) + encoded[strip + 30 :]


def seven(size: int = 40, ink: int = 20, paper: int = 240) -> Image.Image:
    """Draws a 7."""
    picture = Image.new("L", (size, size), paper)
    corners = [(0.25, 0.2), (0.75, 0.2), (0.4, 0.85)]
    points = [(round(x * size), round(y * size)) for x, y in corners]
    ImageDraw.Draw(picture).line(points, ink, width=max(2, size // 12), joint="curve")
    return picture


def tiny_onnx(seed: int = 0, outputs: int = 1) -> bytes:
    """Returns the bytes of an `.onnx` of Flatten → MatMul → Softmax; a second output is the logits."""
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


def amount(text: str = "12.50", height: int = 60, ink: int = 20, paper: int = 240) -> Image.Image:
    """Draws an amount in print, which the tiny field model can read."""
    font = ImageFont.load_default(height * 0.6)
    gap = height // 6
    width = round(sum(font.getlength(symbol) + gap for symbol in text)) + height
    picture = Image.new("L", (width, height), paper)
    pen, x = ImageDraw.Draw(picture), height / 2
    for symbol in text:
        pen.text((x, height * 0.72), symbol, ink, font, anchor="ls")
        x += font.getlength(symbol) + gap
    return picture


def tiny_field_onnx() -> bytes:
    """Returns the bytes of an `.onnx` that compares each window with printed symbols of several sizes.

    Label logits fall with the squared distance:
    ‖window − symbol‖² = ‖window‖² − 2·window·symbol + ‖symbol‖²; the blank's logit is a distance, too.
    """
    kernels = np.zeros((len(PRINTS), 12, 1, SLIDING.height, SLIDING.receptive), np.float32)
    for kernel, height in zip(kernels, PRINTS, strict=True):
        pixels = normalize_field(np.asarray(amount("0123456789.0", height))).pixels
        edges = np.flatnonzero(np.diff((pixels > 64).any(0), prepend=False, append=False))
        around = np.pad(pixels / np.float32(255), ((0, 0), (SLIDING.receptive, SLIDING.receptive)))
        for label, (start, stop) in enumerate(edges.reshape(12, 2)[:11]):
            left = SLIDING.receptive + (start + stop - SLIDING.receptive) // 2
            kernel[label, 0] = around[:, left : left + SLIDING.receptive]
    power = (kernels**2).sum((2, 3, 4))
    power[:, 11] = FAR
    energy = np.full_like(kernels, -SCALE)
    energy[:, 11] = 0
    constants = {
        "symbols": (2 * SCALE * kernels).reshape(-1, *kernels.shape[2:]),
        "offsets": (-SCALE * power).ravel(),
        "ones": energy.reshape(-1, *kernels.shape[2:]),
        "by_print": np.array([0, len(PRINTS), 12, -1]),
    }
    nodes = [
        helper.make_node("Transpose", ["image"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Mul", ["planes", "planes"], ["squares"]),
        helper.make_node("Conv", ["planes", "symbols", "offsets"], ["likeness"]),
        helper.make_node("Conv", ["squares", "ones"], ["energy"]),
        helper.make_node("Add", ["likeness", "energy"], ["scores"]),
        helper.make_node("Reshape", ["scores", "by_print"], ["columns"]),
        helper.make_node("ReduceMax", ["columns"], ["best"], axes=[1], keepdims=0),
        helper.make_node("Transpose", ["best"], ["logits"], perm=[0, 2, 1]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=-1),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny-field",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", SLIDING.height, "W", 1])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", "T", 12])],
        [numpy_helper.from_array(data, name) for name, data in constants.items()],
    )
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()


def write_models(folder: Path, version: str = "1") -> Path:
    """Writes `lenet5`, `lenet5-features` and `lenet5-field` with a golden set of two digits and a field.

    The version is also the seed of the digit's weights. The manifest is written last.
    """
    seed = int(version) - 1

    def write(path: str, data: bytes) -> str:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
        return hashlib.sha256(data).hexdigest()

    def model(name: str, task: str, data: bytes, shape: Sequence[int] = (28, 28, 1), **rest: object) -> Model:
        path = f"repository/{name}/{version}/model.onnx"
        file = Artifact(path, write(path, data), len(data), "onnx_float32", "onnxruntime", "float32")
        return Model(version, task, Tensor("image", "FP32", [-1, *shape]), [file], **rest)

    thresholds = [Threshold(level, 1 - level * 10, 0.0, 0.0, 0.1, 0.9, 100) for level in LEVELS]

    data = tiny_onnx(seed)
    network = onnx.load(data)
    golden = []
    field_data = tiny_field_onnx()
    for index, picture in enumerate((seven(), seven(60, 200, 30))):
        encoded = png(picture)
        expected = network.infer(tensor(normalize(decode(encoded))[np.newaxis]))[0]
        file = f"7{'ab'[index]}.png"
        formats = {"lenet5": {"onnx_float32": expected.tolist()}}
        golden.append(GoldenDigit(file, 7, write(f"golden/{file}", encoded), formats))
    digits = write("golden/digits.json", msgspec.json.encode(GoldenDigits(golden)))
    encoded = png(amount())
    field = normalize_field(decode(encoded))
    ((_, image),) = sliding_window.place([field], SLIDING, (0.0,))
    width = field.pixels.shape[1]
    probabilities = onnx.load(field_data).infer(image)[0, : sliding_window.steps(width, SLIDING)]
    steps = GoldenSteps(probabilities.argmax(1).tolist(), probabilities.max(1).tolist())
    expects = {"lenet5-field": {"onnx_float32": steps}}
    golden_field = GoldenField("field-a.png", "12.50", write("golden/field-a.png", encoded), width, expects)
    fields = write("golden/fields.json", msgspec.json.encode(GoldenFields([golden_field])))
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
                thresholds=thresholds,
            ),
            "lenet5-features": model(
                "lenet5-features",
                "features",
                tiny_onnx(seed, outputs=2),
                outputs=[output, Tensor("logits", "FP32", [-1, 10])],
            ),
            "lenet5-field": model(
                "lenet5-field",
                "field",
                field_data,
                (32, -1, 1),
                output=Tensor("probabilities", "FP32", [-1, -1, 12]),
                thresholds=thresholds,
                labels=[*map(str, range(10)), "separator", "blank"],
                sliding=SLIDING,
                confidence=Confidence(1.0, 0.0),
            ),
        },
        golden={
            "digits": Golden("golden/digits.json", digits),
            "fields": Golden("golden/fields.json", fields),
        },
    )
    (folder / "manifest.json.new").write_bytes(msgspec.json.encode(manifest))
    (folder / "manifest.json.new").replace(folder / "manifest.json")
    return folder
