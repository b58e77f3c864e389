"""A sampler of lines that costs nothing: bars, as many as the text has symbols."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from pipeline.synthesis.sampler import Item


@dataclasses.dataclass(frozen=True)
class TinyLines:
    """Stands for `MicrSampler`."""

    def __call__(self, rng: np.random.Generator, count: int) -> list[Item]:
        items = []
        for _ in range(count):
            symbols = int(rng.integers(1, 4))
            pixels = np.zeros((32, 18 * symbols), np.uint8)
            pixels[6:26, 4::18] = 255
            items.append((pixels, "A" * symbols))
        return items

    def settings(self) -> TinyLines:
        return self

    def validation(self) -> TinyLines:
        return self

    def record(self) -> dict[str, Any]:
        return {"name": "bars"}
