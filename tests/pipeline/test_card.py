from pathlib import Path

import pytest

from pipeline import card
from pipeline.run import STAGES, write_json
from serving.errors import CheckdigitError

ROOT = Path(card.__file__).parents[1]


def entry(value: float) -> dict[str, object]:
    return {"value": value, "low": value - 0.01, "high": value + 0.01, "n": 10_000, "data": "mnist test"}


@pytest.fixture
def found() -> dict[str, dict]:
    """Records with what the tables need: two formats measured, others not."""
    speed = {"p50_ms": 0.0614, "images_per_second": 123_456.7, "peak_mb": 81.6}
    thresholds = [
        {"max_error": 0.01, "threshold": 0.61803, "accepted": 0.9987, "error": 0.00123, "low": 0.0007, "high": 0.002}
    ]  # fmt: skip
    return {
        "train": {},
        "quantize": {},
        "export": {
            "files": {
                "export/lenet5.onnx": {"bytes": 249_500},
                "export/lenet5-int8.tflite": {"bytes": 70_400},
            }
        },
        "verify": {},
        "evaluate": {
            "formats": {"onnx_float32": entry(0.9957), "tflite_int8": entry(0.9949)},
            "families": {"lenet5": {"thresholds": thresholds}, "lenet5-int8": {"thresholds": []}},
        },
        "benchmark": {
            "formats": {"onnx_float32": speed, "tflite_int8": speed},
            "environment": {
                "machine": {"cpu": "Some\\1 CPU", "cores": 2},
                "packages": {"onnxruntime": "1.31.0"},
            },
        },
    }


def test_format_table(found: dict) -> None:
    head, rule, *rows, empty, note = card.format_table(found).splitlines()
    assert head.count("|") == rule.count("|") == 7
    assert rows == [
        "| tflite_int8 | 70 | 99.49% | 0.061 | 123,457 | 82 |",
        "| onnx_float32 | 250 | 99.57% | 0.061 | 123,457 | 82 |",
    ]
    assert empty == ""
    assert "10,000 pictures of mnist test" in note
    assert "Some\\1 CPU (2 cores)" in note


def test_threshold_table(found: dict) -> None:
    _, _, row = card.threshold_table(found).splitlines()
    assert row == "| lenet5 | 1.0% | 0.6180 | 99.87% | 0.123% | 0.070%–0.200% |"


@pytest.fixture
def root(found: dict, tmp_path: Path) -> Path:
    for stage in STAGES:
        write_json(tmp_path / "models" / "records" / f"{stage}.json", found[stage])
    accuracy = {"lenet5": entry(0.9921), "lenet5-int8": entry(0.9919)}
    run = {"data": "mnist", "preset": "quick", "seed": 0, "accuracy": accuracy}
    run |= {"seconds": {"total": 330.0}, "machine": {"cpu": "CPU", "cores": 2}}
    mean = {"mnist release": {"seeds": [0, 1, 2], "lenet5": 0.9952, "lenet5-int8": 0.9950}}
    write_json(tmp_path / "benchmarks" / "runs.json", {"runs": {"mnist": run}, "mean_over_seeds": mean})
    write_json(tmp_path / "benchmarks" / "startup.json", {"seconds": 0.456, "resident_mb": 71.2})
    return tmp_path


def test_numbers(root: Path) -> None:
    _, _, *rows = card.numbers(root / "benchmarks").splitlines()
    assert [row.split(" | ")[1] for row in rows] == ["99.52%", "99.50%", "5.5 (99.21%)", "0.46, 71"]
    assert "`make DATA=mnist`, 2 cores" in rows[2]


def test_only_the_blocks_are_renewed(found: dict, root: Path) -> None:
    text = "# Title\n\n<!-- table -->\n| old |\n\\1\n<!-- /table -->\nThe rest, \\g<0>.\n<!-- numbers --><!-- /numbers -->"
    renewed = card.renewed(text, root)
    table, numbers = card.format_table(found), card.numbers(root / "benchmarks")
    assert renewed == (
        f"# Title\n\n<!-- table -->\n{table}\n<!-- /table -->\nThe rest, \\g<0>.\n"
        f"<!-- numbers -->\n{numbers}\n<!-- /numbers -->"
    )
    assert card.renewed(renewed, root) == renewed


def test_a_text_without_markers_is_refused(root: Path) -> None:
    with pytest.raises(CheckdigitError, match="nothing to renew"):
        card.renewed("no table here", root)


def test_readme_shows_the_released_numbers() -> None:
    """`python -m pipeline.card README.md` would change nothing."""
    text = (ROOT / "README.md").read_text()
    assert card.renewed(text, ROOT) == text


def test_model_card_shows_the_released_numbers() -> None:
    text = (ROOT / "models" / "README.md").read_text()
    found = card.records(ROOT / "models" / "records")
    assert card.format_table(found) in text
    assert card.threshold_table(found) in text
