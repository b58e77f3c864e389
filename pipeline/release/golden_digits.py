"""Writes golden digits: drawn ones that a release carries with every format's answer.

Loading a model checks it against them.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pipeline.evaluation.digit import FAMILIES
from pipeline.export.formats import FOLDER, Format
from pipeline.export.predictor import predictor
from pipeline.run import Run, sha256, write_bytes
from pipeline.synthesis import digit_drawing
from serving.errors import CheckreaderError
from serving.images.codec import decode
from serving.images.digit import normalize, tensor
from serving.manifest import Golden, GoldenDigit, GoldenDigits

# So sure that one unit in the last place of an 8-bit logit, which processors may differ by,
# moves no probability by a thousandth; the first drawing that every format reads so is taken.
# A released model's thresholds lie lower still.
_CONFIDENCE: Final = 0.9985
# Where no drawing is read so, the surest is taken that every format reads alike: `golden.tolerance` allows for what
# an 8-bit logit may differ by, and with this probability that does not make another digit the likeliest.
_LEAST: Final = 0.75
_ATTEMPTS: Final = 100
_FOLDER: Final = "golden"
COUNT: Final = 20
_PLACES: Final = 6  # decimals of the answers


def write(run: Run, rows: Sequence[Format], models: Path) -> Golden:
    """Draws digits that every released format reads, and writes them with its answers to `models/golden/`.

    Args:
        run: where the formats' files are.
        rows: the formats.
        models: the folder of the release.

    Returns:
        The manifest's entry of the set.

    Raises:
        CheckreaderError: there is a digit of which no drawing is read alike by every format.
    """
    folder = models / _FOLDER
    predictors = {row.name: predictor(row, run / FOLDER / row.file) for row in rows if row.model in FAMILIES}
    digits = []
    for i in range(COUNT):
        digit, name = i % 10, f"{i % 10}{'ab'[i // 10]}.png"
        picture, answers = _draw(digit, i, predictors)
        write_bytes(folder / name, picture)
        expected: dict[str, dict[str, list[float]]] = {}
        for row in rows:
            if row.name in answers:
                expected.setdefault(row.model, {})[row.name] = (
                    answers[row.name].astype(float).round(_PLACES).tolist()
                )
        digits.append(GoldenDigit(name, digit, sha256(folder / name), expected))
    path = folder / "digits.json"
    write_bytes(path, msgspec.json.encode(GoldenDigits(digits)) + b"\n")
    return Golden(f"{_FOLDER}/{path.name}", sha256(path))


def pictures(content: bytes) -> list[str]:
    """Returns the names of the pictures of a set, from its JSON."""
    return [digit.file for digit in msgspec.json.decode(content, type=GoldenDigits).digits]


def sheet(folder: Path) -> Image.Image:
    """Draws the golden digits with lenet5's reading and confidence under each, in two rows."""
    digits = json.loads((folder / "digits.json").read_text())["digits"]
    side, caption, columns = 96, 26, 10
    rows = -(-len(digits) // columns)
    image = Image.new("L", (columns * side, rows * (side + caption)), 255)
    canvas = ImageDraw.Draw(image)
    for i, entry in enumerate(digits):
        x, y = i % columns * side, i // columns * (side + caption)
        image.paste(Image.open(folder / entry["file"]), (x, y))
        answer = entry["expected"]["lenet5"]["onnx_float32"]
        best = max(range(10), key=answer.__getitem__)
        text = f"{best}  {answer[best]:.1%}"
        canvas.text((x + side / 2, y + side + caption / 2), text, 0, ImageFont.load_default(15), "mm")
    return image.quantize(8)  # levels of gray: enough, and half as large


def _draw(
    digit: int, number: int, predictors: dict[str, Callable[[Any], Any]]
) -> tuple[bytes, dict[str, np.ndarray]]:
    """Draws until every format reads the digit with confidence, or takes the surest of many drawings.

    The expected answers are the model's own, so a drawing that all formats read as another digit will do, too: a
    model of other handwriting than the drawings' computes right all the same.

    Returns:
        The picture, as PNG, and the probabilities [10] by format.

    Raises:
        CheckreaderError: no drawing is read alike and with any confidence.
    """
    best: tuple[tuple[bool, float], bytes, dict[str, np.ndarray]] | None = None
    # Keras takes longest: it is asked last, when the others have read the drawing.
    order = sorted(predictors, key=lambda name: name.startswith("keras"))
    for attempt in range(_ATTEMPTS):
        gray = digit_drawing.digit(digit, np.random.default_rng([digit, number, attempt]))
        buffer = io.BytesIO()
        Image.fromarray(gray).save(buffer, "PNG")
        image = tensor(normalize(decode(buffer.getvalue()))[np.newaxis])
        answers: dict[str, np.ndarray] = {}
        surety = 1.0
        for name in order:
            answers[name] = predictors[name](image)[0]
            reading = int(answers[name].argmax())
            surety = min(surety, float(answers[name].max()))
            rank = reading == digit, surety
            alike = reading == int(answers[order[0]].argmax())
            if not alike or surety < _LEAST or (best is not None and rank <= best[0]):
                break
        else:
            best = rank, buffer.getvalue(), {name: answers[name] for name in predictors}
            if rank > (True, _CONFIDENCE):
                break
    if best is None:
        raise CheckreaderError(
            f"not released: of {_ATTEMPTS} drawings of a {digit} the formats read none alike and with a "
            f"confidence of {_LEAST}: train longer or on more data"
        )
    return best[1:]
