"""What is said of equal parameters and equal accuracy."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.report import fully_connected
from pipeline.report.html import Text


def record(**accuracies: tuple[float, float]) -> dict[str, Any]:
    """Two seeds of each network."""
    parameters = {"max": 61_706, "half": 15_738, "connected_78": 62_020, "connected_1200": 2_395_210}
    trainings = [
        {
            "name": name.replace("_", "-"),
            "seed": seed,
            "parameters": parameters[name],
            "accuracy": value,
            "shifted": [value],
        }
        for name, values in accuracies.items()
        for seed, value in enumerate(values)
    ]
    return {
        "budget": {"epochs": 3, "seeds": [0, 1]},
        "data": {"validation": 4_949, "name": "mnist"},
        "trainings": trainings,
    }


@pytest.mark.parametrize(
    ("best", "said"),
    [
        (
            (0.984, 0.986),
            "To reach 98.50%, within the spread of LeNet-5's seeds (98.50%–98.90%), it takes 2,395,210 parameters, 38.8 times",
        ),
        (
            (0.991, 0.993),
            "To reach 99.20%, above the spread of LeNet-5's seeds (98.50%–98.90%), it takes 2,395,210",
        ),
        (
            (0.982, 0.984),
            "No fully connected network that was tried is as accurate: the best, with 2,395,210",
        ),
    ],
)
def test_equal_accuracy(best: tuple[float, float], said: str) -> None:
    networks = {"max": (0.985, 0.989), "half": (0.981, 0.981), "connected_78": (0.961, 0.961)}
    blocks, sizes = fully_connected.comparison(record(**networks, connected_1200=best))
    (text,) = [block.text for block in blocks if isinstance(block, Text)]
    assert said in text
    assert "3.0 times as many errors" in text
    assert (
        "Turned around, 15,738 parameters in convolutions reach 98.10%, no less than the 96.10% of the 62,020 in the fully "
        "connected network" in text
    )
    assert sizes["300"]["connected-1200"] > 100e6


def test_nothing_is_called_as_accurate_that_the_table_shows_below() -> None:
    """Within the spread of the other's seeds, but less accurate."""
    networks = {"max": (0.99, 0.99), "half": (0.964, 0.964), "connected_78": (0.96, 0.97)}
    blocks, _ = fully_connected.comparison(record(**networks))
    (text,) = [block.text for block in blocks if isinstance(block, Text)]
    assert "15,738" not in text
    assert "equal" not in text


def test_without_networks_there_is_no_table() -> None:
    blocks, sizes = fully_connected.comparison(record())
    assert [type(block) for block in blocks] == [Text]
    assert set(sizes) == {"28", "100", "300"}
