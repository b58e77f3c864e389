import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.evaluation.field_readings import recognize_nonfields
from pipeline.synthesis import nonfields
from pipeline.synthesis.nonfields import KINDS, UPSIDE_DOWN, pictures
from serving.images.field import normalize_field
from tests.support.field_readings import raw


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=10, deadline=None)
def test_kind_is_a_seeded_gray_picture(kind: str, seed: int) -> None:
    first, second = (KINDS[kind](np.random.default_rng(seed)) for _ in range(2))
    assert first.dtype == np.uint8
    assert first.ndim == 2
    assert min(first.shape) >= 16
    assert np.array_equal(first, second)


@pytest.mark.parametrize("kind", KINDS)
def test_kind_varies_and_is_wider_than_high(kind: str) -> None:
    made = [KINDS[kind](np.random.default_rng(seed)) for seed in range(30)]
    assert len({picture.tobytes() for picture in made}) == 30
    assert np.mean([picture.shape[1] > 1.2 * picture.shape[0] for picture in made]) > 0.9


@pytest.mark.parametrize("kind", ["noise", "texture", "shape", "scribble", "word", "printed"])
def test_drawn_ones_are_no_blank_fields(kind: str) -> None:
    """Were they blank to the normalization, rejecting them would prove nothing."""
    made = [normalize_field(KINDS[kind](np.random.default_rng(seed))) for seed in range(25)]
    assert np.mean([field.problem is None for field in made]) > 0.8


def test_kinds_take_turns() -> None:
    made = list(pictures(2 * len(KINDS) + 1, 4))
    assert [kind for kind, _ in made] == [*KINDS, *KINDS, "blank"]
    again = list(pictures(5, 4))
    assert all(np.array_equal(one[1], other[1]) for one, other in zip(made, again, strict=False))
    assert not np.array_equal(made[1][1], list(pictures(2, 5))[1][1])


def test_upside_down_fields_are_none_anymore() -> None:
    texts = iter(["1001", "69", "852", "1003", "7"])
    corner = np.zeros((4, 9), np.uint8)
    corner[0, 0] = 9
    drawn = []

    def field(rng: np.random.Generator) -> tuple[np.ndarray, str]:
        drawn.append(next(texts))
        return corner, drawn[-1]

    made = list(pictures(2 * len(KINDS) + 2, 0, field))
    assert [kind for kind, _ in made].count(UPSIDE_DOWN) == 2
    assert made[-1][0] == UPSIDE_DOWN
    assert made[-1][1][-1, -1] == 9
    assert drawn == ["1001", "69", "852", "1003", "7"]


@pytest.mark.parametrize("count", [0, 1, 64, 65, 130])
def test_read_keeps_kinds(count: int) -> None:
    def reader(given):
        assert 0 < len(given) <= 64
        return [raw(str(picture.shape[1])) for picture in given]

    found = recognize_nonfields(reader, count, 7)
    assert sum(map(len, found.values())) == count
    expected: dict[str, list[str]] = {}
    for kind, gray in pictures(count, 7):
        expected.setdefault(kind, []).append(str(gray.shape[1]))
    assert {kind: [one.text for one in raws] for kind, raws in found.items()} == expected


def test_sheet() -> None:
    assert nonfields.sheet(columns=2).size == (400, 64 * len(KINDS))
