"""`checkreader info` as a person uses it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from serving.cli.main import main

pytestmark = pytest.mark.usefixtures("released")


def test_info(capsys) -> None:
    assert main(["info"]) == 0
    out = capsys.readouterr().out
    for expected in (
        "lenet5 version 1 (default)",
        "onnx_float32",
        "max_error 0.01: accepted from confidence 0.9",
    ):
        assert expected in out


def test_info_json(models: Path, capsys) -> None:
    assert main(["info", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads((models / "manifest.json").read_bytes())


def test_a_model_without_a_certified_bound_says_so(own_models: Path, edit_manifest, capsys) -> None:
    edit_manifest(lambda content: content["models"]["lenet5"].update(thresholds=[]))
    assert main(["info", "--models", str(own_models)]) == 0
    out = capsys.readouterr().out
    assert out.count("no error bound is certified: every picture is read, none is accepted") == 1
