"""Measures the costs of each format: size, load time, latency, throughput, memory.

    checkreader benchmark --run NAME

Every format runs in processes of its own, one with one thread and one with
all usable cores, which import nothing but that format's runtime. All processes
are started first and then measured in turns, round after round, so that a busy
machine disturbs all formats alike; the medians over the rounds count.

The worker is `python -m pipeline.evaluation.benchmark --worker TASK FORMAT FILE PICTURES THREADS`:
one JSON object per line in, one per line out.
"""

from __future__ import annotations

import contextlib
import gzip
import importlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TextIO

import numpy as np
import numpy.typing as npt

from pipeline.export import predictor
from pipeline.export.formats import FOLDER, TABLE, Format, get
from pipeline.networks import spec
from pipeline.records import ExportRecord
from pipeline.run import Run
from serving.errors import CheckreaderError
from serving.images.digit import tensor
from serving.runtime.cpu import cpus
from serving.table import format_table

BATCH: Final = 256
FIELD_BATCH: Final = 16  # a service rarely has more fields of one width at once
WARM_UP: Final = 2  # calls before each measurement; the formats in between have emptied the caches
MIN_CALLS: Final = 3  # per measurement, however slow

_MODULES: Final = {
    "keras": "keras",
    "litert": "serving.runtime.litert",
    "onnxruntime": "serving.runtime.onnx",
    "c": "pipeline.export.compiled",
    "wasm": "pipeline.export.compiled",
}


def benchmark(
    run: Run,
    images: npt.NDArray[np.uint8],
    formats: Sequence[Format] | None = None,
    rounds: int = 5,
    seconds: float = 0.1,
) -> dict[str, Any]:
    """Runs the stage: measures all formats of a run and writes `benchmark.json`.

    Args:
        run: an exported run.
        images: pictures, uint8 [N, 28, 28], or fields padded to one width, uint8 [N, 32, W]; 256 of them, 16 of
            fields, are used, again from the front if there are fewer.
        formats: the rows to measure; None = all that were exported.
        rounds: how often every format is measured.
        seconds: how long each single measurement takes.

    Returns:
        The record. `formats` holds by name `bytes`, `gzip_bytes`, `load_ms` (from the file to the first
        answer, in a fresh process that has imported the runtime) and, with one thread, `peak_mb` (resident,
        the whole process), `p50_ms` and `p99_ms` of a call with one picture and `images_per_second` in
        whole batches; the last three once more under `all_cores`. Of fields also their `width`.

    Raises:
        CheckreaderError: an exported file is missing or changed, or a worker fails.
    """
    from tqdm import tqdm

    exported, task = run.read(ExportRecord), spec.task_of_run(run)
    batch = FIELD_BATCH if task.network else BATCH
    if formats is None:
        formats = [row for row in TABLE[task.name] if row.name not in exported.refused]
    counts = sorted({1, cpus()})
    with contextlib.ExitStack() as stack:
        pictures = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "pictures.npy"
        np.save(pictures, images[np.arange(batch) % len(images)])
        workers = {
            (row.name, threads): stack.enter_context(_worker(row, run / FOLDER / row.file, pictures, threads))
            for row in formats
            for threads in counts
        }
        for send in workers.values():
            send(do="import")
        loads = {key: send(do="load")["load_ms"] for key, send in workers.items()}
        measurements: dict[tuple[str, int], list[dict[str, float]]] = {key: [] for key in workers}
        for _ in tqdm(range(rounds), desc="benchmark", unit="round", disable=None):
            for key, send in workers.items():
                measurements[key].append(send(do="measure", seconds=seconds))
        peaks = {row.name: workers[row.name, 1](do="peak")["peak_mb"] for row in formats}
    entries = {}
    for row in formats:
        content = (run / FOLDER / row.file).read_bytes()
        entries[row.name] = {
            "bytes": len(content),
            "gzip_bytes": len(gzip.compress(content, mtime=0)),
            "load_ms": loads[row.name, 1],
            "peak_mb": peaks[row.name],
            **_medians(measurements[row.name, 1]),
            "all_cores": _medians(measurements[row.name, counts[-1]]),
        }
    return run.record(
        "benchmark",
        [],
        data=exported.data,
        batch=batch,
        **({"width": images.shape[2]} if task.network else {}),
        rounds=rounds,
        seconds=seconds,
        cores=cpus(),
        formats=entries,
    )


def summary(record: dict[str, Any]) -> str:
    """Formats the record of `benchmark` as a table."""
    noun = "field" if "width" in record else "picture"
    head = ["format", "kB", "gzip", "load ms", "peak MB"] + 2 * ["p50 ms", "p99 ms", f"{noun}s/s"]
    rows = [
        [
            name,
            f"{entry['bytes'] / 1000:.1f}",
            f"{entry['gzip_bytes'] / 1000:.1f}",
            f"{entry['load_ms']:.1f}",
            f"{entry['peak_mb']:.0f}",
            *_cells(entry),
            *_cells(entry["all_cores"]),
        ]
        for name, entry in record["formats"].items()
    ]
    single = f"field of {record['width']} columns, padding included" if "width" in record else noun
    note = (
        f"Milliseconds for one {single}; {noun}s per second in batches of {record['batch']}; one thread, "
        f"then all {record['cores']} cores. Compare within the table only."
    )
    return "\n".join([format_table(head, rows), note, record["environment"]["machine"]["cpu"]])


def _cells(figures: dict[str, float]) -> list[str]:
    return [f"{figures['p50_ms']:.3f}", f"{figures['p99_ms']:.3f}", f"{figures['images_per_second']:,.0f}"]


def figures(latencies: Sequence[float], batches: Sequence[float], batch: int = BATCH) -> dict[str, float]:
    """Returns the three figures of one measurement.

    Args:
        latencies: seconds of calls with one picture.
        batches: seconds of calls with a whole batch.
        batch: pictures in a batch.
    """
    p50, p99 = np.percentile(latencies, (50, 99)) * 1000
    return {
        "p50_ms": float(p50),
        "p99_ms": float(p99),
        "images_per_second": batch / float(np.median(batches)),
    }


def _medians(rounds: Sequence[dict[str, float]]) -> dict[str, float]:
    return {key: float(np.median([measurement[key] for measurement in rounds])) for key in rounds[0]}


@contextlib.contextmanager
def _worker(row: Format, path: Path, pictures: Path, threads: int) -> Iterator[Callable[..., dict[str, Any]]]:
    """Starts a fresh process for one format; yields a function that sends it a request and returns the answer."""
    command = [sys.executable, "-m", "pipeline.evaluation.benchmark", "--worker"]
    source = str(Path(__file__).parents[2])
    with subprocess.Popen(
        [*command, row.task, row.name, str(path.resolve()), str(pictures), str(threads)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # only the runtimes' messages; failures come as answers
        text=True,
        # The worker imports this very code, wherever this process was started.
        env={**os.environ, "PYTHONPATH": os.pathsep.join([source, os.environ.get("PYTHONPATH", "")])},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        requests, answers = process.stdin, process.stdout

        def send(**request: Any) -> dict[str, Any]:
            with contextlib.suppress(BrokenPipeError):  # it died, and its answer will be missing
                requests.write(json.dumps(request) + "\n")
                requests.flush()
            answer = json.loads(answers.readline() or '{"error": "its process ended"}')
            if "error" in answer:
                raise CheckreaderError(f"benchmark of {row.name}, threads {threads}: {answer['error']}")
            return dict(answer)

        try:
            yield send
        finally:
            process.kill()
            with contextlib.suppress(BrokenPipeError):  # a request that a dead worker never read
                requests.close()


def answer_requests(
    row: Format, path: Path, pictures: Path, threads: int, requests: TextIO, answers: TextIO
) -> None:
    """Answers requests in the worker until there are none left."""
    images = tensor(np.load(pictures))
    predict: Callable[[Any], Any] | None = None
    for line in requests:
        request = json.loads(line)
        try:
            answer: dict[str, Any] = {}
            match request["do"]:
                case "import":
                    module = importlib.import_module(_MODULES[row.runtime])
                    if row.runtime == "c":
                        module.shared_library(path)  # a device gets it compiled
                case "load":
                    start = time.perf_counter()
                    predict = predictor.predictor(row, path, threads)
                    predict(images[:1])
                    answer = {"load_ms": (time.perf_counter() - start) * 1e3}
                case "measure":
                    assert predict is not None
                    single_times, batch_times = (
                        _time(predict, images[:size], request["seconds"]) for size in (1, len(images))
                    )
                    answer = figures(single_times, batch_times, len(images))
                case "peak":
                    answer = {"peak_mb": peak_bytes() / 1e6}
        # The other process reports any error.
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


def _time(predict: Callable[[Any], Any], images: Any, seconds: float) -> list[float]:
    """Calls for about `seconds` in all; returns the duration of each call, in seconds."""
    for _ in range(WARM_UP):
        predict(images)
    durations: list[float] = []
    end = time.perf_counter() + seconds
    while len(durations) < MIN_CALLS or time.perf_counter() < end:
        start = time.perf_counter()
        predict(images)
        durations.append(time.perf_counter() - start)
    return durations


def peak_bytes() -> int:
    """Returns the most memory that was resident in this process at any time."""
    # Linux's getrusage survives exec: a small program that a big one starts would begin with the big one's peak.
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def main(arguments: Sequence[str]) -> None:
    """Runs the worker's command line."""
    if len(arguments) != 6 or arguments[0] != "--worker":
        raise SystemExit("error: this is the benchmark's worker; run `checkreader benchmark`")
    _, task, name, path, pictures, threads = arguments
    # Only answers go to the standard output; a runtime's messages go to the error output.
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        answer_requests(get(name, task), Path(path), Path(pictures), int(threads), sys.stdin, answers)


if __name__ == "__main__":
    main(sys.argv[1:])
