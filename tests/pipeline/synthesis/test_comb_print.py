import math

import numpy as np
import pytest

from pipeline.synthesis import comb_print
from pipeline.synthesis.comb_print import Comb, Rule

COMB = Comb((0.0, 20.0, 40.0), 20.0, 30.0, 1.5, 3.0)


@pytest.mark.parametrize("kind", comb_print.LAYOUTS)
def test_rules_are_straight_and_stand_at_the_cells_edges(kind: str) -> None:
    layout, share, least, most = comb_print.LAYOUTS[kind]
    rules = layout(COMB, np.random.default_rng(0))
    assert 0 < share < 1
    assert 0 <= least <= most
    uprights = [rule for rule in rules if rule.start[0] == rule.stop[0]]
    assert {20.0, 40.0} <= {rule.start[0] for rule in uprights} <= {0.0, 20.0, 40.0, 60.0}
    assert {rule.stop[1] for rule in uprights} == {COMB.height}
    assert all(rule.start[1] == rule.stop[1] for rule in rules if rule not in uprights)


def test_a_rule_darkens_the_paper_where_it_is() -> None:
    rules = [Rule((10.0, 0.0), (10.0, 30.0), 2.0)]
    for seed in range(30):
        light = comb_print.form(rules, (40, 60), (5.0, 5.0), 0.0, np.random.default_rng(seed))
        assert light[8:33, 14:16].mean() < 0.95
        np.testing.assert_allclose(light[:, 20:], 1, atol=1e-3)
        np.testing.assert_allclose(light[38:], 1, atol=1e-3)


def test_a_turned_rule_keeps_its_distance_to_the_corner() -> None:
    turn = math.radians(2)
    light = comb_print.form(
        [Rule((100.0, 0.0), (100.0, 30.0), 2.0)], (60, 140), (10.0, 20.0), turn, np.random.default_rng(1)
    )
    row = int(20 + 100 * math.sin(turn) + 15)
    assert abs(int(light[row].argmin()) - (10 + 100 * math.cos(turn) - 15 * math.sin(turn))) < 1.5
