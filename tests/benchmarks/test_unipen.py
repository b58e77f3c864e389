from __future__ import annotations

from pathlib import Path

from benchmarks import unipen
from pipeline.data import pen_digits
from tests.support import unipen_files


def test_measure(tmp_path: Path) -> None:
    """Of invented strokes nearly all are read, and one with a wrong label counts where it belongs."""
    unipen_files.write_digits(tmp_path, ["ab", "app", "ced"], copies=1)
    file = tmp_path / "data" / "1a" / "ced" / "ced1.dat"
    file.write_text(file.read_text().replace('"7"', '"8"'))
    digits = pen_digits.load(tmp_path)
    assert digits is not None
    record = unipen.measure(digits, papers=6)
    assert record["data"] == digits.record()
    for kinds in record["models"].values():
        for parts in kinds.values():
            filtered, unfiltered = parts["validation"], parts["validation_unfiltered"]
            assert (filtered["pictures"], unfiltered["pictures"]) == (19, 20)
            assert unfiltered["right"] == filtered["right"]
            assert {donor: row["pictures"] for donor, row in parts["donors"].items()} == {
                "ab": 10,
                "app": 10,
                "ced": 10,
            }
            low, high = filtered["interval"]
            assert low <= filtered["accuracy"] == filtered["right"] / 19 <= high
            assert filtered["accepted_wrong"] <= filtered["accepted"]
        assert kinds["plain"]["validation"]["right"] >= 18
