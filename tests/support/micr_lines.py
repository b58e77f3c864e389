"""Draws MICR lines, writes the probabilities that a network might give for one, and a tiny model that reads them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import numpy as np
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from serving import manifest
from serving.decoding.alphabet import DIGITS, Alphabet, manifest_labels
from serving.images import e13b, sliding_window
from serving.images.codec import decode
from serving.images.field import Field
from serving.images.micr_line import PITCH, normalize_micr_line
from serving.manifest import (
    Artifact,
    Confidence,
    Golden,
    GoldenField,
    GoldenFields,
    GoldenSteps,
    Model,
    Sliding,
    Tensor,
    Threshold,
)
from serving.runtime import onnx
from tests.support.tiny import png, write_models

TEXT = "C001234C A021000021A 1234567C 89"
ALPHABET = Alphabet(DIGITS + "ABCD")
LABELS = manifest_labels(ALPHABET)
SLIDING = Sliding(height=32, receptive=40, stride=4, left=20, right=20, bucket=32)
NAME = "lenet5-micr"
_NARROW = Sliding(height=32, receptive=14, stride=1, left=14, right=14, bucket=32)  # the tiny model's
_FAR, _SCALE = 20.0, 2.0  # the largest distance of a symbol from its print; logits for each unit of it
_PHASES = (0.0, 0.33, 0.67)  # columns by which a print is moved


def strip(text: str = TEXT, module: float = 3.0, squeeze: float = 1.0, margin: int = 14) -> np.ndarray:
    """Prints a line, uint8 [h, w], 0 = black."""
    across = module * squeeze
    width = round((e13b.PITCH * (len(text) - 1) + 7) * across) + 2 * margin
    height = round(e13b.HEIGHT * module)
    page = np.full((height + 2 * margin, width), 255, np.uint8)
    for place, symbol in enumerate(text):
        if symbol == " ":
            continue
        size = (round(7 * across), height)
        glyph = e13b.raster(e13b.GLYPHS[symbol], (across, module), size)
        left = margin + round(place * e13b.PITCH * across)
        page[margin : margin + height, left : left + size[0]] -= glyph
    return page


def steps_of(line: Field, text: str, rivals: dict[int, tuple[str, float]] | None = None) -> np.ndarray:
    """Writes the probabilities of a printed line, float32 [T, K], that read as `text`.

    Args:
        line: normalized.
        text: with a blank for each empty position.
        rivals: by position, another symbol with its probability.
    """
    count = sliding_window.steps(line.pixels.shape[1], SLIDING)
    steps = np.full((count, len(LABELS)), 1e-6, np.float32)
    steps[:, -1] = 1
    first = e13b.GLYPHS[text[0]].width / e13b.PITCH * PITCH  # the right edge of the first symbol
    for place, symbol in enumerate(text):
        if symbol == " ":
            continue
        middle = first + place * PITCH - e13b.GLYPHS[symbol].width / e13b.PITCH * PITCH / 2
        step = round((middle - sliding_window.center(0, SLIDING)) / SLIDING.stride)
        other, probability = (rivals or {}).get(place, (symbol, 0.0))
        steps[step] = 1e-6
        steps[step, ALPHABET.symbols.index(symbol)] = 1 - probability
        if probability:
            steps[step, ALPHABET.symbols.index(other)] = probability
    return steps / steps.sum(1, keepdims=True)


def picture(text: str = TEXT) -> Image.Image:
    """Prints a line."""
    return Image.fromarray(strip(text))


def tiny_micr_onnx() -> bytes:
    """Returns the bytes of an `.onnx` that compares each window with printed symbols; see `tiny.tiny_field_onnx`."""
    line = normalize_micr_line(strip(ALPHABET.symbols)).pixels
    reach = _NARROW.receptive
    around = np.pad(line / np.float32(255), ((0, 0), (reach, reach)))
    scale = PITCH / e13b.PITCH
    kernels = np.zeros((len(_PHASES), len(LABELS), 1, _NARROW.height, reach), np.float32)
    for place, symbol in enumerate(ALPHABET.symbols):
        right = e13b.GLYPHS[ALPHABET.symbols[0]].width * scale + place * PITCH
        left = reach + round(right - e13b.GLYPHS[symbol].width * scale / 2 - reach / 2)
        for kernel, phase in zip(kernels, _PHASES, strict=True):
            kernel[place, 0] = (1 - phase) * around[:, left : left + reach]
            kernel[place, 0] += phase * around[:, left + 1 : left + 1 + reach]
    power = (kernels**2).sum((2, 3, 4))
    power[:, -1] = _FAR
    energy = np.full_like(kernels, -_SCALE)
    energy[:, -1] = 0
    constants = {
        "symbols": (2 * _SCALE * kernels).reshape(-1, *kernels.shape[2:]),
        "offsets": (-_SCALE * power).ravel(),
        "ones": energy.reshape(-1, *kernels.shape[2:]),
        "by_phase": np.array([0, len(_PHASES), len(LABELS), -1]),
    }
    nodes = [
        helper.make_node("Transpose", ["image"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Mul", ["planes", "planes"], ["squares"]),
        helper.make_node("Conv", ["planes", "symbols", "offsets"], ["likeness"]),
        helper.make_node("Conv", ["squares", "ones"], ["energy"]),
        helper.make_node("Add", ["likeness", "energy"], ["scores"]),
        helper.make_node("Reshape", ["scores", "by_phase"], ["columns"]),
        helper.make_node("ReduceMax", ["columns"], ["best"], axes=[1], keepdims=0),
        helper.make_node("Transpose", ["best"], ["logits"], perm=[0, 2, 1]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=-1),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny-micr",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", _NARROW.height, "W", 1])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", "T", len(LABELS)])],
        [numpy_helper.from_array(data, name) for name, data in constants.items()],
    )
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()


def write_micr_models(folder: Path) -> Path:
    """Writes the models of `tiny.write_models` and `lenet5-micr` with a golden line."""
    write_models(folder)

    def write(path: str, data: bytes) -> str:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
        return hashlib.sha256(data).hexdigest()

    data, encoded = tiny_micr_onnx(), png(picture())
    path = f"repository/{NAME}/1/model.onnx"
    artifact = Artifact(path, write(path, data), len(data), "onnx_float32", "onnxruntime", "float32")
    model = Model(
        "1",
        "micr",
        Tensor("image", "FP32", [-1, 32, -1, 1]),
        [artifact],
        output=Tensor("probabilities", "FP32", [-1, -1, len(LABELS)]),
        labels=LABELS,
        thresholds=[Threshold(0.02, 0.5, 0.0, 0.0, 0.02, 0.9, 180)],
        sliding=_NARROW,
        confidence=Confidence(1.0, 0.0),
    )
    line = normalize_micr_line(decode(encoded))
    ((_, image),) = sliding_window.place([line], _NARROW, (0.0,))
    width = line.pixels.shape[1]
    probabilities = onnx.load(data).infer(image)[0, : sliding_window.steps(width, _NARROW)]
    steps = GoldenSteps(probabilities.argmax(1).tolist(), probabilities.max(1).tolist())
    expects = {NAME: {"onnx_float32": steps}}
    golden = GoldenField("line-a.png", TEXT, write("golden/line-a.png", encoded), width, expects)
    lines = write("golden/lines.json", msgspec.json.encode(GoldenFields([golden])))
    file = folder / manifest.NAME
    content = manifest.decode(file.read_bytes())
    content = msgspec.structs.replace(
        content,
        models={**content.models, NAME: model},
        golden={**content.golden, "lines": Golden("golden/lines.json", lines)},
    )
    file.write_bytes(msgspec.json.encode(content))
    return folder
