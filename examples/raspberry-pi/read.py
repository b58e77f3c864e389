"""Reads one handwritten digit on a Raspberry Pi (64 bit), from a picture or from its camera.

On the board, in a checkout:

    sudo apt install python3-venv python3-picamera2    # the latter for a camera, in Raspberry Pi OS
    python3 -m venv --system-site-packages .venv       # so that the environment sees it
    .venv/bin/pip install '.[edge]'
    .venv/bin/python examples/raspberry-pi/read.py models/golden/7a.png

prints `7, confidence 0.999, accepted`. Without a file it reads what the camera sees: one digit, in dark ink on
light paper, that fills a good part of the picture and has nothing else around it. What is not accepted says why, and
a human should look. Pictures are normalized, and answers judged, as by `checkreader classify` and the service.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from serving.decoding.thresholds import DigitPrediction, operating_point
from serving.errors import CheckreaderError
from serving.images.codec import Gray, decode
from serving.images.digit import normalize, tensor
from serving.images.pages import only_page
from serving.recognition import digits
from serving.repository.store import Repository

SETTLING = 30  # frames after which exposure and white balance have settled


def photograph() -> Gray:
    """Takes a picture, uint8 [480, 640], 0 = black.

    Raises:
        CheckreaderError: there is no camera, or no software for it.
    """
    try:
        from picamera2 import Picamera2
    except ImportError:
        raise CheckreaderError(
            "no camera software: apt install python3-picamera2, or name a picture"
        ) from None
    except ValueError:  # Raspberry Pi OS 12's picamera2 comes with a package that is built for NumPy 1
        raise CheckreaderError(
            "picamera2 needs: .venv/bin/pip install --force-reinstall simplejpeg"
        ) from None
    if not Picamera2.global_camera_info():
        raise CheckreaderError("no camera is connected: check its cable, or name a picture")
    with Picamera2() as camera:
        # This name means red first in the array.
        camera.configure(camera.create_still_configuration(main={"format": "BGR888", "size": (640, 480)}))
        camera.start()
        for _ in range(SETTLING):
            frame = camera.capture_array()
    return np.asarray(Image.fromarray(frame).convert("L"))


def read(gray: Gray) -> DigitPrediction:
    """Reads the digit in a picture, uint8 [height, width] of any size."""
    repository = Repository.open()
    loaded = repository.load(repository.manifest.default, "litert")
    source = digits.NormalizedDigits(normalize(gray)[np.newaxis], [1])
    (reading,) = digits.recognize(
        source, loaded.network.infer(tensor(source.pixels)), operating_point(loaded.model.thresholds)
    )
    return reading


def main() -> int:
    """Reads the named picture, or the camera's, and prints the digit; returns 1 on failure."""
    try:
        prediction = read(
            decode(only_page(Path(sys.argv[1]).read_bytes())) if len(sys.argv) > 1 else photograph()
        )
    except CheckreaderError as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(f"{error.filename}: {error.strerror}")
    verdict = "accepted" if prediction.accepted else f"not accepted, {prediction.reason}"
    print(f"{prediction.digit}, confidence {prediction.confidence:.3f}, {verdict}")
    return 0


def _fail(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
