import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.synthesis import nondigits
from pipeline.synthesis.nondigits import KINDS, pictures
from serving.images.digit import normalize

SEEDS = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize("kind", KINDS)
@given(seed=SEEDS)
@settings(max_examples=10, deadline=None)
def test_kind_is_a_seeded_gray_picture(kind: str, seed: int) -> None:
    first, second = (KINDS[kind](np.random.default_rng(seed)) for _ in range(2))
    assert first.dtype == np.uint8
    assert first.ndim == 2
    assert min(first.shape) >= 32
    assert np.array_equal(first, second)


@pytest.mark.parametrize("kind", KINDS)
def test_kind_varies(kind: str) -> None:
    assert len({picture.tobytes() for picture in pictures(30, 0, (kind,))}) >= (20 if kind != "blank" else 1)


def test_contract() -> None:
    found = pictures(24, 5)
    assert (found.shape, found.dtype) == ((24, 28, 28), np.uint8)
    assert np.array_equal(found, pictures(24, 5))
    assert np.array_equal(found[:7], pictures(7, 5))
    assert not np.array_equal(found, pictures(24, 6))
    assert pictures(0, 0).shape == (0, 28, 28)


def test_kinds_take_turns() -> None:
    assert list(KINDS) == ["blank", "noise", "texture", "shape", "scribble", "letter", "word", "printed"]
    called: list[str] = []
    rng_kinds = ("word", "blank", "shape")
    with pytest.MonkeyPatch.context() as patch:
        for kind in KINDS:
            patch.setitem(nondigits.KINDS, kind, lambda rng, kind=kind: called.append(kind) or np.zeros((9, 9), np.uint8))  # fmt: skip
        pictures(5, 0, rng_kinds)
    assert called == ["word", "blank", "shape", "word", "blank"]


@pytest.mark.parametrize("kind", ["texture", "shape", "scribble", "letter", "word", "printed"])
def test_drawn_ones_have_ink(kind: str) -> None:
    """Were they blank, rejecting them would prove nothing."""
    assert pictures(60, 1, (kind,)).any((1, 2)).all()


def test_noise_mostly_has_ink() -> None:
    assert pictures(100, 1, ("noise",)).any((1, 2)).mean() > 0.8


def test_blank_is_often_seen_as_blank() -> None:
    assert (~pictures(100, 1, ("blank",)).any((1, 2))).mean() > 0.4


def test_print_has_no_digit_and_no_double(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every character that is ever printed, caught at the brush."""
    seen: set[str] = set()
    original = nondigits.ImageDraw.ImageDraw.text

    def text(self, xy, text, *rest, **options):
        seen.add(text)
        return original(self, xy, text, *rest, **options)

    monkeypatch.setattr(nondigits.ImageDraw.ImageDraw, "text", text)
    rng = np.random.default_rng(0)
    for _ in range(400):
        nondigits.printed(rng)
    assert len(seen) > 30
    assert not seen & set("0123456789OoIilSsZzBbDGgqJ")


@pytest.mark.parametrize("seed", [1244, 4667])
def test_a_word_is_never_one_digit(seed: int) -> None:
    """Of these two normalization left one character, the others being faint, and a digit is to be accepted."""
    assert normalize(nondigits.word(np.random.default_rng(seed))).any(1).sum() < 12
