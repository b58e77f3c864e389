"""The path of docs/own_data.md, from 300 pictures to a reading by the service; `make tour` goes it, too."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Sequence
from pathlib import Path

import pytest

from pipeline.evaluation import benchmark
from pipeline.export.formats import get
from scripts import tour
from serving.cli.main import main
from serving.repository.store import Repository
from tests.support.paths import ROOT

pytestmark = pytest.mark.slow

PICTURES = 300


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder, and nothing else where the commands are called."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv("CHECKREADER_MODELS", raising=False)
    tour.draw(tmp_path / "scans", PICTURES)
    (tmp_path / "scans" / "3" / "._3.png").write_bytes(b"what a Mac leaves")
    return tmp_path / "scans"


def call(arguments: Sequence[str]) -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TensorFlow's, of its own parts
        return main(arguments)


def test_from_pictures_to_a_reading(
    pictures: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two formats, once: measuring all of them takes longer than all the rest.
    rows = [get("onnx_float32"), get("c")]
    monkeypatch.setattr(
        benchmark, "benchmark", functools.partial(benchmark.benchmark, formats=rows, rounds=1, seconds=0.01)
    )
    assert tour.tour(pictures, "bank", tmp_path / "released", call) == "0"
    output = capfd.readouterr()
    followed = [line.removeprefix("next: ") for line in output.out.splitlines() if line.startswith("next: ")]
    shown = [line.removeprefix("$ ") for line in output.out.splitlines() if line.startswith("$ ")]
    # Each stage names the one that comes next.
    assert [line.split()[:2] for line in followed] == [line.split()[:2] for line in shown[1:]]
    # No bound can be certified with so few: that is said when trained, quantized, evaluated, released and loaded.
    assert output.out.count("no error bound is certified: every picture is read, none is accepted") == 4
    assert "lenet5 version 1: no error bound is certified" in output.err
    assert (
        "released lenet5 version 1, lenet5-int8 version 1, lenet5-features version 1 from runs/bank\n"
        in output.out
    )
    card = (tmp_path / "released" / "README.md").read_text()
    assert "Its handwriting is that of bank" in card
    assert "mnist" not in card.replace("as MNIST is", "").lower()
    # Measured once more, without a run, which changes nothing that could be taken back.
    models = str(tmp_path / "released")
    assert call(["evaluate", "--models", models, "--data", str(pictures)]) == 0
    assert Repository.open(models).model("lenet5").accuracy.n == PICTURES
    assert call(["release", "--roll-back", "--models", models]) == 1
    # Nothing is written beside.
    assert {path.name for path in tmp_path.iterdir()} == {"scans", "runs", "released"}


def test_commands_are_those_of_the_document() -> None:
    text = (ROOT / "docs" / "own_data.md").read_text()
    for command in tour.commands(Path("scans"), "bank", Path("released")):
        if command[0] in ("train", "release"):
            assert f"\ncheckreader {' '.join(command).removesuffix(' --models released')}\n" in text
        else:
            assert f" {command[0]} " in text.split("for stage in")[1].split(";")[0] + " "
