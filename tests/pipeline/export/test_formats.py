from __future__ import annotations

import subprocess
import sys

import pytest

from pipeline.export import formats
from serving.errors import CheckdigitError


def test_names_and_files_are_unique() -> None:
    for values in ([row.name for row in formats.FORMATS], [row.file for row in formats.FORMATS]):
        assert len(set(values)) == len(values)


def test_each_family_has_what_the_others_are_compared_with() -> None:
    assert formats.get("keras").bound is None
    for row in formats.FORMATS:
        if row.bound is not None:
            assert (row.bound.against, row.bound.unit) == (
                ("reference", "lsb") if row.model == "lenet5-int8" else ("keras", "probability")
            )


def test_an_unknown_format_is_named() -> None:
    with pytest.raises(CheckdigitError, match=r"unknown format 'onnx_int4': choose one of keras, "):
        formats.get("onnx_int4")


def test_importing_the_table_needs_no_runtime() -> None:
    heavy = "'tensorflow', 'keras', 'onnx', 'onnxruntime', 'ai_edge_litert'"
    code = f"import sys, pipeline.export.formats; print([name for name in ({heavy}) if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
