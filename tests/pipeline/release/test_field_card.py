from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from pipeline.release import artifacts, field_card, readme
from pipeline.release import model_card as cards
from pipeline.run import write_json


def share(value: float, n: int = 780) -> dict[str, Any]:
    return {"value": value, "low": value - 0.02, "high": value + 0.02, "n": n}


def entry(rate: float, threshold: float | None, accepted: float) -> dict[str, Any]:
    return {
        "max_error": rate, "threshold": threshold, "error": 0.008, "low": 0.001, "high": 0.02,
        "accepted": accepted, "n": 780,
    }  # fmt: skip


def family(value: float) -> dict[str, Any]:
    return {
        "data": {"name": "checks"},
        "n": 780,
        "exact": share(value),
        "digit_error_rate": {"value": 0.0345},
        "by_length": [{"length": 4, **share(0.9, 100)}],
        "by_touching": {"touching": share(0.7, 80)},
        "by_separators": {"unknown": share(0.8)},
        "boxes": {"mean_iou": 0.712},
        "nonfields": {"n": 1000, "accepted": 2},
        "thresholds": [entry(0.02, 0.91, 0.613)],
        "measured": [entry(0.01, 0.95432, 0.512), entry(0.005, None, 0.0)],
    }


@pytest.fixture
def found() -> dict[str, Any]:
    pair = {"left": "reference", "right": "onnx_int8", "strings": 0.9975}
    speed = {"p50_ms": 0.4567, "images_per_second": 2345.6, "peak_mb": 81.6}
    return {
        "train": {
            "task": "field",
            "preset": "release",
            "config": {"seed": 3},
            "data": {"name": "drawn fields", "digits": {"name": "mnist"}, "fonts": {"caveat": "0", "kalam": "1"}},
            "calibration": {"refusals": ["0.005: needs at least 598 accepted fields"]},
        },
        "quantize": {"fields": 512},
        "export": {"files": {"export/lenet5-field-int8.onnx": {"bytes": 246_700}}},
        "verify": {"pictures": 600, "steps": 30_000, "float_and_int8": 0.995, "pairs": [pair]},
        "evaluate": {
            "families": {"lenet5-field": family(0.8123), "lenet5-field-int8": family(0.8110)},
            "difference": -0.0013,
            "trained_on": False,
        },
        "benchmark": {
            "batch": 16,
            "width": 128,
            "formats": {"onnx_int8": speed},
            "environment": {"machine": {"cpu": "Some CPU", "cores": 2}, "packages": {"onnxruntime": "1.31.0"}},
        },
    }  # fmt: skip


def test_reading_table(found: dict[str, Any]) -> None:
    head, rule, *rows = field_card.reading_table(found).splitlines()
    assert head.count("|") == rule.count("|") == rows[0].count("|") == 8
    assert rows[0] == ("| lenet5-field | checks, 780 | 81.23% | 79.23%–83.23% | 3.45% | 0.71 | 2 of 1,000 |")
    assert rows[-1] == "`lenet5-field` by kind: 4 digits 90.0% of 100, touching 70.0% of 80."


def test_threshold_table(found: dict[str, Any]) -> None:
    text = field_card.threshold_table(found)
    assert "| lenet5-field | 2.0% | 0.9100 | 61.3% | 0.80% | 0.10%–2.00% | stored |" in text
    assert (
        "| lenet5-field | 1.0% | 0.9543 | 51.2% | 0.80% | 0.10%–2.00% | measured on these very fields |"
        in text
    )
    assert (
        "| lenet5-field-int8 | 0.5% | – | 0 % | – | – | measured on these very fields: not reached |" in text
    )
    assert text.endswith("- 0.005: needs at least 598 accepted fields")


def test_format_table(found: dict[str, Any]) -> None:
    _, _, row, _, note = field_card.format_table(found).splitlines()
    assert row == "| onnx_int8 | 247 | 99.75% | 0.457 | 2,346 | 82 |"
    assert "600 fields and 30,000 steps" in note
    assert "a field of 128 columns, Some CPU (2 cores), ONNX Runtime 1.31.0" in note


def test_the_terms_are_those_of_the_run(found: dict[str, Any]) -> None:
    text = field_card.section(found)
    assert (
        "digits of mnist's writers, strokes drawn by the project, 2 handwriting fonts under the SIL" in text
    )
    assert (
        "Not trained, only measured and calibrated (confidence and thresholds), on checks (780 fields)."
        in text
    )
    assert "8 bits minus float: -0.13 points of exact strings" in text


def test_fields_that_were_trained_on_are_never_passed_off_as_new(found: dict[str, Any]) -> None:
    mine = copy.deepcopy(found)
    mine["train"]["data"] |= {"own": {"name": "checks", "n": 780}, "digits": None, "fonts": {}}
    mine["train"]["cross_validation"] = {"pooled": family(0.9)}
    mine["evaluate"]["trained_on"] = True
    text = field_card.section(mine)
    assert "Then trained on 780 labeled fields of checks." in text
    assert "Not trained" not in text
    assert "mnist" not in text
    assert "| lenet5-field, cross-validated | checks, 780 | 90.00% | 88.00%–92.00% |" in text
    assert "only the cross-validated row counts" in text


def test_a_run_prints_its_own_table(found: dict[str, Any]) -> None:
    assert cards.printed(found) == field_card.format_table(found)


def test_the_readme_gets_the_table_where_it_has_a_place_for_it(
    found: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readme, "BLOCKS", ())
    monkeypatch.setattr(field_card, "measured", lambda folder: f"by {folder.name}")
    for name in ("numbers", "edge", "service", "operations"):
        monkeypatch.setattr(readme, name, lambda *_: "")
    monkeypatch.setattr(cards, "format_table", lambda *_: "")
    monkeypatch.setattr(readme.readme_limits, "table", lambda _: "")
    for stage, record in found.items():
        write_json(tmp_path / "models" / "records" / f"{stage}.json", record)
    text = "a\n<!-- fields -->\nold\n<!-- /fields -->\nb"
    assert readme.renewed(text, tmp_path) == text  # nothing released
    for stage, record in found.items():
        write_json(tmp_path / "models" / artifacts.RECORDS["field"] / f"{stage}.json", record)
    wanted = f"a\n<!-- fields -->\n{field_card.reading_table(found)}\n\nby benchmarks\n<!-- /fields -->\nb"
    assert readme.renewed(text, tmp_path) == wanted
    assert readme.renewed("no place", tmp_path) == "no place"
