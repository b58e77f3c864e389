"""Golden digits: drawn ones that a release carries with every format's answer; loading a model checks it against them."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from PIL import Image

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
# moves no probability by the 1e-3 that a loaded model may be off.
_CONFIDENCE: Final = 0.998
_PLACES: Final = 6  # decimals of the answers


def digits(run: Run, rows: Sequence[Format], models: Path, place: str, count: int) -> Golden:
    """Drawn digits that every released format reads, with what it answers; written to `models/PLACE/`.

    Args:
        run: where the formats' files are.
        rows: the formats.
        models, place: the folder.
        count: how many, at most 20.
    """
    folder = models / place
    ask = {row.name: predictor(row, run / FOLDER / row.file) for row in rows if row.model in FAMILIES}
    found = []
    for i in range(count):
        digit, name = i % 10, f"{i % 10}{'ab'[i // 10]}.png"
        data, answers = _drawn(digit, i, ask)
        write_bytes(folder / name, data)
        expected: dict[str, dict[str, list[float]]] = {}
        for row in rows:
            if row.name in answers:
                expected.setdefault(row.model, {})[row.name] = (
                    answers[row.name].astype(float).round(_PLACES).tolist()
                )
        found.append(GoldenDigit(name, digit, sha256(folder / name), expected))
    path = folder / "digits.json"
    write_bytes(path, msgspec.json.encode(GoldenDigits(found)) + b"\n")
    return Golden(f"{place}/{path.name}", sha256(path))


def _drawn(
    digit: int, number: int, ask: dict[str, Callable[[Any], Any]]
) -> tuple[bytes, dict[str, np.ndarray]]:
    """The first drawing that every format reads with confidence, and the answers."""
    for attempt in range(100):
        gray = digit_drawing.digit(digit, np.random.default_rng([digit, number, attempt]))
        buffer = io.BytesIO()
        Image.fromarray(gray).save(buffer, "PNG")
        image = tensor(normalize(decode(buffer.getvalue()))[np.newaxis])
        answers = {name: predict(image)[0] for name, predict in ask.items()}
        if all(answer.argmax() == digit and answer.max() > _CONFIDENCE for answer in answers.values()):
            return buffer.getvalue(), answers
    raise CheckreaderError(
        f"not released: in 100 drawings of a {digit} none is read by every format: train longer or on more data"
    )
