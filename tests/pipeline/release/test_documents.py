from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import jinja2
import msgspec
import pytest

from pipeline.records import FieldRecords, MicrRecords, Records
from pipeline.release import documents
from pipeline.release.card import model_card
from pipeline.run import write_json
from serving.errors import CheckreaderError
from serving.manifest import Artifact, Manifest, Model, Tensor
from tests.support import tiny_records
from tests.support.paths import ROOT

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.fixture
def records() -> dict[str, Any]:
    return tiny_records.digit_records()


@pytest.fixture
def field_records() -> dict[str, Any]:
    return tiny_records.field_records()


@pytest.fixture
def root(records: dict[str, Any], tmp_path: Path) -> Path:
    """A checkout with results, and with a digit release alone."""
    tiny_records.write_records(tmp_path / "models" / "records", records)
    tiny_records.write_results(tmp_path)
    return tmp_path


@pytest.fixture
def manifest() -> Manifest:
    image, file = Tensor("image", "FP32", [-1, 28, 28, 1]), "repository/lenet5/1/model.onnx"
    model = Model("1", "digit", image, [Artifact(file, "0", 249_500, "onnx_float32", "onnxruntime")])
    return Manifest(
        1, "0.3.0", "lenet5", {"lenet5": model}, {}, tool_versions={"keras": "3.15.1", "onnx": "1.23"}
    )


def card(
    records: dict[str, Any], manifest: Manifest, field_records: dict[str, Any] | None = None
) -> list[str]:
    typed = msgspec.convert(records, Records)
    return model_card(manifest, typed, msgspec.convert(field_records, FieldRecords | None)).splitlines()


def table(records: dict[str, Any], folder: Path) -> str:
    tiny_records.write_records(folder, records)
    return documents.run_table(folder)


# What is committed


def test_no_table_of_times_lacks_a_processor() -> None:
    """In each table whose columns or rows are of times, or in the paragraph after it, there is a measured processor's name."""
    times = re.compile(r"\b(?:ms|µs|minutes)\b|/s\b")
    records = [json.loads(path.read_text()) for path in (ROOT / documents.RESULTS).glob("*/*.json")]
    released = json.loads((ROOT / "models/records/benchmark.json").read_text())["environment"]
    processors = {record["machine"]["cpu"] for record in [*records, released]}
    count = 0
    for path in (*DOCUMENTS, ROOT / "models/README.md"):
        for table in re.findall(r"^\|.*(?:\n\|.*)+(?:\n\n[^|\n].*)?", path.read_text(), re.MULTILINE):
            rows = [line for line in table.splitlines() if line.startswith("|")]
            names = [rows[0], *(row.split("|")[1] for row in rows)]
            if any(times.search(name) for name in names):
                count += 1
                assert any(cpu in table for cpu in processors), f"{path.name}: {rows[0]}"
    assert count > 5


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_documents_show_the_recorded_numbers(path: Path) -> None:
    """`python -m pipeline.release.documents README.md docs/*.md` would change nothing."""
    text = path.read_text()
    assert documents.renew(text, ROOT) == text


def test_every_block_stands_in_one_document() -> None:
    text = "".join(path.read_text() for path in DOCUMENTS)
    assert {name: text.count(f"\n<!-- {name} -->\n") for name in documents.BLOCKS} == dict.fromkeys(
        documents.BLOCKS, 1
    )


def test_table_of_a_digit_run(records: dict[str, Any], tmp_path: Path) -> None:
    head, rule, *rows, empty, note = table(records, tmp_path).splitlines()
    assert head.count("|") == rule.count("|") == 7
    assert rows == [
        "| tflite_int8 | 70 | 99.49% | 0.061 | 123,457 | 82 |",
        "| onnx_float32 | 250 | 99.57% | 0.061 | 123,457 | 82 |",
    ]
    assert empty == ""
    assert "10,000 pictures of mnist test" in note
    assert "Some\\1 CPU (2 cores)" in note
    assert "`c` is compiled" not in note


def test_table_of_a_field_run(field_records: dict[str, Any], tmp_path: Path) -> None:
    _, _, row, _, note = table(field_records, tmp_path).splitlines()
    assert row == "| onnx_int8 | 247 | 99.75% | 0.457 | 2,346 | 82 |"
    assert "600 fields and 30,000 steps" in note
    assert "a field of 128 columns, Some\\1 CPU (2 cores), ONNX Runtime 1.31.0" in note


def test_the_command_prints_the_table_of_a_run(field_records: dict[str, Any], tmp_path: Path, capsys) -> None:
    text = table(field_records, tmp_path)
    assert documents.main([str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{text}\n"


# The model card


def test_card_of_digits_alone(records: dict[str, Any], manifest: Manifest) -> None:
    lines = card(records, manifest)
    assert "| lenet5 | 1.0% | 0.6180 | 99.87% | 0.123% | 0.070%–0.200% |" in lines
    assert "| `repository/lenet5/1/model.onnx` | lenet5 | onnx_float32 | 250 |" in lines
    assert "Quantization: qat, seed 7. keras 3.15.1, onnx 1.23." in lines
    assert any(line.startswith("- `lenet5-int8`: 99.49% (95 % interval 98.49%–100.49%)") for line in lines)
    assert any("letters and no whole amounts. A letter" in line for line in lines)
    assert lines[-1].startswith("`golden/` holds 20 digits drawn by code")
    assert not any("lenet5-field" in line for line in lines)


def test_card_says_what_is_deployed(records: dict[str, Any], manifest: Manifest) -> None:
    text = "\n".join(card(records, manifest))
    assert "62,828 parameters and 187,656 multiply-accumulates a picture." in text
    assert "it was trained, with 61,706 parameters.\n\n**Training.**" in text
    records["train"]["config"]["network"]["pooling"] = "max"
    assert "**Network.**" not in "\n".join(card(records, manifest))


def test_card_speaks_of_the_data_that_there_were(records: dict[str, Any], manifest: Manifest) -> None:
    assert any("that of mnist, of American census staff" in line for line in card(records, manifest))
    records["train"]["data"]["name"] = "bank"
    text = "\n".join(card(records, manifest))
    assert "Its handwriting is that of bank. Other handwriting is read less surely" in text
    assert "census" not in text


def test_card_names_the_sources(records: dict[str, Any], manifest: Manifest) -> None:
    """UNIPEN with its terms and what certifies; or that it was missing."""
    source = {
        "name": "mnist",
        "share": 0.7,
        "digits": 55051,
        "validation": {"mnist": 4949},
        "certifies": True,
    }
    pens = {"name": "unipen", "share": 0.3, "digits": 11631, "passes": 30, "certifies": True}
    pens["validation"] = {"unipen": 2409, "unipen_unfiltered": 2415}
    records["train"]["sources"] = [source]
    text = "\n".join(card(records, manifest))
    assert "that of mnist alone, without UNIPEN's donors, of American census staff" in text
    records["train"]["sources"] = [source, pens]
    records["train"]["metrics"] = {
        "sources": {"mnist": 0.995, "unipen": 0.9925},
        "teacher": {"certifying": 0.997, "mnist": 0.998, "unipen": 0.996},
    }
    records["evaluate"]["families"]["lenet5"]["thresholds"] = []
    text = "\n".join(card(records, manifest))
    assert "(American census staff and students), of UNIPEN's donors from Europe, America and Asia" in text
    assert "A batch of digits mixes 70% mnist (55,051 digits), 30% unipen (11,631 digits)." in text
    assert "doi 10.5281/zenodo.1195803, CC BY 4.0" in text
    assert "fitted on 7,358 validation digits of MNIST's and UNIPEN's writers" in text
    assert "the float network reads 99.50% of mnist, 99.25% of unipen" in text
    assert "the larger network 99.80% of mnist, 99.60% of unipen." in text
    assert "Its 7,358 pictures to choose by support none" in text


def test_card_shows_domains_and_the_floor(records: dict[str, Any], manifest: Manifest) -> None:
    """Other hands have no pixels of their own; the curve stands beside both models' minimum confidence."""

    def shares(value: float) -> dict[str, Any]:
        return {name: tiny_records.share(value, 200) for name in ("lenet5", "lenet5-int8")}

    records["evaluate"]["domains"] = [
        {"name": "mnist test", "pixels": shares(0.9957), "service": shares(0.9912)},
        {"name": "unipen", "service": shares(0.9925)},
    ]
    point = {"least_evidence": 7.0, "accepted": 0.975, "wrong": 3, "nondigits": 7}
    for stage in ("train", "quantize"):
        records[stage]["calibration"] = {"least_evidence": 7.5318, "nondigits": 50_000, "curve": [point]}
    lines = card(records, manifest)
    assert (
        "| mnist test | 200 | 99.57% | 99.12% | 97.12%–101.12% | 99.57% | 99.12% | 97.12%–101.12% |" in lines
    )
    assert "| unipen | 200 |  | 99.25% | 97.25%–101.25% |  | 99.25% | 97.25%–101.25% |" in lines
    assert "7.53, `lenet5-int8` for 7.53:" in lines
    assert "| 7.0 | 97.50% | 3 | 7 | 97.50% | 3 | 7 |" in lines


def test_card_says_what_training_without_unipen_gives(records: dict[str, Any], manifest: Manifest) -> None:
    without = {
        "version": "4",
        "domains": [{"name": "unipen", "service": {"lenet5": tiny_records.share(0.9881)}}],
    }
    typed = msgspec.convert(records, Records)
    assert "What training without UNIPEN gives" not in model_card(
        manifest, typed, results={"without_unipen": without}
    )
    source = {
        "name": "mnist",
        "share": 0.7,
        "digits": 9,
        "passes": 1,
        "validation": {"mnist": 9},
        "certifies": True,
    }
    pens = {**source, "name": "unipen", "validation": {"unipen": 9}}
    mixed = msgspec.structs.replace(
        typed, train=msgspec.structs.replace(typed.train, sources=[source, pens], metrics={"sources": {}})
    )
    text = model_card(manifest, mixed, results={"without_unipen": without})
    assert (
        "version 4 was trained on MNIST alone, with a teacher of its own, and its `lenet5` reads through the service 98.81% of unipen.\n"
        in text
    )


def test_card_without_a_certified_bound_says_so(records: dict[str, Any], manifest: Manifest) -> None:
    for family in records["evaluate"]["families"].values():
        family["thresholds"] = []
    text = "\n".join(card(records, manifest))
    for name in ("lenet5", "lenet5-int8"):
        assert f"`{name}` has no certified error bound: it reads every digit and accepts none." in text
    assert "| model | wanted error |" not in text
    assert "\n\n## Files\n" in text


def test_card_of_fields_alone(field_records: dict[str, Any], manifest: Manifest) -> None:
    text = model_card(manifest, None, msgspec.convert(field_records, FieldRecords))
    assert text.startswith("# Model card: LeNet-5 for handwritten amounts and numbers\n")
    assert "one handwritten digit" not in text
    assert "`golden/` holds a few fields drawn by code" in text


def test_card_says_what_own_data_changed(records: dict[str, Any], manifest: Manifest) -> None:
    bound = {"max_error": 0.02, "threshold": 0.75, "accepted": 0.5}
    families = {
        "lenet5": {"calibration": {"thresholds": [bound]}},
        "lenet5-int8": {"calibration": {"thresholds": []}},
    }
    accuracy = {"accuracy": {"value": 0.5, "low": 0.25, "high": 0.75, "n": 1_234}}
    text = model_card(
        manifest,
        msgspec.convert(records, Records),
        own_records={
            "digit calibrate": {"pictures": 300, "data": {"name": "bank"}, "families": families},
            "digit evaluate": {"data": {"name": "bank"}, "families": {"lenet5": accuracy}},
        },
    )
    assert (
        "- `lenet5`: accepted by what was calibrated on 300 pictures of bank: `max_error` 0.02 from confidence "
        "0.7500, which is 50.0%\n" in text
    )
    assert "300 pictures of bank, which certify no error bound: nothing is accepted\n" in text
    assert "- `lenet5`: 50.00% right (95 % interval 25.00%–75.00%) of 1,234 pictures of bank\n" in text


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"distillation": 0.9}, "90% of the loss comes from a larger network's probabilities."),
        (
            {"distillation": 0.9, "defects": 0.3},
            "90% of the loss comes from a larger network's probabilities; 30% of the pictures have a defect (a line "
            "across, covered edges, hollow strokes, dirt, haze, blur).",
        ),
    ],
)  # fmt: skip
def test_card_names_teacher_and_defects(
    records: dict[str, Any], manifest: Manifest, config: dict[str, float], sentence: str
) -> None:
    records["train"]["config"] |= config
    lines = card(records, manifest)
    assert lines[lines.index(sentence) + 1].startswith("Quantization: ")


def test_card_of_fields(records: dict[str, Any], manifest: Manifest, field_records: dict[str, Any]) -> None:
    lines = card(records, manifest, field_records)
    text = "\n".join(lines)
    for row in (
        "| lenet5-field | checks, 780 | 81.23% | 79.23%–83.23% | 3.45% | 0.71 | 2 of 1,000 |",
        "| lenet5-field | 2.0% | 0.9100 | 61.3% | 0.80% | 0.10%–2.00% | stored |",
        "| lenet5-field | 1.0% | 0.9543 | 51.2% | 0.80% | 0.10%–2.00% | measured on these very fields |",
        "| lenet5-field-int8 | 0.5% | – | 0 % | – | – | measured on these very fields: not reached |",
        "- 0.005: needs at least 598 accepted fields",
        "`lenet5-field` by kind: 4 digits 90.0% of 100, touching 70.0% of 80.",
    ):
        assert row in lines
    assert (
        "digits of mnist's writers, strokes drawn by the project, 2 handwriting fonts under the SIL" in text
    )
    assert (
        "\nNot trained, only measured and calibrated (confidence and thresholds), on checks (780 fields). Names"
        in text
    )
    assert "8 bits minus float: -0.13 points of exact strings" in text
    assert "and no whole amounts: that is what `lenet5-field` is for, see below." in text


def test_fields_that_were_trained_on_are_never_passed_off_as_new(
    records: dict[str, Any], manifest: Manifest, field_records: dict[str, Any]
) -> None:
    mine = copy.deepcopy(field_records)
    mine["train"]["data"] |= {"own": {"name": "checks", "n": 780}, "digits": None, "fonts": {}}
    mine["train"]["cross_validation"] = {"pooled": tiny_records.field_family(0.9)}
    mine["evaluate"]["trained_on"] = True
    text = "\n".join(card(records, manifest, mine))
    assert "by the project.\nThen trained on 780 labeled fields of checks. Names" in text.replace(
        "drawn ", ""
    )
    assert "Not trained" not in text
    assert "digits of mnist" not in text
    assert "| lenet5-field, cross-validated | checks, 780 | 90.00% | 88.00%–92.00% |" in text
    assert "only the cross-validated row counts" in text


def test_each_models_refusals_are_those_of_calibrate(field_records: dict[str, Any]) -> None:
    assert documents.refusals(msgspec.convert(field_records, FieldRecords)) == [
        "0.005: needs at least 598 accepted fields"
    ]
    families = {name: {"calibration": {"refusals": ["0.01: too few"]}} for name in ("a", "b")}
    calibrated = {
        **field_records,
        "calibrate": {**field_records["verify"], "data": {}, "seed": 0, "families": families},
    }
    assert documents.refusals(msgspec.convert(calibrated, FieldRecords)) == [
        "a, 0.01: too few",
        "b, 0.01: too few",
    ]


def test_card_of_lines(manifest: Manifest, records: dict[str, Any]) -> None:
    typed = msgspec.convert(tiny_records.micr_records(), MicrRecords)
    text = model_card(manifest, msgspec.convert(records, Records), None, typed)
    for row in (
        "| lenet5-micr | 815 | 95.40% | 93.40%–97.40% | 0.35% | 96.10% | 12 |",
        "| onnx_int8 | 247 | 99.75% | 0.457 | 2,346 | 82 |",
        "| lenet5-micr | 2.0% | 0.9120 | 88.3% | 0.00%–2.30% |",
        "| lenet5-micr | groups | 180 | 2.0% | 159 | 0 |",
        "- lenet5-micr, 0.01: needs at least 299 accepted groups without an error, the calibration set has 180",
        "| s2 | max pooling | 14 × 318 × 16 | 0 | 0 |",
    ):
        assert row in text.splitlines(), row
    assert (
        "Measured and calibrated (confidence and thresholds) on lines\n(815 real lines of 180 groups" in text
    )
    assert "by the layout of the label: us 98.0% of 260, no country's layout 93.0% of 446." in text
    assert (
        "Not read: 2 lines, no MICR line found. Most often misread: on-us as amount 7 times, 5 as nothing 2 times."
        in text
    )
    assert "`lenet5-micr-int8` has no certified error bound: it reads every line and accepts none." in text
    assert "`golden/` holds 20 digits and a few MICR lines drawn by code" in text


def test_card_of_lines_that_nothing_calibrated(manifest: Manifest) -> None:
    content = tiny_records.micr_records()
    del content["calibrate"]
    text = model_card(manifest, None, None, msgspec.convert(content, MicrRecords))
    assert text.startswith("# Model card: LeNet-5 for MICR lines\n")
    assert "Measured on lines\n" in text
    assert "Certified by groups" not in text


def test_table_of_a_micr_run(tmp_path: Path) -> None:
    assert "| onnx_int8 | 247 | 99.75% | 0.457 | 2,346 | 82 |" in table(tiny_records.micr_records(), tmp_path)


# The blocks


def test_numbers(root: Path) -> None:
    _, _, *rows = documents.render_block("numbers", root).splitlines()
    assert [row.split(" | ")[1] for row in rows] == ["99.52%", "99.50%", "5.5 (99.21%)"]
    assert "`make DATA=mnist`, max pooling, 2 cores of CPU:" in rows[2]
    assert f"`{documents.RESULTS}/runs.json`" in rows[0]


def test_limits(root: Path) -> None:
    lines = documents.render_block("limits", root).splitlines()
    assert lines[2] == "| labels alone | 2 | 99.60% (99.60%–99.61%) | 0.0171 | 94.3% |"
    assert "4,949 pictures" in lines[6]
    assert lines[6].endswith("Averages lose 0.10 points against maxima, over the 1 seeds that both have.")
    assert lines[10] == "| lenet5 | 97.0% | 87.0% |"
    assert "as they are: zigzag 94.0%, stripe 97.0%, shear 98.0%; normalized: zigzag 84.0%" in lines[12]
    assert lines[14].startswith("| golden pictures under 2 lights |")
    assert lines[16:18] == ["| lenet5 | 40 | 39 | 1 |", "| lenet5-field | 40 | 39 | 1 |"]
    assert "at `max_error` 0.01 and 0.05" in lines[-1]


def test_service_under_the_old_name_is_shown_under_the_new(root: Path) -> None:
    lines = documents.render_block("service", root).splitlines()
    assert lines[2:5] == [
        "| checkreader 0.1.0 | 2,000 | 0.50 | 90 | 1.23 |  |",
        "| fastapi 0.165.0 | 2,000 | 0.50 | 90 | 1.23 | 2.5 × |",
        "| fastapi 0.165.0 out of the box | 2,000 | 0.50 | 90 | 1.23 |  |",
    ]
    facts = [line.split(" | ")[1].strip(" |") for line in lines[8:15]]
    assert facts == ["7,000, 91%", "7,000, 91%", "0.22, 0.22", "80,000, 85%", "9", "81, 83", "0.46"]


def test_network(root: Path) -> None:
    slow = {"lenet5": {"1": 10, "16": 10, "256": 10}, "lenet5-int8": {"1": 20, "16": 15, "256": 10}}
    fields = {"lenet5-field": {"1": 1_000, "16": 500}, "lenet5-field-int8": {"1": 400, "16": 200}}
    record = {"versions": {"lenet5": "1"}, "machine": {"cpu": "Old", "cores": 4}}
    write_json(root / documents.RESULTS / "network/old.json", record | {"microseconds_a_row": slow | fields})
    lines = documents.render_block("network", root).splitlines()
    assert lines[0] == "| one thread, µs: float, 8 bits | 2 cores of CPU | 4 cores of Old |"
    assert lines[2] == "| a digit | 15.0, 14.1: 0.94 × | 10.0, 20.0: 2.00 × |"
    assert lines[5] == "| a field of 160 columns | – | 1000.0, 400.0: 0.40 × |"
    assert lines[7] == "| version of `lenet5` | 4 | 1 |"
    assert documents.render_block("processors", root).splitlines()[2:] == [
        "| CPU | 0.94 ×, 0.57 × (version 4) | 0.86 × (version 4) | 2.5 × |",
        "| Old | 2.00 ×, 1.00 × (version 1) | – | – |",
    ]


def test_operations(root: Path) -> None:
    _, _, *rows = documents.render_block("operations", root).splitlines()[:8]
    cells = [row.split(" | ")[1].strip(" |") for row in rows]
    assert cells[0] == "8,000, 13,000: 1.62 × (14%)"
    assert cells[2:] == ["0 in 61 releases", "2.30, 2.76: 1.20 ×", "4.83: 2.10 ×", "20, 54"]


def test_stops(root: Path) -> None:
    lines = documents.render_block("stops", root).splitlines()
    assert lines[2:5] == [
        "| 20 stops of one worker, HTTP | 9,000 | 0 |",
        "| 20 stops of two workers, gRPC | 8,000 | 3 |",
        "| 20 times one of two workers killed, HTTP: waiting, accepted by it | 7,000 | 0, 41 |",
    ]


def test_edge(root: Path) -> None:
    lines = documents.render_block("edge", root).splitlines()
    assert lines[2] == "| Cortex-M3 | 64,682 | 2,688 | 724,688 | 671,834 |"
    assert "they are not cycles" in lines[4]
    for line in (
        "| Arm Ethos-U55-128, by Vela's estimate | 55,936 | 10,656 |",
        "| WebAssembly, normalization included; with SIMD | 68,367; 70,367 | |",
        "On the Ethos-U55 run all 8 operators; at 500 MHz Vela estimates 6,314 pictures/s.",
        "| one picture, one thread | 2 cores of CPU |",
        "| C, `-O3`, of LiteRT's time | 0.86 × |",
        "| C; LiteRT, int8 kernels (XNNPACK), µs | 5.6; 6.5 |",
        "| WebAssembly in Chromium, µs; with SIMD | 80.1; 25.0 |",
        "| an earlier version's in the same run, µs | 225.0 (version 3) |",
        "| `.[edge]`: `checkreader classify`, one picture | 1 | 151 | 54 | 0.88 |",
    ):
        assert line in lines
    assert "emulated (QEMU 7.2)" in lines[-1]
    assert (
        "read 19 of 20 golden digits as released, the largest difference of a probability 1.2e-07"
        in lines[-1]
    )
    assert "at most 1 LSB in LiteRT, 2 in ONNX Runtime and 0 in the exported C" in lines[-1]


def test_fields(root: Path, field_records: dict[str, Any]) -> None:
    tiny_records.write_records(root / "models" / "records" / "field", field_records)
    model = {"accuracy": 0.5, "interval": [0.4, 0.6], "amounts_right": 22}
    model["thresholds"] = [{"max_error": 0.05, "accepted": 6, "wrong": 1}]
    other = {**model, "amounts_right": None, "thresholds": []}
    entry = {"set": "some", "kind": "date", "locale": None, "order": "dmy", "fields": 1_048}
    entry["models"] = {"lenet5-field": model, "lenet5-field-int8": other}
    write_json(root / documents.RESULTS / "field_sets.json", {"version": "4", "sets": [entry]})
    text = documents.render_block("fields", root)
    start = "| some | date dmy | 1,048 |"
    assert f"{start} lenet5-field | 50.0% | 40.0%–60.0% | 22 | 5.0%: 6, 1 |\n" in text
    assert f"{start} lenet5-field-int8 | 50.0% | 40.0%–60.0% | – | – |\n" in text
    assert "| lenet5-field | checks, 780 | 81.23% | 79.23%–83.23% | 3.45% | 0.71 | 2 of 1,000 |\n" in text
    assert "median ms: float, int8 | 3.46, 2.35 |\n" in text
    assert "wrong: as any number, with `scheme=aba` | 12.3%, 4.5% |\n" in text
    assert "5-fold cross-validated | 90.00% (88.00%–92.00%) |\n" in text
    assert "at most 1 % | 51.2% |\n" in text


def test_table_is_that_of_the_released_run(root: Path) -> None:
    assert documents.render_block("table", root) == documents.run_table(root / "models" / "records")


def test_only_the_blocks_are_renewed(root: Path) -> None:
    text = "# Title\n\n<!-- table -->\n| old |\n\\1\n<!-- /table -->\n<!-- a note -->\nThe rest of `<!-- service -->`, \\g<0>.\n<!-- edge -->\n<!-- /edge -->"
    table, edge = (documents.render_block(name, root) for name in ("table", "edge"))
    renewed = documents.renew(text, root)
    assert renewed == (
        f"# Title\n\n<!-- table -->\n{table}\n<!-- /table -->\n<!-- a note -->\nThe rest of `<!-- service -->`, \\g<0>.\n"
        f"<!-- edge -->\n{edge}\n<!-- /edge -->"
    )
    assert documents.renew(renewed, root) == renewed


def test_fields_stay_where_no_field_model_is_released(root: Path) -> None:
    text = "<!-- fields -->\nold\n<!-- /fields -->"
    assert documents.renew(text, root) == text


@pytest.mark.parametrize(
    "text", ["<!-- table -->\n| old |", "<!-- /table -->", "<!-- /table -->\n<!-- table -->"]
)
def test_half_a_block_is_refused(text: str, root: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    with pytest.raises(
        CheckreaderError, match="nothing to renew: expected the lines <!-- table --> and <!-- /table"
    ):
        documents.renew(text, root)
    monkeypatch.chdir(root)
    Path("a.md").write_text(text)
    assert documents.main(["a.md"]) == 1
    assert capsys.readouterr().err.startswith("error: a.md: nothing to renew")
    assert Path("a.md").read_text() == text


def test_the_command_rewrites_every_file(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    Path("a.md").write_text("<!-- numbers -->\n<!-- /numbers -->\n")
    Path("b.md").write_text("no block\n")
    assert documents.main(["a.md", "b.md"]) == 0
    assert (
        Path("a.md").read_text()
        == f"<!-- numbers -->\n{documents.render_block('numbers', root)}\n<!-- /numbers -->\n"
    )
    assert Path("b.md").read_text() == "no block\n"


def test_a_number_that_is_missing_is_an_error(root: Path) -> None:
    record = {"machine": {"cpu": "CPU", "cores": 2}, "workers": {}}
    write_json(root / documents.RESULTS / "operations" / "cpu.json", record)
    with pytest.raises(jinja2.UndefinedError, match=r"release|json"):
        documents.render_block("operations", root)


def test_each_block_has_a_template_of_its_name() -> None:
    folder = Path(documents.__file__).with_name("templates")
    assert {f"{name}.md.j2" for name in documents.BLOCKS} <= {path.name for path in folder.iterdir()}


def test_a_record_that_lacks_something_is_named(root: Path, records: dict[str, Any], capsys) -> None:
    del records["verify"]["passed"]
    folder = root / "models" / "records"
    tiny_records.write_records(folder, records)
    assert documents.main([str(folder)]) == 1
    error = capsys.readouterr().err
    assert error.startswith(
        f"error: {folder}: not a record of this version (Object missing required field `passed`"
    )
    assert "`$.verify`" in error
