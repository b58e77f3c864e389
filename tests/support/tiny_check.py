"""One tiny run of `check-fields` for the whole session, quantized and exported, and folders of plain labeled checks.

Tests must not change the run; they take a `copied` one.
"""

from __future__ import annotations

import atexit
import functools
import json
import shutil
import tempfile
import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.data import labeled_checks
from pipeline.networks.check_fields import NETWORK
from pipeline.run import Run

PLACES = {
    "amount": (0.72, 0.3, 0.92, 0.4),
    "date": (0.7, 0.1, 0.9, 0.2),
    "micr": (0.1, 0.85, 0.7, 0.95),
    "words": (0.1, 0.45, 0.6, 0.55),
}


def picture(rng: np.random.Generator, width: int = 580, height: int = 260) -> tuple[np.ndarray, dict]:
    """Draws a check whose fields are stripes, each of another kind; returns it and the places of the fields."""
    pixels = rng.integers(200, 220, (height, width)).astype(np.uint8)
    places = {}
    for number, (field, (left, top, right, bottom)) in enumerate(PLACES.items()):
        x, y = rng.uniform(-0.04, 0.04, 2)
        places[field] = (left + x, top + y, right + x, bottom + y)
        box = np.array(places[field]) * (width, height, width, height)
        x0, y0, x1, y1 = box.astype(int).tolist()
        pixels[y0:y1, x0:x1][:, :: number + 2] = 30
    return pixels, places


def written(folder: Path, count: int) -> labeled_checks.LabeledChecks:
    """Writes a folder of `count` labeled checks."""
    folder.mkdir(parents=True, exist_ok=True)
    rng, lines = np.random.default_rng(5), []
    for number in range(count):
        pixels, places = picture(rng)
        height, width = pixels.shape
        Image.fromarray(pixels).save(folder / f"{number}.png")
        boxes = {
            field: [left * width, top * height, right * width, bottom * height]
            for field, (left, top, right, bottom) in places.items()
        }
        corners = [[0, 0], [width, 0], [width, height], [0, height]]
        label = {
            "file": f"{number}.png",
            "corners": corners,
            "boxes": boxes,
            "kind": ("scan", "photograph")[number % 2],
        }
        lines.append(json.dumps(label))
    (folder / "labels.jsonl").write_text("\n".join(lines) + "\n")
    return labeled_checks.load(folder)


def thumbnails(count: int) -> list[np.ndarray]:
    """Returns thumbnails uint8 [128, 288]."""
    from serving.recognition.check_locator import thumbnail

    rng = np.random.default_rng(9)
    return [thumbnail(picture(rng)[0]) for _ in range(count)]


@functools.cache
def exported() -> Run:
    """Returns the run after `export`; its network has small random weights."""
    import keras

    from pipeline.export.export import export
    from pipeline.quantization import field as quantization

    folder = tempfile.mkdtemp(prefix="checkreader-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    run = Run(Path(folder) / "check")
    run.path.mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras, of its own use of TensorFlow and NumPy
        keras.utils.set_random_seed(0)
        NETWORK.build(keras, NETWORK.classes, normalized=False).save(run / "float.keras")
        run.record(
            "train",
            ["float.keras"],
            task="check",
            preset="quick",
            config={"seed": 0},
            data={"name": "stripes", "n": 1, "sha256": "0"},
            calibration=None,
        )
        quantization.quantize(run, quantization.FieldQuantizeConfig(), thumbnails(4))
        export(run)
    return run


def copied(folder: Path) -> Run:
    """Copies the run into a folder."""
    shutil.copytree(exported().path, folder / "check")
    return Run(folder / "check")
