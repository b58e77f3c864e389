"""Reads digits and amounts from whatever a program has at hand.

    .venv/bin/python examples/python/read.py

in a checkout, with the extra `serve` or `edge` installed.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

import checkreader

GOLDEN = Path(__file__).resolve().parents[2] / "models" / "golden"


def main() -> None:
    """Prints what is read of a path, bytes, an array, a PIL image and a list of pictures."""
    reader = checkreader.open()
    print("path ", reader.digit(GOLDEN / "7a.png"))
    print("bytes", reader.digit((GOLDEN / "3b.png").read_bytes()))
    image = Image.open(GOLDEN / "4a.png")
    print("array", reader.digit(np.asarray(image)))
    print("image", reader.digit(image))
    for file, digit in zip(
        "abc", reader.digit([GOLDEN / f"{value}a.png" for value in range(3)]), strict=True
    ):
        print("list ", file, digit)

    amount = reader.amount(GOLDEN / "field-b.png", max_error=0.05)
    print("amount", amount)
    for digit in amount.digits:
        print("  ", digit.digit, f"{digit.probability:.3f}", digit.box)
    try:
        reader.digit("nowhere.png")
    except checkreader.Error as error:
        print("error", error)


if __name__ == "__main__":
    main()
