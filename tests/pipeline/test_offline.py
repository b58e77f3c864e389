"""Check data are private: making a model reaches for no address outside this machine."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tests.support.tracing import LINGER, outside_connections

pytestmark = pytest.mark.slow

PROGRAM = """
import dataclasses, sys, time, warnings
from pathlib import Path
warnings.simplefilter("ignore")
from pipeline.export.export import export
from pipeline.quantization.digit import quantize
from pipeline.run import Run
from pipeline.training.digit import train
from tests.support.tiny_run import QUANTIZE, TRAIN, digits
run = Run(Path(sys.argv[1]))
train(run, dataclasses.replace(TRAIN, epochs=1), digits())
quantize(run, dataclasses.replace(QUANTIZE, steps=2), digits())
export(run)
time.sleep(int(sys.argv[2]))  # telemetry, where there is any, comes late
"""


def test_train_quantize_and_export_connect_to_nowhere(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "run"), str(LINGER)]
    assert outside_connections(command, {"PYTHONPATH": str(ROOT)}) == []
    assert (tmp_path / "run" / "export.json").exists()
