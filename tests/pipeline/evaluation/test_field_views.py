from __future__ import annotations

import dataclasses

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.evaluation import field_views
from pipeline.networks.lenet5_field import SLIDING
from tests.support.field_readings import raw

UPRIGHT = msgspec.structs.replace(SLIDING, slants=(0.0,))


def read(probabilities: list[float]) -> list:
    return [raw("1", probability) for probability in probabilities]


def views(probabilities: list[float], sure: float) -> float:
    return sum(1 if p >= sure else len(SLIDING.slants) for p in probabilities) / len(probabilities)


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=200), st.floats(1.0, 3.0))
def test_no_more_views_than_wanted(probabilities: list[float], most: float) -> None:
    sure = field_views.with_bound(SLIDING, read(probabilities), most).sure
    assert sure is not None
    assert views(probabilities, sure) <= most + 1e-9


def test_the_largest_such_bound() -> None:
    probabilities = [step / 1000 for step in range(1000)]
    sliding = field_views.with_bound(SLIDING, read(probabilities), 1.3)
    assert sliding == msgspec.structs.replace(SLIDING, sure=0.15)
    assert views(probabilities, 0.15) == pytest.approx(1.3)


def test_unreadable_fields_take_no_views() -> None:
    unreadable = dataclasses.replace(raw("", 0.0, problem="blank"), views=0)
    first = [*read([0.5, 0.75]), *[unreadable] * 8]
    assert field_views.with_bound(SLIDING, first, 1.3).sure == 0.5
    assert field_views.with_bound(SLIDING, [unreadable], 1.3) == SLIDING


def test_fitted_on_the_upright_view() -> None:
    asked = []

    def make_recognizer(sliding):
        asked.append(sliding)
        return lambda pictures: read([0.25])

    class Field:
        def __len__(self) -> int:
            return 1

        def picture(self, index: int) -> None:
            pass

    assert field_views.fit(make_recognizer, SLIDING, Field(), 1.3).sure == 0.25
    assert asked == [UPRIGHT]
    assert field_views.fit(make_recognizer, UPRIGHT, Field(), 1.3) == UPRIGHT
    assert asked == [UPRIGHT]


def test_mean_views() -> None:
    fields = [raw("1", 0.5), raw("2", 0.5)]
    assert field_views.mean_views(fields) == 1.0
