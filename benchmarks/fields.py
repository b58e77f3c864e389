"""Speed of the released field model, and its errors with and without knowledge of the check digit.

    .venv/bin/python -m benchmarks.fields      # a quarter of an hour, on an idle machine; writes results/fields/CPU.json

`one` is a posted picture, encoded bytes → reading, in one thread; `png` is Pillow's part of that. `aba` are
numbers of nine digits with the check digit of American routing numbers, drawn
by writers that the network has never seen, read as any number and as routing numbers.
`folder` is `checkreader read FOLDER` on as many pictures, on all cores.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

import numpy as np
from PIL import Image
from tqdm import tqdm

from benchmarks import output
from pipeline.metrics.calibration import interval
from pipeline.run import machine, write_json
from pipeline.synthesis import amount_text
from pipeline.synthesis import generator as drawing
from pipeline.synthesis.sampler import HandwritingSampler
from serving.decoding import check_digits
from serving.decoding.field_string import field_format
from serving.decoding.thresholds import operating_point
from serving.images.codec import decode
from serving.manifest import Threshold
from serving.recognition.field_recognizer import FieldRecognizer
from serving.repository.store import Repository

MODEL: Final = "lenet5-field"
_ANY: Final = operating_point([Threshold(1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0)], 1.0)
TIMED: Final = 300
NUMBERS: Final = 1_000
FILES: Final = 100_000
DISTINCT: Final = 1_000  # pictures; the other files are links to them
_WEIGHTS: Final = (3, 7, 1)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures and writes JSON."""
    options = output.parser_of_times("fields", "Measures the released field model.").parse_args(arguments)
    sampler = HandwritingSampler().validation()
    record = {
        "one": single_pictures(sampler),
        "aba": routing_numbers(sampler),
        "folder": folder_of_pictures(sampler),
        "machine": machine(),
    }
    write_json(options.out, record)


def png(picture: Any) -> bytes:
    """Encodes a picture."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()


def _reader(kind: str, scheme: str | None = None, model: str = MODEL) -> FieldRecognizer:
    loaded = Repository.open().load(model, "onnxruntime", 1)
    return FieldRecognizer(loaded.model, loaded.network, field_format(kind, scheme), _ANY, None)


def single_pictures(sampler: HandwritingSampler, count: int = TIMED) -> dict[str, Any]:
    """Measures the milliseconds of reading one encoded picture, and of decoding it alone, over `count` of them."""
    rng = np.random.default_rng(0)
    pictures = [png(sampler.field(rng)[0]) for _ in range(count)]
    warm_up = pictures[:20]
    figures = {}
    for model in (MODEL, f"{MODEL}-int8"):
        read = _reader("amount", model=model)
        times, decoding = [], []
        for picture in warm_up + pictures:
            start = time.perf_counter()
            read([picture])
            end = time.perf_counter()
            decode(picture)
            times.append(1e3 * (end - start))
            decoding.append(1e3 * (time.perf_counter() - end))
        figures[model] = {
            "p50_ms": round(median(times[len(warm_up) :]), 3),
            "p90_ms": round(quantiles(times[len(warm_up) :], n=10)[-1], 3),
            "png_p50_ms": round(median(decoding[len(warm_up) :]), 3),
        }
    return {"fields": count, **figures}


def routing_numbers(sampler: HandwritingSampler, count: int = NUMBERS) -> dict[str, Any]:
    """Measures the errors on `count` routing numbers, read with and without knowledge of their check digit."""
    rng = np.random.default_rng(1)
    generator = drawing.Generator(drawing.sources(mnist=False, part=sampler.part, writers=sampler.invented))
    free, bound = _reader("number"), _reader("number", "aba")
    rule = check_digits.parse("aba", None)
    wrong = {"without": 0, "with": 0}
    for _ in tqdm(range(count), desc="aba", disable=None):
        number = routing_number(rng)
        assert rule is not None
        assert check_digits.satisfies(number, rule)
        picture = png(generator.field(amount_text.label(number), rng).picture)
        wrong["without"] += free([picture])[0].text != number
        wrong["with"] += bound([picture])[0].text != number
    return {
        "numbers": count,
        **{
            name: {"wrong": errors, "error": errors / count, "interval": interval(errors, count)}
            for name, errors in wrong.items()
        },
        "ratio": wrong["with"] / wrong["without"] if wrong["without"] else None,
    }


def routing_number(rng: np.random.Generator) -> str:
    """Draws nine digits whose last is the check digit of American routing numbers."""
    first = rng.integers(0, 10, 8)
    first[0] = rng.integers(0, 4)
    total = sum(int(digit) * _WEIGHTS[i % 3] for i, digit in enumerate(first))
    return "".join(map(str, first)) + str(-total % 10)


def folder_of_pictures(
    sampler: HandwritingSampler, files: int = FILES, distinct: int = DISTINCT
) -> dict[str, Any]:
    """Measures `checkreader read` on a folder of `files`, of which `distinct` differ."""
    rng = np.random.default_rng(2)
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root, "scans")
        folder.mkdir()
        for i in range(distinct):
            (folder / f"{i:06d}.png").write_bytes(png(sampler.field(rng)[0]))
        for i in range(distinct, files):
            os.link(folder / f"{i % distinct:06d}.png", folder / f"{i:06d}.png")
        out = Path(root, "results.jsonl")
        command = [sys.executable, "-m", "serving.cli.main", "read", str(folder), "--out", str(out)]
        start = time.perf_counter()
        with subprocess.Popen(
            [*command, "--as", "number"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            peak = 0.0
            while process.poll() is None:
                peak = max(peak, _resident_mb(process.pid))
                time.sleep(1)
        seconds = time.perf_counter() - start
        with out.open("rb") as file:
            lines = sum(1 for _ in file)
    return {
        "pictures": files,
        "lines": lines,
        "seconds": round(seconds, 1),
        "pictures_per_second": round(lines / seconds),
        "peak_mb": round(peak),
    }


def _resident_mb(pid: int) -> float:
    """Returns the resident MB of a process and its children, shared pages counted for each."""
    import psutil

    try:
        process = psutil.Process(pid)
        family = (process, *process.children(recursive=True))
        return float(sum(member.memory_info().rss for member in family) / 1e6)
    except psutil.NoSuchProcess:
        return 0.0


if __name__ == "__main__":
    main()
