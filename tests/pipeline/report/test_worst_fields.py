"""The worst fields as pictures, for who asked for them by name."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from pipeline.report import worst_fields
from pipeline.report.html import Text, Thumbnails
from pipeline.run import Run
from serving.errors import CheckreaderError
from tests.support.field_measures import evaluated, measures
from tests.support.field_readings import fields

RUN = Run(Path("runs/field"))


def test_nothing_of_a_field_is_shown_unasked() -> None:
    _, block = worst_fields.blocks("set-1", measures().worst, None, RUN)
    assert isinstance(block, Text)
    assert "`checkreader report --run field --pictures FOLDER`" in block.text
    assert "4711" not in block.text
    assert worst_fields.blocks("set-1", [], None, RUN) == []


def test_pictures_labels_and_readings() -> None:
    _, block = worst_fields.blocks("set-1", measures().worst, fields(["4711"]), RUN)
    assert isinstance(block, Thumbnails)
    ((label, (given, normalized)),) = block.groups
    assert label == "4711 read as 4717"
    assert (given.caption, given.pixels.shape) == ("90.00%", (30, 80, 4))
    assert given.pixels[10, 32, 3] > given.pixels[0, 0, 3]  # ink is opaque, paper is not
    assert normalized.pixels.shape[0] == 32


def test_a_large_picture_is_made_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worst_fields, "LARGEST", (20, 64))
    _, block = worst_fields.blocks("set-1", measures().worst, fields(["4711"]), RUN)
    assert block.groups[0][1][0].pixels.shape[1] == 20


def test_fields_are_known_by_their_checksums() -> None:
    """Not by their names: only what was evaluated is shown, as it was."""
    labeled = fields(["4711"])
    entry = msgspec.structs.replace(evaluated("bank"), data={"name": "bank", "sha256": labeled.sha256})
    assert worst_fields.shown([evaluated("cells"), entry], [labeled], RUN) == {"bank": labeled}
    with pytest.raises(
        CheckreaderError,
        match=r"--pictures some: runs/field was not evaluated on these fields .* `checkreader evaluate",
    ):
        worst_fields.shown([evaluated("some")], [labeled], RUN)
