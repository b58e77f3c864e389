"""Writes golden fields or lines: drawn ones that a release carries with every format's answer.

Loading a model that slides checks it against them.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt
from PIL import Image

from pipeline.export.formats import FOLDER, Format
from pipeline.export.predictor import predictor
from pipeline.networks import batching
from pipeline.networks.spec import Task
from pipeline.run import Run, sha256, write_bytes
from serving.decoding import ctc
from serving.decoding.alphabet import EITHER, Alphabet
from serving.errors import CheckreaderError
from serving.images.codec import Gray, decode
from serving.images.digit import tensor
from serving.images.field import Field
from serving.manifest import Golden, GoldenField, GoldenFields, GoldenSteps

_GOLDEN: Final = 8
_ATTEMPTS: Final = 200
_CONFIDENCE: Final = 0.985  # of the whole string, in every format: accepted where anything is
_LEAST: Final = 0.5  # of the surest of all that every format reads, where none is read with `_CONFIDENCE`
_PLACES: Final = 4  # decimals of the golden probabilities

Floats = npt.NDArray[np.float32]
Predictor = Callable[[Floats], Floats]
Draw = Callable[[int, np.random.Generator], tuple[Gray, str] | None]


@dataclass(frozen=True)
class GoldenSource:
    """States where the golden pictures of a task come from.

    Attributes:
        task: whose network reads them.
        kind: the name of the golden set, and of its file.
        noun: what one of the pictures shows; their files' names begin with it.
        normalize: a picture → the network's input.
        draw: the picture's number from 0, rng → a picture uint8 [h, w] and its text; None: draw another one.
    """

    task: Task
    kind: str
    noun: str
    normalize: Callable[[Gray], Field]
    draw: Draw


def write(run: Run, rows: Sequence[Format], alphabet: Alphabet, source: GoldenSource, folder: Path) -> Golden:
    """Draws pictures that every released format reads, and writes them with its answers.

    Args:
        run: where the formats' files are.
        rows: the formats.
        alphabet: the network's.
        source: draws.
        folder: to write into.

    Returns:
        The manifest's entry of the set.

    Raises:
        CheckreaderError: no drawing is read by every format.
    """
    predictors = {row: predictor(row, run / FOLDER / row.file) for row in rows}
    golden = []
    for number in range(_GOLDEN):
        name = f"{source.noun}-{'abcdefghijklmnop'[number]}.png"
        picture, text, answers = _draw(source, number, predictors, alphabet)
        write_bytes(folder / name, picture)
        expected: dict[str, dict[str, GoldenSteps]] = {}
        for row, steps in answers.items():
            labels = steps.argmax(1).tolist()
            probabilities = steps.max(1).astype(float).round(_PLACES).tolist()
            expected.setdefault(row.model, {})[row.name] = GoldenSteps(labels, probabilities)
        width = source.normalize(decode(picture)).pixels.shape[1]
        golden.append(GoldenField(name, text.replace(EITHER, "."), sha256(folder / name), width, expected))
    path = folder / f"{source.kind}.json"
    write_bytes(path, msgspec.json.encode(GoldenFields(golden)) + b"\n")
    return Golden(f"{folder.name}/{path.name}", sha256(path))


def pictures(content: bytes) -> list[str]:
    """Returns the names of the pictures of a golden set, from its JSON."""
    return [field.file for field in msgspec.json.decode(content, type=GoldenFields).fields]


def _draw(
    source: GoldenSource, number: int, predictors: dict[Format, Predictor], alphabet: Alphabet
) -> tuple[bytes, str, dict[Format, Floats]]:
    """Draws until every format reads the picture with confidence, or takes the surest that every format reads.

    Returns:
        The picture, as PNG, its text, and the steps' probabilities [T, K] by format.
    """
    # Keras compiles anew for each width: it is run last, when the others have read the picture.
    order = sorted(predictors, key=lambda row: row.runtime == "keras")
    best: tuple[float, bytes, str, dict[Format, Floats]] | None = None
    for attempt in range(_ATTEMPTS):
        drawn = source.draw(number, np.random.default_rng([number, attempt]))
        if drawn is None:
            continue
        picture, text = drawn
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "PNG")
        field = source.normalize(decode(buffer.getvalue()))
        if field.problem is not None:
            continue
        (batch,) = batching.make_batches(source.task, [field.pixels])
        answers, surety = {}, 1.0
        for row in order:
            steps = batch.rows(predictors[row](tensor(batch.pixels)))
            string = ctc.search(steps, count=1).best[0]
            surety = min(surety, string.probability)
            if string.labels != alphabet.labels(text) or surety < (_LEAST if best is None else best[0]):
                break
            answers[row] = steps
        else:
            best = surety, buffer.getvalue(), text, {row: answers[row] for row in predictors}
            if surety >= _CONFIDENCE:
                break
    if best is None:
        raise CheckreaderError(
            f"not released: of {_ATTEMPTS} drawn {source.noun}s none is read by every format: train longer or on "
            "more data"
        )
    return best[1:]
