from __future__ import annotations

import numpy as np
import pytest

from pipeline.data import mislabeled
from pipeline.synthesis import stroke_styles
from tests.support import unipen_files

DONORS = ("ab", "cd", "ef", "gh", "ij")


def digits(copies: int = 1) -> tuple[list[tuple[np.ndarray, ...]], np.ndarray, list[str]]:
    """Writes every digit by each donor in one style, bent differently each time."""
    rng = np.random.default_rng(0)
    rows = [
        (tuple(unipen_files.strokes(stroke_styles.DIGITS[label][0], rng)), label, donor)
        for donor in DONORS
        for label in range(10)
        for _ in range(copies)
    ]
    strokes, labels, donors = zip(*rows, strict=True)
    return list(strokes), np.array(labels), list(donors)


def test_right_labels_are_kept() -> None:
    assert not mislabeled.mislabeled(*digits()).any()


@pytest.mark.parametrize(("label", "other"), [(0, 1), (4, 8), (7, 2)])
def test_wrong_labels_are_taken_out(label: int, other: int) -> None:
    """Nothing else is, even though the mislabeled digit speaks for its label in the first round."""
    strokes, labels, donors = digits()
    labels[label] = other
    assert np.flatnonzero(mislabeled.mislabeled(strokes, labels, donors)).tolist() == [label]


def test_a_donor_cannot_vouch_for_itself() -> None:
    strokes, labels, donors = digits(copies=4)
    fours = np.flatnonzero((labels == 4) & (np.array(donors) == "ab"))
    labels[fours] = 8
    assert np.flatnonzero(mislabeled.mislabeled(strokes, labels, donors)).tolist() == fours.tolist()


def test_a_style_of_two_donors_stays() -> None:
    """Crossed sevens, which three donors do not write."""
    strokes, labels, donors = digits()
    rng = np.random.default_rng(1)
    for donor in ("ab", "cd", "ef", "gh"):
        index = next(i for i in range(len(labels)) if labels[i] == 7 and donors[i] == donor)
        strokes[index] = tuple(unipen_files.strokes(stroke_styles.DIGITS[7][1], rng))
    assert not mislabeled.mislabeled(strokes, labels, donors).any()


def test_a_stray_stroke_is_told_by_marks() -> None:
    """The foot of a one looks like no digit, but like a minus sign."""
    strokes, labels, donors = digits()
    rng = np.random.default_rng(1)
    minus = [tuple(unipen_files.strokes(stroke_styles.MARKS["-"][0], rng)) for _ in DONORS]
    strokes[1] = minus.pop(0)
    flags = mislabeled.mislabeled(strokes, labels, donors, minus, DONORS[1:])
    assert np.flatnonzero(flags).tolist() == [1]


def test_a_dot_is_no_digit() -> None:
    strokes, labels, donors = digits()
    strokes[1] = (np.ones((3, 2)), np.ones((1, 2)))
    assert np.flatnonzero(mislabeled.mislabeled(strokes, labels, donors)).tolist() == [1]


def test_the_mislabeled_mislead_nobody() -> None:
    """Copies of a donor's seven that are called four lie nearer to it than any seven."""
    strokes, labels, donors = digits()
    copies = mislabeled.NEIGHBORS
    strokes += [strokes[7]] * copies
    labels = np.append(labels, [4] * copies)
    flags = mislabeled.mislabeled(strokes, labels, [*donors, *["cd"] * copies])
    assert np.flatnonzero(flags).tolist() == [50, 51, 52]


def test_without_other_donors_nothing_is_taken_out() -> None:
    strokes, labels, _ = digits()
    assert not mislabeled.mislabeled(strokes[:10], labels[:10], ["ab"] * 10).any()


def test_descriptions_do_not_depend_on_size_place_and_slant() -> None:
    strokes = unipen_files.strokes(stroke_styles.DIGITS[5][0])
    expected = mislabeled.describe(strokes)
    slanted = [0.01 * stroke @ np.array([[1, 0], [-0.2, 1]]) + 77 for stroke in strokes]
    assert np.linalg.norm(mislabeled.describe(slanted) - expected) < 0.12 * np.linalg.norm(expected)
    turned = [stroke[:, ::-1] for stroke in strokes]
    assert np.linalg.norm(mislabeled.describe(turned) - expected) > 0.5 * np.linalg.norm(expected)


def test_sums_of_descriptions_are_exact() -> None:
    """Single precision holds whole numbers up to 2²⁴, so that no order of additions changes a distance."""
    rows = np.stack([mislabeled.describe(strokes) for strokes in digits()[0]])
    assert (rows == np.rint(rows)).all()
    assert 4 * (rows.astype(np.float64) ** 2).sum(1).max() < 2**24
