"""The model for an Ethos-U55: everything runs on the accelerator, says Arm's compiler.

`make edge-tools` installs what this needs.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.export import vela
from serving.errors import CheckreaderError
from serving.repository.store import Repository

needs_compiler = pytest.mark.skipif(not vela.available(), reason="`make edge-tools` installs ethos-u-vela")


def released() -> Path:
    return Repository.open().folder / "edge/lenet5-int8.tflite"


@needs_compiler
def test_nothing_is_left_to_the_processor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert vela.main([str(released()), str(tmp_path)]) == 0
    assert "8 operators, none on the processor" in capsys.readouterr().out
    (written,) = tmp_path.iterdir()
    content, estimate = vela.compile_model(released().read_bytes())
    assert written.name == "lenet5-int8_ethos-u55-128.tflite"
    assert written.read_bytes() == content
    assert content[4:8] == b"TFL3"
    assert estimate.cpu_operators == ()
    assert 5_880 < estimate.sram_bytes < 16_000
    assert estimate.flash_bytes < 68_000
    assert estimate.inferences_per_second > 1_000


def test_without_the_compiler(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(vela, "available", lambda: False)
    assert vela.main([str(released()), str(tmp_path / "out")]) == 1
    assert "pip install ethos-u-vela" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "reason"), [("lenet5", "not an integer model"), ("lenet5-field-int8", "any width")]
)
def test_another_model_is_refused(name: str, reason: str) -> None:
    with pytest.raises(CheckreaderError, match=reason):
        vela.compile_model(released().with_name(f"{name}.tflite").read_bytes())
