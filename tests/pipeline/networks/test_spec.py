import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.networks import spec
from pipeline.records import Environment, Machine, TrainRecord
from pipeline.run import Run
from serving.errors import CheckreaderError


def trained(**content: object) -> TrainRecord:
    environment = Environment(packages={}, machine=Machine("CPU", 2))
    return TrainRecord(**{"files": {}, "environment": environment, "config": {}, "data": {}, **content})


def test_a_record_without_a_task_is_a_digits() -> None:
    assert spec.task_of_record(trained()) is spec.DIGIT
    assert spec.task_of_record(trained(task="field")) is spec.FIELD


def test_a_digits_run_whose_pooling_folds_is_a_fast_one() -> None:
    network = {"pooling": "average", "activation": "relu", "activate": "after"}
    assert spec.task_of_record(trained(config={"network": network})) is spec.FAST
    assert spec.task_of_record(trained(task="digit", config={"network": network})) is spec.FAST
    for change in ({"pooling": "max"}, {"activation": "tanh"}, {"activate": "before"}):
        assert spec.task_of_record(trained(config={"network": network | change})) is spec.DIGIT
    with pytest.raises(CheckreaderError, match="unknown task 'fast'"):  # derived, never recorded
        spec.task_of_record(trained(task="fast"))


def test_an_unknown_task_is_named() -> None:
    with pytest.raises(CheckreaderError, match="unknown task 'page': expected digit or field"):
        spec.task_of_record(trained(task="page"))


def test_of_a_run(tmp_path: Path) -> None:
    run = Run(tmp_path)
    with pytest.raises(CheckreaderError, match=r"train\.json: not found"):
        spec.task_of_run(run)
    run.record("train", [], task="field", config={}, data={})
    assert spec.task_of_run(run) is spec.FIELD


def test_answers_have_as_many_steps_as_the_network() -> None:
    import keras

    from pipeline.networks import lenet5_field as network

    model = network.build(keras, normalized=False)
    for width in (40, 48, 49, 128):
        assert model.compute_output_shape((3, 32, width, 1)) == spec.FIELD.output_shape(3, width)
    assert spec.DIGIT.output_shape(3, 28) == (3, 10)


def test_importing_it_needs_no_tensorflow() -> None:
    code = "import sys, pipeline.networks.batching; print({'tensorflow', 'keras', 'onnxruntime'} & sys.modules.keys())"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
