"""Describes pictures that are read step by step, so that the service, folders and Python run the network in their own ways."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, Self, TypeVar

from serving.runtime.network import Floats

P_co = TypeVar("P_co", covariant=True)
R = TypeVar("R", bound="Reading[Any]")


class Reading(Protocol[P_co]):
    """Pictures, as far as they are read."""

    @property
    def images(self) -> Sequence[Floats]:
        """Returns what the network has to read next, float32 [N, height, width, 1] each; none = all is read."""

    @property
    def continued(self) -> bool:
        """Returns whether the network has read something of the pictures in the images before."""

    @property
    def predictions(self) -> Sequence[P_co]:
        """Returns one for each picture, where all is read."""

    def proceed(self, outputs: Sequence[Floats]) -> Self:
        """Decodes what the network read, float32 [N, T, K] for each image."""


def finish(reading: R, infer: Callable[[Floats], Floats]) -> R:
    """Reads to the end.

    Args:
        reading: as far as it is.
        infer: the network, float32 [N, height, width, 1] → probabilities float32 [N, T, K].
    """
    while reading.images:
        reading = reading.proceed([infer(image) for image in reading.images])
    return reading
