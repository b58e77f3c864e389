"""How fast the released field model reads, and what knowing the check digit is worth.

.venv/bin/python -m benchmarks.fields > benchmarks/results/fields.json      # a quarter of an hour, on an idle machine

`one` is a posted picture, encoded bytes → reading, in one thread; `png` is what Pillow takes of that. `aba` are
numbers of nine digits with the check digit of American routing numbers, drawn
by hands that the network has never seen, read as any number and as such ones.
`folder` is `checkreader read FOLDER` on as many pictures, on all cores.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

import numpy as np
from PIL import Image
from tqdm import tqdm

from pipeline.metrics.calibration import interval
from pipeline.run import machine
from pipeline.synthesis import amount_text
from pipeline.synthesis import generator as drawing
from pipeline.synthesis.sampler import HandwritingSampler
from serving.decoding import check_digits
from serving.decoding.field_string import field_format
from serving.images.codec import decode
from serving.manifest import Threshold
from serving.recognition import fields
from serving.repository.store import Repository

MODEL: Final = "lenet5-field"
_ANY: Final = Threshold(1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0)
_TIMED: Final = 300
_NUMBERS: Final = 1_000
_FOLDER: Final = 100_000
_WEIGHTS: Final = (3, 7, 1)


def main() -> None:
    """Measures and prints JSON."""
    sampler = HandwritingSampler().validation()
    result = {
        "one": _one(sampler),
        "aba": _aba(sampler),
        "folder": _folder(sampler),
        "machine": machine(),
    }
    print(json.dumps(result, indent=1))


def png(picture: Any) -> bytes:
    """A picture, encoded."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()


def _reader(kind: str, scheme: str | None = None, model: str = MODEL) -> fields.FieldRecognizer:
    loaded = Repository.open().load(model, "onnxruntime", 1)
    return fields.FieldRecognizer(loaded.model, loaded.network, field_format(kind, scheme), _ANY, None)


def _one(sampler: HandwritingSampler) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    pictures = [png(sampler.field(rng)[0]) for _ in range(_TIMED)]
    found = {}
    for model in (MODEL, f"{MODEL}-int8"):
        read = _reader("amount", model=model)
        times, decoding = [], []
        for picture in pictures[:20] + pictures:
            start = time.perf_counter()
            read([picture])
            done = time.perf_counter()
            decode(picture)
            times.append(1e3 * (done - start))
            decoding.append(1e3 * (time.perf_counter() - done))
        found[model] = {
            "p50_ms": round(median(times[20:]), 3),
            "p90_ms": round(quantiles(times[20:], n=10)[-1], 3),
            "png_p50_ms": round(median(decoding[20:]), 3),
        }
    return {"fields": _TIMED, **found}


def _aba(sampler: HandwritingSampler) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    generator = drawing.Generator(drawing.sources(mnist=False, part=sampler.part))
    free, bound = _reader("number"), _reader("number", "aba")
    rule = check_digits.parse("aba", None)
    wrong = {"without": 0, "with": 0}
    for _ in tqdm(range(_NUMBERS), desc="aba", disable=None):
        number = _routing(rng)
        assert rule is not None
        assert check_digits.accepts(rule, number)
        picture = png(generator.field(amount_text.label(number), rng).picture)
        wrong["without"] += free([picture])[0].text != number
        wrong["with"] += bound([picture])[0].text != number
    return {
        "numbers": _NUMBERS,
        **{
            name: {"wrong": count, "error": count / _NUMBERS, "interval": interval(count, _NUMBERS)}
            for name, count in wrong.items()
        },
        "ratio": wrong["with"] / wrong["without"],
    }


def _routing(rng: np.random.Generator) -> str:
    first = rng.integers(0, 10, 8)
    first[0] = rng.integers(0, 4)
    total = sum(int(digit) * _WEIGHTS[i % 3] for i, digit in enumerate(first))
    return "".join(map(str, first)) + str(-total % 10)


def _folder(sampler: HandwritingSampler) -> dict[str, Any]:
    rng = np.random.default_rng(2)
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root, "scans")
        folder.mkdir()
        distinct = 1_000
        for i in range(distinct):
            (folder / f"{i:06d}.png").write_bytes(png(sampler.field(rng)[0]))
        for i in range(distinct, _FOLDER):
            os.link(folder / f"{i % distinct:06d}.png", folder / f"{i:06d}.png")
        out = Path(root, "results.jsonl")
        command = [sys.executable, "-m", "serving.cli.main", "read", str(folder), "--out", str(out)]
        start = time.perf_counter()
        with subprocess.Popen(
            [*command, "--kind", "number"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            peak = 0.0
            while process.poll() is None:
                peak = max(peak, _resident(process.pid))
                time.sleep(1)
        seconds = time.perf_counter() - start
        with out.open("rb") as file:
            lines = sum(1 for _ in file)
    return {
        "pictures": _FOLDER,
        "lines": lines,
        "seconds": round(seconds, 1),
        "pictures_per_second": round(lines / seconds),
        "peak_mb": round(peak),
    }


def _resident(pid: int) -> float:
    """Resident MB of a process and its children, shared pages counted for each."""
    import psutil

    try:
        process = psutil.Process(pid)
        return float(sum(one.memory_info().rss for one in (process, *process.children(recursive=True))) / 1e6)
    except psutil.NoSuchProcess:
        return 0.0


if __name__ == "__main__":
    main()
