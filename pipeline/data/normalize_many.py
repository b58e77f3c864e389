"""Normalizes many pictures at once, as the service does."""

from __future__ import annotations

import contextlib
import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import numpy.typing as npt

from serving.images.digit import normalize
from serving.runtime.cpu import cpus

Pixels = npt.NDArray[np.uint8]
Normalize = Callable[[Pixels], Pixels]


@contextlib.contextmanager
def parallel_normalizer(serial: int = 1_000) -> Iterator[Normalize]:
    """Opens a pool of processes for `serving.images.digit.normalize`.

    Args:
        serial: fewer pictures than this are normalized in this process, since starting others does not pay.

    Yields:
        A function of pictures uint8 [N, H, W] that returns uint8 [N, 28, 28].
    """
    # Forked from a process in which TensorFlow has started threads, they could hang.
    with ProcessPoolExecutor(cpus(), multiprocessing.get_context("spawn")) as pool:

        def normalize_all(pictures: Pixels) -> Pixels:
            if len(pictures) < serial:
                return np.stack([normalize(picture) for picture in pictures])
            return np.stack(list(pool.map(normalize, pictures, chunksize=250)))

        yield normalize_all
