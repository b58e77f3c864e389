"""The chapter on one set of fields."""

from __future__ import annotations

from pathlib import Path

from pipeline.report import field_set
from pipeline.report.html import Block, Plot, SideBySide, Table, Text
from pipeline.run import Run
from tests.support.field_measures import evaluated


def blocks(**changes: object) -> list[Block]:
    families = evaluated(**changes).families
    return list(field_set.chapter(Run(Path("runs/field")), "set-1", "bank", families, ["A note."]).blocks)


def tables(**changes: object) -> dict[str, Table]:
    """The tables of the chapter by the first word of their heads' second column."""
    return {block.head[1]: block for block in blocks(**changes) if isinstance(block, Table)}


def plots(**changes: object) -> dict[str, Plot]:
    beside = [block for block in blocks(**changes) if isinstance(block, SideBySide)]
    return {plot.name: plot for block in beside for plot in block.blocks}


def test_accepted_and_wrong_are_counted() -> None:
    rows = tables()["wanted error"].rows
    assert rows[0] == ("lenet5-field", "2.0%", "0.9588", "20 (50.0%)", "1", "5.00%", "1.00%–10.00%")
    assert [row[0] for row in rows] == ["lenet5-field", "lenet5-field-int8"]
    assert tables()["≤ 2.0%"].rows == [("lenet5-field", "55.0%"), ("lenet5-field-int8", "55.0%")]


def test_without_thresholds_the_command_is_named() -> None:
    assert "wanted error" not in tables(thresholds=[])
    texts = [block.text for block in blocks(thresholds=[]) if isinstance(block, Text)]
    assert any("`checkreader calibrate --run field --data FOLDER`" in text for text in texts)


def test_errors_by_length_symbol_and_group() -> None:
    assert {"set-1-length", "set-1-symbols", "set-1-reliability", "set-1-error-reject"} == set(plots())
    assert "The most frequent: 4 read as 9, 3 times." in plots()["set-1-symbols"].caption
    assert tables()["n"].rows == [("neighboring digits touch", "10", "50.0%", "25.0%–55.0%")]
    assert ">30<" in plots()["set-1-length"].element  # fields with two digits


def test_the_reliability_diagram_says_what_it_leaves_out() -> None:
    caption = plots()["set-1-reliability"].caption
    assert "4 fields are left out that are never accepted" in caption
    assert "Calibration error 4.0%, before calibration 7.8%." in caption
    assert "out of fold" not in caption
    assert "out of fold" in plots(confidence="out-of-fold")["set-1-reliability"].caption


def test_pictures_that_hold_no_field() -> None:
    text = next(block.text for block in blocks() if isinstance(block, Text) and "no field" in block.text)
    assert (
        "Of 1,000 drawn pictures that hold no field lenet5-field accepts 7 at its threshold 0.9588." in text
    )
    assert tables()["lenet5-field"].rows == [("scribble", "0.4505", "0.4505")]


def test_what_was_not_measured_is_left_out() -> None:
    """As in a cross-validation, or by a record of an older version."""
    bare = {
        "nonfields": None,
        "reliability": [],
        "error_reject": [],
        "confusion": [],
        "by_length": [],
        "by_touching": {},
    }
    assert set(tables(**bare)) == {"wanted error", "≤ 2.0%"}
    assert plots(**bare) == {}
