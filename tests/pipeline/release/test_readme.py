from pathlib import Path

import pytest

from pipeline.release import model_card, readme, readme_limits
from pipeline.run import STAGES, write_json
from serving.errors import CheckreaderError
from tests.support.paths import ROOT
from tests.support.tiny_records import entry, records


@pytest.fixture
def found() -> dict[str, dict]:
    return records()


@pytest.fixture
def root(found: dict, tmp_path: Path) -> Path:
    for stage in STAGES:
        write_json(tmp_path / "models" / "records" / f"{stage}.json", found[stage])
    accuracy = {"lenet5": entry(0.9921), "lenet5-int8": entry(0.9919)}
    run = {"data": "mnist", "preset": "quick", "seed": 0, "accuracy": accuracy}
    run |= {"seconds": {"total": 330.0}, "machine": {"cpu": "CPU", "cores": 2}}
    mean = {"mnist release": {"seeds": [0, 1, 2], "lenet5": 0.9952, "lenet5-int8": 0.9950}}
    write_json(
        tmp_path / "benchmarks" / "results" / "runs.json", {"runs": {"mnist": run}, "mean_over_seeds": mean}
    )
    single = {"rate": 7000, "ratio": 0.912, "p50_ms": 0.2211}
    large = {"pictures_per_second": 80000, "ratio": 0.85}
    service = {"single": {name: single for name in ("json_1", "json_16", "binary_1", "binary_16")}}
    service |= {"rows_256": large, "batcher": {"more_us": 8.7}, "start_seconds": 0.456}
    service |= {"memory": {"resident_mb": {"before": 81.2, "100000": 83.4}}}
    write_json(tmp_path / "benchmarks" / "results" / "service.json", service)
    speed = {"rate_16": 2000.4, "p50_ms_1": 0.5, "resident_mb": 90.4, "ready_seconds": 1.23}
    peers = {"servers": {"checkreader": speed, "fastapi": speed}, "machine": {"cpu": "CPU", "cores": 2}}
    peers |= {"packages": {"checkreader": {}, "fastapi": {"fastapi": "0.165.0"}}}
    peers |= {"checkreader_to_peer": {"fastapi": {"rate_16": [2.0, 2.5, 9.0]}}}
    write_json(tmp_path / "benchmarks" / "results" / "peers.json", peers)
    workers = {"one": 8_000, "two": 13_000, "ratio": 1.625, "client_cpu": 0.141}
    released = {
        "rate": 1000.0,
        "window": 10.0,
        "releases": 61,
        "failed": 0,
        "ratio": {"one": 1.2, "often": 2.1},
    }
    released["p99_ms"] = {"steady": 2.3, "one": 2.76, "often": 4.83}
    operations = {"workers": {"json": workers, "picture": workers}, "release": released}
    operations |= {"page_bytes": {"files": 19_800, "wasm": 54_100}, "machine": {"cpu": "CPU", "cores": 2}}
    write_json(tmp_path / "benchmarks" / "results" / "operations.json", operations)
    c = {"flags": "-O3", "pictures": 10_000, "largest_difference_lsb": 0, "ratio": 0.812}
    edge = {"c": c, "cortex_m": {"cortex-m3": {"flash_bytes": 64_682, "ram_bytes": 5_880}}, "macs": 416_520}
    edge |= {"wasm_bytes": 68_367, "tflm_arena_bytes": 8_528, "machine": {"cpu": "CPU", "cores": 2}}
    npu = {"operators": 8, "cpu_operators": [], "sram_bytes": 10_656, "flash_bytes": 55_936}
    edge["ethos_u55"] = npu | {"inferences_per_second": 6_314.1, "clock_hz": 5e8}
    write_json(tmp_path / "benchmarks" / "results" / "edge.json", edge)
    run = {"instructions": 882_297_728, "peak_bytes": 54_292_480}
    extra = {"packages": {"numpy": "2.4.6"}, "installed_bytes": 150_929_535, "classify": run, "service": run}
    agreement = {
        "tflite_int8": {
            "golden": 20,
            "same_digit": 19,
            "largest_difference": 1.2e-7,
            "largest_difference_lsb": 1,
        },
        "onnx_int8": {"golden": 20, "same_digit": 20, "largest_difference": 0.0, "largest_difference_lsb": 2},
        "c": {"largest_difference_lsb": 0},
    }
    seeds = {str(i): {"validation_accuracy": 0.996 + i / 1e4} for i in range(2)}
    recipe = {"what": "labels alone", "seeds": seeds}
    recipe["mean"] = {"validation_accuracy": 0.9960, "log_loss": 0.01712, "accepted": 0.9434}
    fast = {**recipe, "what": "folded", "seeds": {"1": {"validation_accuracy": 0.9951}}}
    ceiling = {"recipes": {"labels": recipe, "release": recipe, "fast": fast}, "validation_pictures": 4_949}
    write_json(
        tmp_path / "benchmarks" / "results" / "folding.json", {"folded_against_plain": 2.78, "batch": 256}
    )
    write_json(tmp_path / "benchmarks" / "results" / "ceiling.json", ceiling)
    kinds = {
        kind: {"lenet5": {"raw": value, "normalized": value - 0.1}}
        for kind, value in (("fog", 0.99), ("zigzag", 0.94), ("stripe", 0.97), ("shear", 0.98))
    }
    corruptions = {"mean": {"lenet5": {"raw": 0.97, "normalized": 0.87}}, "kinds": kinds}
    write_json(tmp_path / "benchmarks" / "results" / "corruptions.json", corruptions)
    board = {"emulator": "QEMU 7.2", "pictures": 220, "edge": extra, "serve": extra, "agreement": agreement}
    write_json(tmp_path / "benchmarks" / "results" / "arm64.json", board)
    return tmp_path


def test_numbers(root: Path) -> None:
    _, _, *rows = readme.numbers(root / "benchmarks" / "results").splitlines()
    assert [row.split(" | ")[1] for row in rows] == ["99.52%", "99.50%", "5.5 (99.21%)"]
    assert "`make DATA=mnist`, 2 cores" in rows[2]


def test_limits(root: Path) -> None:
    lines = readme_limits.table(root / "benchmarks" / "results").splitlines()
    assert lines[2] == "| labels alone | 2 | 99.60% (99.60%–99.61%) | 0.0171 | 94.3% |"
    assert "4,949 pictures" in lines[6]
    assert lines[6].endswith("Over the 1 seeds that both have, `lenet5-fast` loses 0.10 points.")
    assert lines[10] == "| lenet5 | 97.0% | 87.0% |"
    assert "as they are: zigzag 94.0%, stripe 97.0%, shear 98.0%; normalized: zigzag 84.0%" in lines[-1]


def test_service(root: Path) -> None:
    lines = readme.service(root / "benchmarks" / "results").splitlines()
    assert lines[3] == "| fastapi 0.165.0 | 2,000 | 0.50 | 90 | 1.23 | 2.5 × |"
    facts = [line.split(" | ")[1].strip(" |") for line in lines[7:14]]
    assert facts == ["7,000, 91%", "7,000, 91%", "0.22, 0.22", "80,000, 85%", "9", "81, 83", "0.46"]


def test_operations(root: Path) -> None:
    _, _, *rows = readme.operations(root / "benchmarks" / "results").splitlines()[:8]
    found = [row.split(" | ")[1].strip(" |") for row in rows]
    assert found[0] == "8,000, 13,000: 1.62 × (14%)"
    assert found[2:] == ["0", "2.30, 2.76: 1.20 ×", "4.83: 2.10 ×", "20, 54"]


def test_edge(root: Path) -> None:
    lines = readme.edge(root / "benchmarks" / "results").splitlines()
    assert lines[2] == "| C, Cortex-M3, `-Os`, the classifier alone | 64,682 | 5,880 |"
    assert lines[4] == "| Arm Ethos-U55-128, by Vela's estimate | 55,936 | 10,656 |"
    assert "0.81 of the time" in lines[7]
    assert "all 8 operators; at 500 MHz Vela estimates 6,314 pictures/s" in lines[7]
    assert lines[11] == "| `.[edge]`: `checkreader classify`, one picture | 1 | 151 | 54 | 0.88 |"
    assert "emulated (QEMU 7.2)" in lines[-1]
    assert (
        "read 19 of 20 golden digits as released, the largest difference of a probability 1.2e-07"
        in lines[-1]
    )
    assert "at most 1 LSB in LiteRT, 2 in ONNX Runtime and 0 in the exported C" in lines[-1]


def test_only_the_blocks_are_renewed(found: dict, root: Path) -> None:
    text = (
        "# Title\n\n<!-- table -->\n| old |\n\\1\n<!-- /table -->\nThe rest, \\g<0>.\n"
        "<!-- numbers --><!-- /numbers --><!-- limits --><!-- /limits -->\n<!-- edge --><!-- /edge -->\n<!-- service --><!-- /service -->"
        "<!-- operations --><!-- /operations -->"
    )
    renewed = readme.renewed(text, root)
    table, numbers = model_card.format_table(found), readme.numbers(root / "benchmarks" / "results")
    edge, service = (
        readme.edge(root / "benchmarks" / "results"),
        readme.service(root / "benchmarks" / "results"),
    )
    operations, limited = (
        readme.operations(root / "benchmarks" / "results"),
        readme_limits.table(root / "benchmarks" / "results"),
    )
    assert renewed == (
        f"# Title\n\n<!-- table -->\n{table}\n<!-- /table -->\nThe rest, \\g<0>.\n"
        f"<!-- numbers -->\n{numbers}\n<!-- /numbers --><!-- limits -->\n{limited}\n<!-- /limits -->\n<!-- edge -->\n{edge}\n<!-- /edge -->\n"
        f"<!-- service -->\n{service}\n<!-- /service --><!-- operations -->\n{operations}\n<!-- /operations -->"
    )
    assert readme.renewed(renewed, root) == renewed


def test_a_text_without_markers_is_refused(root: Path) -> None:
    with pytest.raises(CheckreaderError, match="nothing to renew"):
        readme.renewed("no table here", root)


def test_readme_shows_the_released_numbers() -> None:
    """`python -m pipeline.release.readme README.md` would change nothing."""
    text = (ROOT / "README.md").read_text()
    assert readme.renewed(text, ROOT) == text
