import numpy as np
import pytest

from pipeline.synthesis import nondigits
from pipeline.synthesis.unseen_nondigits import KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_kind(kind: str) -> None:
    """Seeded, various, and with ink, without which rejecting would prove nothing."""
    first, second = (KINDS[kind](np.random.default_rng(3)) for _ in range(2))
    assert (first.dtype, first.shape) == (np.uint8, (64, 64))
    assert np.array_equal(first, second)
    pictures = nondigits.pictures(20, 0, (kind,), KINDS)
    assert len({picture.tobytes() for picture in pictures}) >= 15
    assert pictures.any((1, 2)).mean() >= 0.7


def test_as_many_kinds_as_are_seen() -> None:
    assert len(KINDS) == len(nondigits.KINDS)
    assert not set(KINDS) & set(nondigits.KINDS)
