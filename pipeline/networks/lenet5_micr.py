"""LeNet-5 sliding over a MICR line: one pass reads all of its E-13B symbols.

The machinery of `lenet5_field` with fewer filters and a coarser step: symbols of one pitch, 18 columns, need no step for
every two columns. A step sees 40 columns, a symbol and half of each neighbor, and steps are 4 columns apart.

    python -m pipeline.networks.lenet5_micr     # prints the table of layers
"""

from __future__ import annotations

from typing import Final

from pipeline.networks.lenet5 import format_table
from pipeline.networks.sliding_network import SlidingNetwork
from serving.decoding.alphabet import DIGITS, Alphabet
from serving.images.micr_line import HEIGHT
from serving.manifest import Sliding

_SYMBOLS: Final = DIGITS + "ABCD"  # transit, amount, on-us, dash
NETWORK: Final = SlidingNetwork(
    "lenet5-micr",
    Alphabet(_SYMBOLS),
    (
        ("c1", (5, 5), 16),
        ("c3a", (3, 3), 24),
        ("c3b", (3, 3), 40),
        ("c5a", (3, 3), 64),
        ("c5b", (3, 3), 96),
        ("f6", (1, 3), 96),
    ),
    {"c1": ("s2", (2, 2)), "c3b": ("s4", (2, 2))},
    Sliding(height=HEIGHT, receptive=40, stride=4, left=20, right=20, bucket=32),
    _SYMBOLS,
)


if __name__ == "__main__":
    print(format_table(NETWORK.table()))
