"""The service's normalization of many pictures at once."""

from __future__ import annotations

import contextlib
import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Final

import numpy as np
import numpy.typing as npt

from serving.images.digit import normalize
from serving.runtime.cpu import cpus

_ALONE: Final = 1_000  # pictures from which on starting processes pays

Pixels = npt.NDArray[np.uint8]
Normalize = Callable[[Pixels], Pixels]


@contextlib.contextmanager
def parallel_normalizer() -> Iterator[Normalize]:
    """`serving.images.digit.normalize` for many pictures, uint8 [N, H, W] → [N, 28, 28], on all cores."""
    # Forked from a process in which TensorFlow has started threads, they could hang.
    with ProcessPoolExecutor(cpus(), multiprocessing.get_context("spawn")) as pool:

        def run(pictures: Pixels) -> Pixels:
            if len(pictures) < _ALONE:
                return np.stack([normalize(picture) for picture in pictures])
            return np.stack(list(pool.map(normalize, pictures, chunksize=250)))

        yield run
