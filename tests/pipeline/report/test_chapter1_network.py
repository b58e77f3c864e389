"""Chapter 1: receptive fields and the tables of layers."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest

from pipeline.config import CLASSICAL
from pipeline.networks import folded, lenet5
from pipeline.report import chapter1_network
from pipeline.report.html import Table, Text, Thumbnails
from pipeline.report.run_data import RunData


def test_frames_lie_where_units_are(run_data: RunData) -> None:
    """With strides of 2 and 4 a receptive field begins at a multiple of them."""
    frames: list[tuple[int, ...]] = []
    with pytest.MonkeyPatch.context() as patch:
        framed = chapter1_network.image_grid.framed
        patch.setattr(
            chapter1_network.image_grid,
            "framed",
            lambda image, frame, *rest: frames.append(frame) or framed(image, frame, *rest),
        )
        blocks = chapter1_network.receptive_fields(run_data)
    assert frames == [(14, 14, 5, 5), (14, 14, 6, 6), (10, 10, 14, 14), (8, 8, 16, 16), (0, 0, 32, 32)]
    (thumbnails,) = (block for block in blocks if isinstance(block, Thumbnails))
    assert [tile.caption for tile in thumbnails.groups[0][1]][:2] == ["C1: 5×5", "S2: 6×6"]


def test_the_table_counts_what_the_network_has(run_data: RunData) -> None:
    blocks = chapter1_network.layers(run_data)
    table, deployed = (block for block in blocks if isinstance(block, Table))
    rows = lenet5.table()
    assert [row[0].lower() for row in table.rows[:-1]] == [row.name for row in rows]
    assert table.rows[-1][4:6] == (
        f"{sum(row.parameters for row in rows):,}",
        f"{sum(row.multiply_accumulates for row in rows):,}",
    )
    for row, layer in zip(table.rows, rows, strict=False):
        if layer.parameters:  # the formula gives the number beside it
            assert eval(row[3].replace("·", "*")) == layer.parameters
    assert [row[3] for row in deployed.rows] == [f"{row.parameters:,}" for row in folded.table()]
    (text,) = (block.text for block in blocks if isinstance(block, Text) and "Deployed" in block.text)
    assert "187,656 MACs instead of 416,520, with 62,828 numbers" in text


def test_what_does_not_fold_is_shown_as_it_is(run_data: RunData) -> None:
    train = run_data.records.train
    config = train.config | {"network": dataclasses.asdict(CLASSICAL)}
    records = dataclasses.replace(run_data.records, train=msgspec.structs.replace(train, config=config))
    blocks = chapter1_network.layers(dataclasses.replace(run_data, records=records))
    (table,) = (block for block in blocks if isinstance(block, Table))
    assert table.rows[1][1] == "max pooling"
