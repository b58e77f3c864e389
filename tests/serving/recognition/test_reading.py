"""Pictures are read step by step until the network has nothing more to read."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from serving.recognition.reading import finish
from serving.runtime.network import Floats


@dataclass(frozen=True)
class Countdown:
    """Wants the network as often as its number says."""

    number: int
    predictions: list[float]

    @property
    def images(self) -> list[Floats]:
        return [np.full((1, 1, 1, 1), self.number, np.float32)] if self.number else []

    @property
    def continued(self) -> bool:
        return bool(self.predictions)

    def proceed(self, outputs: list[Floats]) -> Countdown:
        (output,) = outputs
        return replace(self, number=self.number - 1, predictions=[*self.predictions, float(output.sum())])


def test_the_network_reads_what_is_left() -> None:
    assert finish(Countdown(3, []), lambda image: 10 * image).predictions == [30, 20, 10]
    assert finish(Countdown(0, []), lambda image: image).predictions == []
