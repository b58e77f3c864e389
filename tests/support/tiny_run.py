"""One tiny run for the whole session: a few epochs on the embedded digits, quantized and exported.

Each stage runs when the first test needs it, and so does a second run of a network that does not fold. Tests must not
change the run; they take a `copied` one.
"""

from __future__ import annotations

import atexit
import dataclasses
import functools
import shutil
import tempfile
import warnings
from pathlib import Path

from pipeline.config import CLASSICAL, QuantizeConfig, TrainConfig
from pipeline.data.digits import Dataset, load
from pipeline.export.formats import FOLDER, FORMATS
from pipeline.run import Run

TRAIN = TrainConfig(data="digits", epochs=6, batch=64, averaging=0.9, affine=0.3, elastic=0.0, outliers=100)
QUANTIZE = QuantizeConfig(steps=60, batch=64, learning_rate=1e-3, calibration=200)


@functools.cache
def digits() -> Dataset:
    """Returns the embedded digits."""
    return load("digits")


def _temporary(name: str) -> Run:
    """Returns an empty run that is deleted when the tests end."""
    folder = tempfile.mkdtemp(prefix="checkreader-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Run(Path(folder) / name)


@functools.cache
def trained() -> Run:
    """Returns the run after `train`: an accuracy of about 90 %."""
    from pipeline.training.digit import train

    run = _temporary("tiny")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras, of its own use of TensorFlow and NumPy
        train(run, TRAIN, digits())
    return run


@functools.cache
def quantized() -> Run:
    """Returns the run after `quantize`."""
    from pipeline.quantization.digit import quantize

    run = trained()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tf_keras and the optimization toolkit, of their own future
        quantize(run, QUANTIZE, digits())
    return run


@functools.cache
def exported() -> Run:
    """Returns the run after `export`."""
    from pipeline.export.export import export

    run = quantized()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tf2onnx and the TFLite converter, of NumPy's and their own future
        export(run)
    return run


@functools.cache
def pooled() -> Run:
    """Returns the exported run of a network with max pooling, which does not fold into its convolutions."""
    from pipeline.export.export import export
    from pipeline.quantization.digit import quantize
    from pipeline.training.digit import train

    run = _temporary("pooled")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as above
        train(run, dataclasses.replace(TRAIN, network=CLASSICAL), digits())
        quantize(run, QUANTIZE, digits())
        export(run)
    return run


def copied(folder: Path) -> Run:
    """Copies the exported run for a test that changes it."""
    shutil.copytree(exported().path, folder / "run")
    return Run(folder / "run")


def record(run: Run) -> None:
    """Records the files as they are now as the exported ones."""
    files = [f"{FOLDER}/{file}" for row in FORMATS for file in row.writers]
    run.record("export", files, data={"name": "digits"}, refused={})
