"""Chapter 2: filters, feature maps and F6 as features."""

from __future__ import annotations

import warnings
from pathlib import Path

import keras
import numpy as np
import pytest

from pipeline.report import chapter2_learned, image_grid, plots, receptive_patches
from pipeline.report.html import Thumbnails
from pipeline.report.run_data import RunData


def test_other_classifiers_get_both_kinds_of_inputs(reported: dict) -> None:
    classifiers = dict(reported["learned"]["f6_classifiers"])
    network = classifiers.pop("network")
    assert len(classifiers) == 3
    for accuracies in classifiers.values():
        assert set(accuracies) == {"F6", "pixels"}
        assert all(0.5 < accuracy <= 1 for accuracy in accuracies.values())
    assert 0.5 < network["F6"] <= 1


def test_the_numbers_are_in_the_page(reported: dict, html: str) -> None:
    for accuracies in reported["learned"]["f6_classifiers"].values():
        assert f"{accuracies['F6']:.2%}" in html


def test_each_layer_is_shown(html: str) -> None:
    for title in ("C1, 6 maps of 28×28", "S2, 6 maps of 14×14", "C5, 120 numbers", "logits, 10 numbers"):
        assert title in html
    assert html.count("Best input of unit") == 6 + 16


def test_units_that_never_answer_are_crossed_out(
    run_data: RunData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not shown with the first test digit, which excites them as little as any other."""
    monkeypatch.setattr(receptive_patches, "STEPS", 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run_data.model.save(tmp_path / "model.keras")
        model = keras.models.load_model(tmp_path / "model.keras", compile=False)
        kernel, bias = model.get_layer("c5").get_weights()
        kernel[..., :3], bias[:3] = 0, -1
        model.get_layer("c5").set_weights([kernel, bias])
        silenced = RunData(run_data.run, run_data.dataset, run_data.records, {}, model)
        blocks, silent = chapter2_learned.excited(silenced)
    count, units = silent["c5"]
    assert (count >= 3, units) == (True, 120)
    assert silent["logits"] == (0, 10)
    (block,) = (block for block in blocks if isinstance(block, Thumbnails) and block.name == "exciting-c5")
    assert f"{count} of 120 say the same of each of the" in block.caption
    cross = image_grid.crossed(28).pixels
    for _, (sheet,) in block.groups:
        tiles = [sheet.pixels[:28, column * 29 : column * 29 + 28] for column in range(4)]
        assert all(np.array_equal(tile, cross) for tile in tiles[:3])


def test_every_digit_has_a_color_of_its_own(html: str) -> None:
    plot = html[html.index("digits in the plane by pca") :]
    plot = plot[: plot.index("</svg>")]
    assert len({tint for tint in plots.SERIES if f"var(--{tint})" in plot}) == 10
