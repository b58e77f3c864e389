from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import output
from pipeline.run import machine


def test_the_default_is_the_benchmarks_own_result() -> None:
    options = output.parser("runs", "Summarizes runs.").parse_args([])
    assert options.out == output.RESULTS / "runs.json"
    assert options.out.is_file()


def test_another_file(tmp_path: Path) -> None:
    options = output.parser("runs", "Summarizes runs.").parse_args(["--out", str(tmp_path / "mine.json")])
    assert options.out == tmp_path / "mine.json"


@pytest.mark.parametrize(
    ("cpu", "file"),
    [
        ("AMD EPYC", "amd-epyc.json"),
        ("Intel(R) Xeon(R) Processor", "intel-xeon-processor.json"),
        ("Intel(R) Core(TM) i7-8650U CPU @ 1.90GHz", "intel-core-i7-8650u-cpu-1-90ghz.json"),
    ],
)
def test_times_lie_in_a_file_a_processor(cpu: str, file: str) -> None:
    assert output.results_path("service", cpu) == output.RESULTS / "service" / file


def test_times_go_to_this_processors_file() -> None:
    options = output.parser_of_times("service", "Measures the service.").parse_args([])
    assert options.out == output.results_path("service", machine()["cpu"])


def test_each_committed_file_of_times_names_its_processor() -> None:
    paths = sorted(output.RESULTS.glob("*/*.json"))
    assert paths
    for path in paths:
        assert path == output.results_path(path.parent.name, json.loads(path.read_text())["machine"]["cpu"])
