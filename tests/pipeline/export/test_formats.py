from __future__ import annotations

import subprocess
import sys

import pytest

from pipeline.export import formats
from serving.errors import CheckreaderError


def test_files_are_unique_and_names_in_their_task() -> None:
    rows = [row for table in formats.TABLE.values() for row in table]
    for values in ([row.file for row in rows], [(row.task, row.name) for row in rows]):
        assert len(set(values)) == len(values)
    for name, table in formats.TABLE.items():
        assert {row.task for row in table} == {name}
        assert formats.models(name) == {row.model for row in table}


@pytest.mark.parametrize("name", ["digit", "field"])
def test_each_family_has_what_the_others_are_compared_with(name: str) -> None:
    assert formats.get("keras", name).bound is None
    for row in formats.TABLE[name]:
        if row.bound is not None:
            assert (row.bound.against, row.bound.unit) == (
                ("reference", "lsb") if row.type == "int8" else ("keras", "probability")
            )


def test_an_unknown_format_is_named() -> None:
    with pytest.raises(CheckreaderError, match=r"unknown format 'onnx_int4': choose one of keras, "):
        formats.get("onnx_int4")


def test_importing_the_table_needs_no_runtime() -> None:
    heavy = "'tensorflow', 'keras', 'onnx', 'onnxruntime', 'ai_edge_litert'"
    code = f"import sys, pipeline.export.formats; print([name for name in ({heavy}) if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
