import importlib
import itertools
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from pipeline.config import Lenet5Options
from pipeline.networks import lenet5
from tests.support.paths import ROOT

OPTIONS = [
    Lenet5Options(*choice)
    for choice in itertools.product(("max", "average"), ("relu", "tanh", "sigmoid"), ("before", "after"))
]


@pytest.fixture(scope="module")
def keras():
    return importlib.import_module("keras")


def counted(model) -> dict[str, tuple[tuple[int, ...], int, int]]:
    """Shape, parameters and multiply-accumulates as Keras's own layers have them."""
    rows = {}
    for layer in model.layers:
        if layer.name in lenet5.LAYERS:
            shape = tuple(int(side) for side in layer.output.shape[1:])
            places = int(np.prod(shape[:-1]))
            weights = layer.get_weights()
            rows[layer.name] = (shape, layer.count_params(), weights[0].size * places if weights else 0)
    return rows


@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: f"{o.pooling}-{o.activation}-{o.activate}")
def test_table_is_what_keras_counts(keras, options: Lenet5Options) -> None:
    model = lenet5.build(keras, options)
    rows = {row.name: (row.shape, row.parameters, row.multiply_accumulates) for row in lenet5.table(options)}
    assert rows == counted(model)
    assert tuple(rows) == lenet5.LAYERS
    assert model.count_params() == sum(row[1] for row in rows.values()) == 61_706
    assert (model.input.name, model.input.shape) == ("image", (None, 28, 28, 1))


@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: f"{o.pooling}-{o.activation}-{o.activate}")
def test_the_choices_are_in_the_network(keras, options: Lenet5Options) -> None:
    model = lenet5.build(keras, options)
    pooling = {"max": "MaxPooling2D", "average": "AveragePooling2D"}[options.pooling]
    assert [type(model.get_layer(name)).__name__ for name in ("s2", "s4")] == [pooling] * 2
    activated = [
        (layer.name, layer.activation.__name__)
        for layer in model.layers
        if getattr(layer, "activation", None) and layer.activation.__name__ != "linear"
    ]
    name = options.activation
    first = ["c1", "c3"] if options.activate == "before" else [f"s2_{name}", f"s4_{name}"]
    assert activated == [(layer, name) for layer in [*first, "c5", "f6"]]


def test_totals() -> None:
    rows = lenet5.table()
    assert sum(row.multiply_accumulates for row in rows) == 416_520
    assert [row.receptive_field for row in rows] == [5, 6, 14, 16, 32, 32, 32]
    lines = lenet5.format_table(rows).splitlines()
    assert len(lines) == 9
    assert lines[-1].split() == ["total", "61,706", "416,520"]


def test_receptive_field_by_experiment(keras) -> None:
    """From one unit of S4, whatever the network: the pixels that move it span the table's field."""
    model = lenet5.build(keras, Lenet5Options(pooling="average", activation="tanh"))
    for name, span in (("c1", 5), ("s2", 6), ("c3", 14), ("s4", 16)):
        layer = model.get_layer(name)
        part = keras.Model(model.input, layer.output)
        middle = layer.output.shape[1] // 2
        dots = np.eye(784, dtype=np.float32).reshape(784, 28, 28, 1)
        paper = part(np.zeros((1, 28, 28, 1), np.float32)).numpy()
        moved = np.abs(part(dots).numpy() - paper)[:, middle, middle].max(1).reshape(28, 28) > 0
        rows, columns = (np.flatnonzero(moved.any(axis)) for axis in (1, 0))
        assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (span, span), name


@pytest.mark.parametrize("field", ["pooling", "activation", "activate"])
def test_unknown_choice(field: str) -> None:
    with pytest.raises(ValueError, match=f"{field}: 'other' is not one of"):
        Lenet5Options(**{field: "other"})


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.7])
def test_deployable(keras, temperature: float) -> None:
    keras.utils.set_random_seed(1)
    model = lenet5.build(keras)
    before = model.get_weights()
    images = np.random.default_rng(0).random((7, 28, 28, 1), np.float32)
    released = lenet5.deployable(keras, model, temperature)
    logits = model(images).numpy().astype(np.float64) / temperature
    expected = np.exp(logits - logits.max(1, keepdims=True))
    expected /= expected.sum(1, keepdims=True)
    np.testing.assert_allclose(released(images).numpy(), expected, atol=1e-6)
    assert all(np.array_equal(old, new) for old, new in zip(before, model.get_weights(), strict=True))
    assert released.output.name.startswith("probabilities") or released.layers[-1].name == "probabilities"


_LEGACY = """
import json, os, warnings
import numpy as np
warnings.simplefilter("ignore")
import keras, tf_keras
from pipeline.config import Lenet5Options
from pipeline.networks import lenet5
found = {}
for pooling in ("max", "average"):
    for activate in ("before", "after"):
        options = Lenet5Options(pooling, "tanh", activate)
        new, old = lenet5.build(keras, options), lenet5.build(tf_keras, options)
        old.set_weights(new.get_weights())
        images = np.random.default_rng(0).random((5, 28, 28, 1), np.float32)
        off = max(
            float(np.abs(a(images).numpy() - b(images).numpy()).max())
            for a, b in ((new, old), (lenet5.deployable(keras, new, 2.0), lenet5.deployable(tf_keras, old, 2.0)))
        )
        found[f"{pooling} {activate}"] = [old.count_params(), [layer.name for layer in old.layers], off]
print(json.dumps(found))
"""


def test_the_legacy_keras_builds_the_same_network(keras) -> None:
    """In a process of its own, as the old module changes TensorFlow for everybody."""
    done = subprocess.run(
        [sys.executable, "-c", _LEGACY],
        cwd=ROOT,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert len(found) == 4
    for choice, (parameters, names, off) in found.items():
        pooling, activate = choice.split()
        model = lenet5.build(keras, Lenet5Options(pooling, "tanh", activate))
        assert parameters == 61_706
        assert names == [layer.name for layer in model.layers]
        assert off < 1e-6
