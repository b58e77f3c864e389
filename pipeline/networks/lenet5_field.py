"""LeNet-5 sliding over a field: one pass reads a whole amount.

The space-displacement network of LeCun, Bottou, Bengio, Haffner (Proc. IEEE
86(11), 1998, section VII) in its modern form: valid convolutions, the dense
layers written as convolutions, so that every step sees 32 rows and 40 columns,
a digit and half of each neighbor, of a picture of any width. Steps are 2
columns apart, since touching repeats such as 11 and 000 need a blank between
them. CTC aligns the steps' outputs with the labels (Graves, Fernández, Gomez,
Schmidhuber, ICML 2006).

    C1 5×5 → S2 2×2 → C3 3×3, 3×3 → S4 2×2 (1 column apart) → C5 3×3, 3×3 → F6 1×9 → logits

    python -m pipeline.networks.lenet5_field     # prints the table of layers, 277,776 parameters
"""

from __future__ import annotations

from typing import Final

from pipeline.networks.lenet5 import format_table
from pipeline.networks.sliding_network import SlidingNetwork
from serving.decoding.alphabet import DIGITS, EITHER, Alphabet
from serving.images.field import HEIGHT
from serving.manifest import Sliding

ALPHABET: Final = Alphabet(
    DIGITS + ".,/-x"
)  # that a training from scratch teaches; "x" stands for cents left out
CLASSES: Final = ALPHABET.blank + 1
POINTS: Final = ".,"  # the marks that `EITHER` stands for

# name, kernel rows and columns, filters; 2×2 subsampling after the layers in `_SUBSAMPLED`
_LAYERS: Final = (  # before the logits
    ("c1", (5, 5), 20),
    ("c3a", (3, 3), 40),
    ("c3b", (3, 3), 56),
    ("c5a", (3, 3), 80),
    ("c5b", (3, 3), 120),
    ("f6", (1, 9), 112),
)
_SUBSAMPLED: Final = {"c1": ("s2", (2, 2)), "c3b": ("s4", (2, 1))}  # name, rows and columns between windows

# The first step is centered on the first column of ink, the last step on the last column.
SLIDING: Final = Sliding(
    height=HEIGHT, receptive=40, stride=2, left=20, right=20, bucket=16, slants=(0.0, 0.12, -0.12)
)

NETWORK: Final = SlidingNetwork("lenet5-field", ALPHABET, _LAYERS, _SUBSAMPLED, SLIDING, DIGITS)


def translate(text: str, alphabet: Alphabet) -> str:
    """Writes a text in an alphabet's symbols.

    A point or comma that the alphabet lacks becomes `EITHER`; what else it lacks is left out.
    """
    either = EITHER if EITHER in alphabet.symbols else ""
    return "".join(char if char in alphabet.symbols else either if char in POINTS else "" for char in text)


def classes(text: str, alphabet: Alphabet) -> tuple[int, ...]:
    """Returns the classes of a text as `translate` writes it."""
    return alphabet.labels(translate(text, alphabet))


build, fold, deployable, table = NETWORK.build, NETWORK.fold, NETWORK.deployable, NETWORK.table


if __name__ == "__main__":
    print(format_table(table()))
