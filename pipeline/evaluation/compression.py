"""Measures the effect of pruning and clustering on size and accuracy, alone and before quantization.

checkreader quantize --run mnist --compare
"""

from __future__ import annotations

import dataclasses
import gzip
import tempfile
from pathlib import Path
from typing import Any

from pipeline.config import QuantizeConfig
from pipeline.data.digits import Dataset
from pipeline.export import tflite
from pipeline.quantization import digit as quantization
from pipeline.run import Run

_PRUNE, _CLUSTER = 0.5, 32  # if the config names no amount


def compare(
    run: Run, config: QuantizeConfig, dataset: Dataset, data_dir: Path | None = None
) -> dict[str, Any]:
    """Measures pruning and clustering, each alone and before quantization; writes `compression.json`.

    Both train on for `config.steps`, at a higher rate than QAT, so that their rows
    have trained for that much longer than the ones without.

    Args:
        run: a trained run.
        config: `prune` and `cluster` are the amounts, if they are not 0.
        dataset: the run's training data; accuracy is that of its validation part, together with UNIPEN's where the run
            was trained on it.
        data_dir: where UNIPEN lies, as for `pipeline.quantization.digit.quantize`.

    Returns:
        The record; each of its `rows` has `compression`, `quantization`, `bytes`
        and `gzip_bytes` of the `.tflite`, and `validation_accuracy`.
    """
    float_model, training_data, _ = quantization.open_network(
        run, dataclasses.replace(config, prune=0.0, cluster=0), dataset, data_dir
    )
    validation = training_data.mixture.validation
    rows = []
    for name, prune, cluster in (
        ("none", 0.0, 0),
        ("prune", config.prune or _PRUNE, 0),
        ("cluster", 0.0, config.cluster or _CLUSTER),
    ):
        variant = dataclasses.replace(config, prune=prune, cluster=cluster)
        amount = {"prune": prune} if prune else {"cluster": cluster} if cluster else {}
        model = quantization.compress(float_model, variant, training_data)
        quantized = quantization.quantize_network(model, variant, dataset, training_data)
        with tempfile.TemporaryDirectory() as folder:
            quantization.save(quantized, Path(folder))
            integers = tflite.convert_int8(Path(folder), 1.0)
        for method, network, content in (
            ("float", model, tflite.convert(model, "logits")),
            (config.method, quantized, integers),
        ):
            rows.append(
                {
                    "compression": name,
                    **amount,
                    "quantization": method,
                    "bytes": len(content),
                    "gzip_bytes": len(gzip.compress(content, 9, mtime=0)),
                    "validation_accuracy": quantization.accuracy(
                        quantization.predict(network, validation.images), validation
                    ),
                }
            )
    return run.record("compression", [], config=dataclasses.asdict(config), data=dataset.record(), rows=rows)


def summary(record: dict[str, Any]) -> str:
    """Formats the record of `compare` as a table."""
    lines = [f"{'compression':16} {'weights':8} {'kB':>7} {'gzip kB':>8} {'validation':>10}"]
    for row in record["rows"]:
        amount = row.get("prune") or row.get("cluster") or ""
        lines.append(
            f"{row['compression']:8} {amount!s:7} {row['quantization']:8} {row['bytes'] / 1000:7.1f} "
            f"{row['gzip_bytes'] / 1000:8.1f} {row['validation_accuracy']:10.2%}"
        )
    return "\n".join(lines)
