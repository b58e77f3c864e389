"""Writes a quantized run in every format of the table (`formats.py`).

    checkreader export --run mnist

One file per family of formats, each a function from a `Source` to bytes; this
stage writes them atomically and records their checksums. Exporting the same run
twice gives the same bytes.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pipeline.export.formats import FOLDER, TABLE
from pipeline.run import Run, write_bytes

if TYPE_CHECKING:
    from pipeline.export.source import Source


def export(run: Run) -> dict[str, Any]:
    """Writes every format into the run's `export/`, and `export.json`.

    Returns:
        The run's record; `formats` has the bytes and seconds of each, `refused`
        the reason for each format that does not do what this network needs
        (8 bits with other activations than ReLU).

    Raises:
        CheckreaderError: `train` or `quantize` was not run or its files have
            changed.
    """
    # Here, so that the table of formats can be read without TensorFlow.
    from pipeline.export.source import Source
    from pipeline.networks.integer_reference import Unsupported

    source = Source.of(run)
    table, refused = {}, {}
    rows = TABLE[source.task.name]
    for row in rows:
        start = time.perf_counter()
        try:
            files = {file: writer(name)(source, source.provenance(row)) for file, name in row.writers.items()}
        except Unsupported as error:
            for file in row.writers:
                (run / FOLDER / file).unlink(missing_ok=True)  # of an earlier export
            refused[row.name] = str(error)
            print(f"{row.name:15} refused: {error}", file=sys.stderr)
            continue
        for file, content in files.items():
            write_bytes(run / FOLDER / file, content)
        size = len(files[row.file])
        table[row.name] = {"bytes": size, "seconds": round(time.perf_counter() - start, 2)}
        print(f"{row.name:15} {size / 1000:7.1f} kB {table[row.name]['seconds']:6.1f} s", file=sys.stderr)
    return run.record(
        "export",
        [f"{FOLDER}/{file}" for row in rows if row.name in table for file in row.writers],
        data=source.data,
        config=source.config,
        temperature=source.temperatures,
        formats=table,
        refused=refused,
    )


def writer(name: str) -> Callable[[Source, dict[str, Any]], bytes]:
    """Imports the function that a row of the table names as `module:function`."""
    module, function = name.split(":")
    write: Callable[[Source, dict[str, Any]], bytes] = getattr(
        importlib.import_module(f"pipeline.export.{module}"), function
    )
    return write
