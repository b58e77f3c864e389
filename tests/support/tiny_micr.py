"""One tiny MICR run for the whole session: a network that is sure that there is nothing to read, quantized and exported.

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
from pipeline.networks.lenet5_micr import NETWORK
from pipeline.run import Run
from tests.support.micr_lines import strip
from tests.support.tiny_lines import TinyLines

_SURE = 12.0  # logit of the blank


def written(folder: Path, texts: list[str]) -> labeled_lines.LabeledLines:
    """Writes a folder of printed lines with their labels; two lines in a row are of one check."""
    rows = ["file,text,group"]
    for number, text in enumerate(texts):
        Image.fromarray(strip(text)).save(folder / f"{number}.png")
        rows.append(f"{number}.png,{text},{number // 2}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    return labeled_lines.load(folder)


@functools.cache
def exported() -> Run:
    """Returns the run after `export`."""
    import keras

    from pipeline.export.export import export
    from pipeline.quantization.field import FieldQuantizeConfig, quantize

    folder = tempfile.mkdtemp(prefix="checkreader-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    run = Run(Path(folder) / "micr")
    run.path.mkdir()
    keras.utils.set_random_seed(0)
    model = NETWORK.build(keras, NETWORK.classes, normalized=False)
    logits = model.get_layer("logits")
    kernel, bias = logits.get_weights()
    bias[-1] = _SURE
    logits.set_weights([kernel / 10, bias])
    model.save(run / "float.keras")
    run.record(
        "train",
        ["float.keras"],
        task="micr",
        preset="quick",
        config={"seed": 4},
        alphabet=NETWORK.alphabet.symbols,
        data={"name": "printed lines"},
        calibration=None,
    )
    lines = [pixels for pixels, _ in TinyLines()(np.random.default_rng(0), 4)]
    quantize(run, FieldQuantizeConfig(), lines)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tf2onnx and the TFLite converter, of NumPy's and their own future
        export(run)
    return run


def copied(folder: Path) -> Run:
    """Copies the exported run for a test that changes it."""
    shutil.copytree(exported().path, folder / "run")
    return Run(folder / "run")
