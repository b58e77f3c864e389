"""Prints pictures of digits, all of one size, as the array that main.c reads.

python pictures.py FILE... > pictures.h
"""

import sys
from pathlib import Path

import numpy as np

from serving.images.codec import decode
from serving.images.pages import only_page

pictures = np.stack([decode(only_page(Path(name).read_bytes())) for name in sys.argv[1:]])
count, height, width = pictures.shape
print(f"enum {{ COUNT = {count}, HEIGHT = {height}, WIDTH = {width} }};")
print("static const uint8_t pictures[COUNT][HEIGHT][WIDTH] =")
print(str(pictures.tolist()).replace("[", "{").replace("]", "}") + ";")
