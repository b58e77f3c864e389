import math
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.networks import folded, lenet5, lenet5_field, spec
from pipeline.records import Environment, Machine, TrainRecord
from pipeline.run import Run
from serving.errors import CheckreaderError


def trained(**content: object) -> TrainRecord:
    environment = Environment(packages={}, machine=Machine("CPU", 2))
    return TrainRecord(**{"files": {}, "environment": environment, "config": {}, "data": {}, **content})


def test_a_record_without_a_task_is_a_digits() -> None:
    assert spec.task_of_record(trained()) is spec.DIGIT
    assert spec.task_of_record(trained(task="field")) is spec.FIELD


def test_the_record_names_the_classes() -> None:
    assert spec.classes(trained()) == 10
    assert spec.alphabet(trained(task="field", alphabet="0123456789/")).symbols == "0123456789/"
    assert spec.classes(trained(task="field", alphabet="0123456789/")) == 12
    assert spec.alphabet(trained(task="field")).symbols == "0123456789·"  # as before records named one


def test_the_number_of_layers_tells_the_view() -> None:
    assert spec.DIGIT.layers(5) == folded.LAYERS
    assert spec.DIGIT.layers(7) == lenet5.LAYERS
    assert spec.DIGIT.table(7) == lenet5.table()
    assert spec.DIGIT.layer_names == set(lenet5.LAYERS)
    rows = lenet5_field.table(64)
    assert spec.FIELD.table(len(rows), 64) == rows
    with pytest.raises(CheckreaderError, match=r"6 layers, expected LeNet-5's 5: c1, c3, .* or 7: c1, s2, "):
        spec.DIGIT.layers(6)


def test_an_unknown_task_is_named() -> None:
    with pytest.raises(CheckreaderError, match="unknown task 'page': expected digit or field or micr"):
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

    model = network.build(keras, 7, normalized=False)
    for width in (40, 48, 49, 128):
        assert model.compute_output_shape((3, 32, width, 1)) == spec.FIELD.output_shape(3, width, 7)
        assert spec.FIELD.output_classes(3, width, math.prod(spec.FIELD.output_shape(3, width, 7))) == 7
    assert spec.DIGIT.output_shape(3, 28, 10) == (3, 10)
    assert spec.DIGIT.output_classes(3, 28, 30) == 10


def test_importing_it_needs_no_tensorflow() -> None:
    code = "import sys, pipeline.networks.batching; print({'tensorflow', 'keras', 'onnxruntime'} & sys.modules.keys())"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
