"""The part of chapter 4 on formats: agreement and errors by layer."""

from __future__ import annotations

import dataclasses
import warnings

import msgspec

from pipeline.report import formats
from pipeline.report.run_data import RunData


def test_layer_errors_are_the_records(reported: dict) -> None:
    layers = reported["quality"]["int8_layers"]
    assert [layer["layer"] for layer in layers] == ["c1", "c3", "c5", "f6", "logits"]
    assert all(0 < layer["typical"] < 1 and 0 < layer["largest"] < 1 for layer in layers)


def test_without_8_bits_there_are_no_layer_errors(
    run_data: RunData,
) -> None:
    export = msgspec.structs.replace(run_data.records.export, refused={"onnx_int8": "TANH is not computed"})
    records = dataclasses.replace(run_data.records, export=export)
    assert formats.layer_errors(dataclasses.replace(run_data, records=records)) == []


def test_blocks_without_layer_errors_leave_the_plot_out(run_data: RunData) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        names = [getattr(block, "name", None) for block in formats.blocks(run_data, [])]
    assert "formats" in names
    assert "int8-layers" not in names
