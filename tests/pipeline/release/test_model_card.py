import pytest

from pipeline.release import model_card
from tests.support.paths import ROOT
from tests.support.tiny_records import records


@pytest.fixture
def found() -> dict[str, dict]:
    return records()


def test_format_table(found: dict) -> None:
    head, rule, *rows, empty, note = model_card.format_table(found).splitlines()
    assert head.count("|") == rule.count("|") == 7
    assert rows == [
        "| tflite_int8 | 70 | 99.49% | 0.061 | 123,457 | 82 |",
        "| onnx_float32 | 250 | 99.57% | 0.061 | 123,457 | 82 |",
    ]
    assert empty == ""
    assert "10,000 pictures of mnist test" in note
    assert "Some\\1 CPU (2 cores)" in note


def test_threshold_table(found: dict) -> None:
    _, _, row = model_card.threshold_table(found).splitlines()
    assert row == "| lenet5 | 1.0% | 0.6180 | 99.87% | 0.123% | 0.070%–0.200% |"


def test_model_card_shows_the_released_numbers() -> None:
    text = (ROOT / "models" / "README.md").read_text()
    found = model_card.records(ROOT / "models" / "records")
    assert model_card.format_table(found) in text
    assert model_card.threshold_table(found) in text
