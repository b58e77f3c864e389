"""The chapter on the field network."""

from __future__ import annotations

import pytest

from pipeline.evaluation import evaluated_sets
from pipeline.networks import lenet5_field
from pipeline.networks.lenet5_field import ALPHABET
from pipeline.report import field_network
from pipeline.report.field_run_data import FieldRunData
from pipeline.report.html import Plot, Table
from serving.images.sliding_window import steps
from tests.support import tiny_field


@pytest.fixture(scope="module")
def run_data() -> FieldRunData:
    return FieldRunData.of(tiny_field.exported())


@pytest.mark.parametrize(
    ("path", "text"),
    [("--66--3-", "63"), ("1-1", "11"), ("111", "1"), ("----", ""), ("7,0", "7,0")],
)
def test_what_the_best_steps_spell(path: str, text: str) -> None:
    best = [ALPHABET.blank if char == "-" else ALPHABET.symbols.index(char) for char in path]
    assert field_network.collapse(best, ALPHABET) == text


def test_the_example_is_drawn_and_read_by_the_served_file(run_data: FieldRunData) -> None:
    example = field_network.draw_example(run_data)
    count, classes = example.probabilities.shape
    assert (count, classes) == (steps(example.pixels.shape[1], lenet5_field.SLIDING), ALPHABET.blank + 1)
    assert example.probabilities.sum(1) == pytest.approx(1, abs=1e-5)
    assert 5 <= len(example.text) <= 8
    again = field_network.draw_example(run_data)
    assert (again.pixels == example.pixels).all()


def test_the_layers_are_the_network_s(run_data: FieldRunData) -> None:
    chapter = field_network.chapter(run_data)
    table = next(block for block in chapter.blocks if isinstance(block, Table))
    assert [row[0] for row in table.rows] == ["C1", "S2", "C3A", "C3B", "S4", "C5A", "C5B", "F6", "logits"]
    assert chapter.numbers["parameters"] == 277_776
    assert table.rows[-1][-1] == "40"
    plot = next(block for block in chapter.blocks if isinstance(block, Plot))
    assert "<image" not in plot.element  # a picture of pixels would stay black on a dark page


def test_run_data_of_what_was_not_evaluated(run_data: FieldRunData) -> None:
    assert (run_data.sets, run_data.outdated, run_data.cross_validated) == ((), (), None)
    assert run_data.alphabet == ALPHABET
    assert not (run_data.run / evaluated_sets.FILE).exists()
