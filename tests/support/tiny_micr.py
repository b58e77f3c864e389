"""One tiny MICR run for the whole session: a network that reads clean lines, quantized and exported.

Tests must not change the run; they take a `copied` one.
"""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.data import labeled_lines
from pipeline.networks import spec
from pipeline.networks.lenet5_micr import NETWORK
from pipeline.run import Run
from serving.images import e13b
from serving.images.micr_line import DIGIT, PITCH, normalize_micr_line
from tests.support import tiny_sliding

_STEPS = 200
_MODULE = DIGIT / e13b.HEIGHT
_LINES = 300
_SYMBOLS = 6


def picture(text: str, ink: int = 0, paper: int = 255) -> np.ndarray:
    """Prints a line, uint8 [60, w]."""
    page = np.zeros((60, PITCH * (len(text) + 2)), np.uint8)
    for number, symbol in enumerate(text, 2):
        if symbol != " ":
            glyph = e13b.raster(e13b.GLYPHS[symbol], (_MODULE, _MODULE), (PITCH, DIGIT))
            page[20 : 20 + DIGIT, (number - 1) * PITCH : number * PITCH] = glyph
    return (paper - page * ((paper - ink) / 255)).astype(np.uint8)


def text(rng: np.random.Generator, symbols: int = _SYMBOLS) -> str:
    """Draws symbols."""
    return "".join(rng.choice(list(NETWORK.alphabet.symbols), symbols))


def items(count: int, seed: int = 0) -> list[tuple[np.ndarray, str]]:
    """Returns `count` normalized lines, uint8 [32, w], with their symbols; some have no row of digits to be found by."""
    rng = np.random.default_rng(seed)
    texts = [text(rng) for _ in range(count)]
    fields = [normalize_micr_line(picture(line)) for line in texts]
    width = PITCH * (_SYMBOLS - 1)
    return [
        (field.pixels, line) for field, line in zip(fields, texts, strict=True) if field.pixels.shape[1] > width
    ]


def written(folder: Path, texts: list[str]) -> labeled_lines.LabeledLines:
    """Writes a folder of printed lines with their labels; two lines in a row are of one check."""
    rows = ["file,text,group"]
    for number, label in enumerate(texts):
        Image.fromarray(picture(label)).save(folder / f"{number}.png")
        rows.append(f"{number}.png,{label},{number // 2}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    return labeled_lines.load(folder)


@functools.cache
def trained() -> Run:
    """Returns the run after `train`, which takes a few seconds: clean symbols are easily distinguished."""
    import keras

    folder = tempfile.mkdtemp(prefix="checkreader-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    run = Run(Path(folder) / "micr")
    run.path.mkdir()
    pictures, texts = zip(*items(_LINES), strict=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras, of its own use of TensorFlow and NumPy
        keras.utils.set_random_seed(0)
        model = NETWORK.build(keras, NETWORK.classes)
        labels = [NETWORK.alphabet.labels(line) for line in texts]
        tiny_sliding.fit(keras, model, spec.MICR, pictures, labels, _STEPS)
        NETWORK.fold(keras, model).save(run / "float.keras")
    run.record(
        "train",
        ["float.keras"],
        task="micr",
        preset="quick",
        config={"seed": 0},
        alphabet=NETWORK.alphabet.symbols,
        data={"name": "printed lines"},
        calibration=None,
    )
    return run


@functools.cache
def exported() -> Run:
    """Returns the run after `quantize` and `export`."""
    from pipeline.export.export import export
    from pipeline.quantization.field import FieldQuantizeConfig, quantize

    run = trained()
    quantize(run, FieldQuantizeConfig(), [pixels for pixels, _ in items(20, seed=2)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tf2onnx and the TFLite converter, of NumPy's and their own future
        export(run)
    return run


def copied(folder: Path) -> Run:
    """Copies the exported run for a test that changes it."""
    shutil.copytree(exported().path, folder / "run")
    return Run(folder / "run")
