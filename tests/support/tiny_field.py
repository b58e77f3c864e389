"""One tiny field run for the whole session: a network that reads printed digits, quantized and exported.

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
from PIL import Image, ImageDraw, ImageFont

from pipeline.data import labeled_fields
from pipeline.export.formats import FIELD_FORMATS, FOLDER
from pipeline.networks import batching, lenet5_field, spec
from pipeline.networks.lenet5_field import ALPHABET, CLASSES, classes
from pipeline.run import Run
from serving.images.digit import tensor
from serving.images.field import normalize_field

_STEPS = 150
_SPARE = 6  # spaces around the digits


def picture(text: str, ink: int = 0, paper: int = 255) -> np.ndarray:
    """Prints digits and points, uint8 [40, w]."""
    font = ImageFont.load_default(28)
    width = int(font.getlength(" ".join(text))) + 2 * _SPARE
    image = Image.new("L", (width, 40), paper)
    ImageDraw.Draw(image).text((_SPARE, 2), " ".join(text), ink, font)
    return np.asarray(image)


def text(rng: np.random.Generator, most: int = 3) -> str:
    """Draws digits, at times with a point between two of them."""
    digits = "".join(map(str, rng.integers(0, 10, rng.integers(1, most + 1))))
    at = int(rng.integers(0, len(digits)))
    return f"{digits[:at]}.{digits[at:]}" if at and rng.random() < 0.4 else digits


def written(folder: Path, count: int) -> labeled_fields.Labeled:
    """Writes a folder of `count` printed fields with their labels."""
    rng, rows = np.random.default_rng(3), ["file,text"]
    for number in range(count):
        label = text(rng)
        Image.fromarray(picture(label)).save(folder / f"{number}.png")
        rows.append(f"{number}.png,{label}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    return labeled_fields.load(folder)


def fields(count: int, seed: int = 0, most: int = 3) -> list[np.ndarray]:
    """Returns `count` normalized fields, uint8 [32, w]."""
    rng = np.random.default_rng(seed)
    return [normalize_field(picture(text(rng, most))).pixels for _ in range(count)]


def untrained(folder: Path) -> Run:
    """Writes a run whose network is as it is before any training."""
    import keras

    run = Run(folder)
    lenet5_field.build(keras, CLASSES, normalized=False).save(run / "float.keras")
    run.record("train", ["float.keras"], task="field", config={}, data={}, alphabet=ALPHABET.symbols)
    return run


@functools.cache
def trained() -> Run:
    """Returns the run after `train`, which takes a few seconds: printed digits are easily distinguished."""
    import keras

    folder = tempfile.mkdtemp(prefix="checkreader-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    run = Run(Path(folder) / "field")
    run.path.mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras, of its own use of TensorFlow and NumPy
        keras.utils.set_random_seed(0)
        model = lenet5_field.build(keras, CLASSES)
        _fit(keras, model)
        lenet5_field.fold(keras, model).save(run / "float.keras")
    run.record(
        "train",
        ["float.keras"],
        task="field",
        preset="quick",
        config={"seed": 0},
        alphabet=ALPHABET.symbols,
        data={"name": "printed", "sha256": {"printed": "0"}},
        calibration=None,
    )
    return run


def _fit(keras, model) -> None:
    import tensorflow as tf

    rng = np.random.default_rng(1)
    texts = [text(rng) for _ in range(400)]
    (batch, *_) = batches = batching.make_batches(
        spec.FIELD, [normalize_field(picture(line)).pixels for line in texts]
    )
    optimizer = keras.optimizers.Adam(3e-3)
    optimizer.build(model.trainable_variables)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.9

    @tf.function(
        input_signature=(
            tf.TensorSpec(spec.FIELD.image, tf.float32),
            tf.TensorSpec((None,), tf.int32),
            tf.SparseTensorSpec((None, None), tf.int32),
        )
    )
    def step(image, steps, truth):
        with tf.GradientTape() as tape:
            logits = model(image, training=True)
            each = tf.nn.ctc_loss(
                truth, logits, None, steps, logits_time_major=False, blank_index=ALPHABET.blank
            )
            loss = tf.reduce_mean(each)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))

    for _ in range(_STEPS):
        batch = batches[rng.integers(len(batches))]
        rows = rng.choice(len(batch.numbers), min(8, len(batch.numbers)), replace=False)
        truth = tf.ragged.constant([classes(texts[batch.numbers[row]], ALPHABET) for row in rows], tf.int32)
        step(tensor(batch.pixels[rows]), batch.steps[rows].astype(np.int32), truth.to_sparse())


@functools.cache
def quantized() -> Run:
    """Returns the run after `quantize`."""
    from pipeline.quantization.field import FieldQuantizeConfig, quantize

    quantize(trained(), FieldQuantizeConfig(), fields(20, seed=2))
    return trained()


@functools.cache
def exported() -> Run:
    """Returns the run after `export`."""
    from pipeline.export.export import export

    run = quantized()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tf2onnx and the TFLite converter, of NumPy's and their own future
        export(run)
    return run


def copied(folder: Path) -> Run:
    """Copies the exported run for a test that changes it."""
    shutil.copytree(exported().path, folder / "run")
    return Run(folder / "run")


def record(run: Run) -> None:
    """Records the files as they are now as the exported ones."""
    run.record(
        "export", [f"{FOLDER}/{row.file}" for row in FIELD_FORMATS], data={"name": "printed"}, refused={}
    )
