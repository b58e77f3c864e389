"""Pictures per second of LeNet-5 with its pooling folded away, against tf2onnx's conversion of the usual network.

    .venv/bin/python -m benchmarks.folding       # half a minute; writes results/folding.json

ONNX Runtime, one thread, 256 pictures at once, all networks in turns. Speed does not depend on the
weights, so they are random ones. `plain` is tf2onnx's conversion of the Keras model with maximum pooling as it is;
`exported` is this project's own export of that, `folded` that of the folded network.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from benchmarks import output
from pipeline.export import onnx as to_onnx
from pipeline.export.source import Source
from pipeline.networks import folded, lenet5, spec
from pipeline.networks.spec import Task
from pipeline.run import environment, write_json
from serving import __version__
from serving.runtime import onnx as runtime

BATCH: Final = 256
ROUNDS: Final = 200


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures and writes JSON."""
    options = output.parser("folding", "Measures the speed of the folded network.").parse_args(arguments)
    write_json(options.out, measure(ROUNDS))


def measure(rounds: int) -> dict[str, Any]:
    """Returns the record; each network is timed `rounds` times."""
    keras.utils.set_random_seed(0)
    usual, foldable = lenet5.build(keras), lenet5.build(keras, folded.OPTIONS)
    networks = {
        "plain": plain(lenet5.deployable(keras, usual, 1.0)),
        "exported": exported(usual, spec.DIGIT),
        "folded": exported(folded.fold(keras, foldable), spec.FAST),
    }
    sessions = {name: runtime.session(content, threads=1) for name, content in networks.items()}
    image = np.random.default_rng(0).random((BATCH, lenet5.SIDE, lenet5.SIDE, 1), np.float32)
    expected = np.asarray(lenet5.deployable(keras, foldable, 1.0)(image))
    times: dict[str, list[float]] = {name: [] for name in sessions}
    for _ in range(rounds):
        for name, session in sessions.items():
            session.run(None, {"image": image})  # the network before has emptied the caches
            start = time.perf_counter()
            session.run(None, {"image": image})
            times[name].append(time.perf_counter() - start)
    rate = {name: round(BATCH / median(seconds)) for name, seconds in times.items()}
    probabilities = sessions["folded"].run(None, {"image": image})[0]
    return {
        "batch": BATCH,
        "threads": 1,
        "pictures_per_second": rate,
        "folded_against_plain": round(rate["folded"] / rate["plain"], 2),
        "largest_difference": float(np.abs(probabilities - expected).max()),
        "environment": environment(),
    }


def plain(model: Any) -> bytes:
    """Converts a Keras model by tf2onnx as it is, without any of the pipeline's changes."""
    import tf2onnx

    function = tf.function(lambda image: {"probabilities": model(image)}, autograph=False)
    signature = [tf.TensorSpec(spec.DIGIT.image, tf.float32, name="image")]
    converted, _ = tf2onnx.convert.from_function(function, signature, opset=to_onnx.OPSET)
    return bytes(converted.SerializeToString())


def exported(network: Any, reads: Task) -> bytes:
    """Returns the pipeline's float32 ONNX file of a network of logits."""
    source = Source(network, Path(), {reads.model: 1.0}, {}, {}, {}, reads)
    return to_onnx.float32(source, {"checkreader": __version__})


if __name__ == "__main__":
    main()
