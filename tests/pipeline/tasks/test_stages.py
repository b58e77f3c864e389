from __future__ import annotations

import os
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest

from pipeline.networks.spec import TASKS as SPECS
from pipeline.release import digit, field
from pipeline.run import STAGES, Run
from pipeline.tasks import stages
from pipeline.tasks.table import TASKS
from serving.cli.main import PIPELINE
from serving.errors import CheckreaderError
from tests.support.paths import ROOT


def test_each_task_of_the_networks_has_every_stage() -> None:
    assert set(TASKS) == set(SPECS)
    for task in TASKS.values():
        assert set(task.stages) == {name for name, _ in PIPELINE}
        assert set(task.next) >= set(STAGES)
        assert {following.split()[0] for following in task.next.values()} <= set(task.stages)


@pytest.mark.parametrize(("task", "task_release"), [("digit", digit), ("field", field)])
def test_each_task_has_its_own_release(task: str, task_release, tmp_path: Path, monkeypatch) -> None:
    def release(run: Run, models: Path, released: object, keep: bool) -> dict[str, object]:
        assert (released, models, keep) == (task_release.RELEASE, tmp_path, True)
        models = {
            name: {"version": version, "task": "digit", "artifacts": [], "thresholds": [],
                   "input": {"name": "image", "datatype": "FP32", "shape": []}}
            for name, version in ((SPECS[task].model, "3"), (SPECS[task].int8, "3"), ("other", "1"))
        }  # fmt: skip
        return {"schema": 1, "release": "1", "default": "other", "golden": {}, "models": models}

    monkeypatch.setattr(Run, "records", lambda run: {})
    monkeypatch.setattr("pipeline.release.release.release", release)
    run = Run(Path("runs/mine"))
    _, text = TASKS[task].stages["release"](run, Namespace(models=tmp_path, keep=True))
    model = SPECS[task].model
    assert text == (
        f"{tmp_path}: released {model} version 3, {model}-int8 version 3 from runs/mine; as before: other\n"
        f"{model}, {model}-int8: no error bound is certified: every picture is read, none is accepted"
    )


def test_nothing_is_exported_before_it_is_quantized(tmp_path: Path) -> None:
    run = Run(tmp_path / "mine")
    run.record("train", [])
    with pytest.raises(
        CheckreaderError, match=r"quantize\.json: not found: run `checkreader quantize --run mine` first"
    ):
        stages.export(run, Namespace())


def test_the_table_needs_neither_tensorflow_nor_a_runtime() -> None:
    heavy = ("tensorflow", "keras", "onnxruntime", "ai_edge_litert", "jinja2", "matplotlib")
    program = f"import sys, pipeline.tasks.table; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_tensorflow_is_loaded_in_silence() -> None:
    program = "from pipeline.tasks.stages import load_tensorflow; load_tensorflow(); import tensorflow; print('done')"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("done\n", "")


def test_how_far_a_stage_is_shows_while_tensorflow_is_loaded(tmp_path: Path) -> None:
    """A module in its place writes below Python, as its C++ does, while a line of progress is due."""
    (tmp_path / "tensorflow.py").write_text(
        "import logging, os, sys\n"
        "os.write(2, b'noise')\n"
        "print('train: 8 s', file=sys.stderr)\n"
        "get_logger = logging.getLogger\n"
    )
    program = "from pipeline.tasks.stages import load_tensorflow; load_tensorflow()"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=os.environ | {"PYTHONPATH": f"{tmp_path}:{ROOT}"},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.stderr == "train: 8 s\n"
