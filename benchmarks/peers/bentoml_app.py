"""BentoML: `bentoml serve bentoml_app:Lenet5`."""

from __future__ import annotations

from typing import Annotated

import bentoml
import numpy as np
from bentoml.validators import DType, Shape
from network import load

Image = Annotated[np.ndarray, DType("float32"), Shape((1, 28, 28, 1))]


@bentoml.service(workers=1, logging={"access": {"enabled": False}}, metrics={"enabled": False})
class Lenet5:
    def __init__(self) -> None:
        self.classify = load()

    @bentoml.api
    async def predict(self, data: Image) -> list[float]:  # faster than list[float], and than no `async`
        return self.classify(data)
