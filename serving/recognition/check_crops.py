"""Cuts the pictures of a check out that a person needs to see who reads what the networks left in doubt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from serving.images.codec import Gray, decode_frame
from serving.recognition.fields import LocatedField
from serving.recognition.located_check import LocatedCheck, with_margin


@dataclass(frozen=True, eq=False)
class CheckCrops:
    """A check and its fields as pictures.

    Attributes:
        flat: uint8 [h, w], the check the right way up.
        fields: uint8 [h, w] of each field that was found, as it is read: with the same margin.
    """

    flat: Gray
    fields: Mapping[str, Gray]


def crop_check(encoded: bytes, check: LocatedCheck) -> CheckCrops:
    """Cuts out the pictures of a check.

    Args:
        encoded: the page that it is on, as an encoded picture.
        check: what was found there, with a paper.

    Raises:
        CheckreaderError: the picture cannot be decoded.
    """
    assert check.perspective is not None
    flat = check.perspective.flatten(decode_frame(encoded).square())
    fields = {name: _part(flat, source) for name, source in check.fields.items()}
    rest = {name: with_margin(flat, box, name)[0] for name, box in check.boxes.items() if name not in fields}
    return CheckCrops(flat, fields | rest)


def _part(flat: Gray, source: LocatedField) -> Gray:
    """Returns the part of a flat check that a field was normalized from."""
    (left, top), (width, height) = source.corner, source.size
    return np.ascontiguousarray(flat[top : top + height, left : left + width])
