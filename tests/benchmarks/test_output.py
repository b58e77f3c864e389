from __future__ import annotations

from pathlib import Path

from benchmarks import output


def test_the_default_is_the_benchmarks_own_result() -> None:
    options = output.parser("runs", "Summarizes runs.").parse_args([])
    assert options.out == output.RESULTS / "runs.json"
    assert options.out.is_file()


def test_another_file(tmp_path: Path) -> None:
    options = output.parser("runs", "Summarizes runs.").parse_args(["--out", str(tmp_path / "mine.json")])
    assert options.out == tmp_path / "mine.json"
