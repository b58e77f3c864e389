"""The README's tables, renewed from the JSON that committed commands wrote; a test holds them against it.

    python -m pipeline.release.readme README.md

What stands between `<!-- NAME -->` and `<!-- /NAME -->` is replaced, NAME one of `BLOCKS` or `FIELD_BLOCK`.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from statistics import median
from typing import Final

from pipeline.release import artifacts, fast_card, field_card, model_card, readme_boards, readme_limits
from pipeline.run import write_bytes
from serving import __version__
from serving.errors import CheckreaderError

BLOCKS: Final = ("table", "numbers", "limits", "edge", "service", "operations")
FIELD_BLOCK: Final = "fields"  # and this, if it is there and a field model is released


def renewed(text: str, root: Path) -> str:
    """The README's text with the generated blocks renewed from the JSON below `root`.

    Raises:
        CheckreaderError: a block's markers are missing.
    """
    content = {
        "table": model_card.format_table(model_card.records(root / "models" / "records")),
        "numbers": numbers(root / "benchmarks" / "results"),
        "limits": readme_limits.table(root / "benchmarks" / "results"),
        "edge": edge(root / "benchmarks" / "results"),
        "service": service(root / "benchmarks" / "results"),
        "operations": operations(root / "benchmarks" / "results"),
    }
    fast = root / "models" / artifacts.RECORDS["fast"]
    if fast.is_dir():
        content["table"] += (
            f"\n\n{fast_card.sentence(model_card.records(fast), root / 'benchmarks' / 'results')}"
        )
    for name in BLOCKS:
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        if begin not in text or end not in text:
            raise CheckreaderError(f"README: nothing to renew: expected the lines {begin} and {end}")
        text = re.sub(
            f"(?s){begin}.*?{end}",
            lambda _, name=name: f"<!-- {name} -->\n{content[name]}\n<!-- /{name} -->",
            text,
        )
    fields = root / "models" / artifacts.RECORDS["field"]
    begin, end = f"<!-- {FIELD_BLOCK} -->", f"<!-- /{FIELD_BLOCK} -->"
    if fields.is_dir() and begin in text:
        table = f"{field_card.reading_table(model_card.records(fields))}\n\n{field_card.measured(root / 'benchmarks' / 'results')}"
        text = re.sub(f"(?s){begin}.*?{end}", lambda _: f"{begin}\n{table}\n{end}", text)
    return text


def numbers(benchmarks: Path) -> str:
    """Accuracy over seeds, durations and start-up, in Markdown, from the JSON in `benchmarks/`."""
    runs = json.loads((benchmarks / "runs.json").read_text())
    lines = ["| | measured | by |", "|---|---:|---|"]
    for name, group in runs["mean_over_seeds"].items():
        label = f"{name} preset, mean of {len(group['seeds'])} seeds"
        lines.append(f"| {label}, float | {group['lenet5']:.2%} | `benchmarks/results/runs.json` |")
        lines.append(f"| {label}, int8 | {group['lenet5-int8']:.2%} | `benchmarks/results/runs.json` |")
    for name, run in runs["runs"].items():
        if run["preset"] == "quick":
            accuracy = run["accuracy"]["lenet5"]["value"]
            total = run["seconds"]["total"] / 60
            command = "make" if name == "digits" else f"make DATA={name}"
            lines.append(
                f"| `{command}`, {run['machine']['cores']} cores: minutes (accuracy) "
                f"| {total:.1f} ({accuracy:.2%}) | `benchmarks/results/runs.json` |"
            )
    return "\n".join(lines)


def service(benchmarks: Path) -> str:
    """The service beside other model servers, then by itself, in Markdown, from the JSON in `benchmarks/`."""
    peers = json.loads((benchmarks / "peers.json").read_text())
    own = json.loads((benchmarks / "service.json").read_text())
    lines = [
        "| one worker, one picture a request, JSON | requests/s, 16 clients | p50 ms, 1 client | resident MB "
        "| ready after s | checkreader's rate is |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, one in peers["servers"].items():
        ratios = peers["checkreader_to_peer"].get(name)
        times = f"{median(ratios['rate_16']):.1f} ×" if ratios else ""
        lines.append(
            f"| {_with_version(name, peers['packages'][name])} | {one['rate_16']:,.0f} "
            f"| {one['p50_ms_1']:.2f} | {one['resident_mb']:.0f} | {one['ready_seconds']:.2f} | {times} |"
        )
    single, large, batcher = own["single"], own["rows_256"], own["batcher"]
    resident = list(own["memory"]["resident_mb"].values())
    facts = {
        "requests/s of 16 clients, JSON: the service, of a bare ASGI function": (
            f"{single['json_16']['rate']:,}, {single['json_16']['ratio']:.0%}"
        ),
        "the same, raw binary tensors": f"{single['binary_16']['rate']:,}, {single['binary_16']['ratio']:.0%}",
        "p50 of a lone client, ms: JSON, binary": (
            f"{single['json_1']['p50_ms']:.2f}, {single['binary_1']['p50_ms']:.2f}"
        ),
        "pictures/s, 256 a request, binary: the service, of ONNX Runtime in-process": (
            f"{large['pictures_per_second']:,}, {large['ratio']:.0%}"
        ),
        "what the batcher adds to a lone request, µs": f"{batcher['more_us']:.0f}",
        "resident MB at first, after 100,000 requests": f"{resident[0]:.0f}, {resident[-1]:.0f}",
        "process start to ready, s": f"{own['start_seconds']:.2f}",
    }
    lines += ["", "| | measured |", "|---|---:|", *(f"| {what} | {how} |" for what, how in facts.items())]
    cpu = peers["machine"]
    lines += [
        "",
        "The peers are tuned (asynchronous handlers, uvloop, no access logs, no metrics) but for those marked "
        f"as out of the box. Load generator and server share {cpu['cores']} cores of {cpu['cpu']}. From "
        "`benchmarks/results/peers.json` (`make peers`) and `benchmarks/results/service.json` (`python -m benchmarks.service`).",
    ]
    return "\n".join(lines)


def operations(benchmarks: Path) -> str:
    """Workers, releases and the page's transfer, in Markdown."""
    found = json.loads((benchmarks / "operations.json").read_text())
    workers, made, page = found["workers"], found["release"], found["page_bytes"]

    def rates(kind: str) -> str:
        one = workers[kind]
        return f"{one['one']:,}, {one['two']:,}: {one['ratio']:.2f} × ({one['client_cpu']:.0%})"

    p99 = made["p99_ms"]
    rows = {
        "requests/s of one worker and of two on two cores, JSON (share of a core that wrk took)": rates(
            "json"
        ),
        "the same, posted pictures of digits": rates("picture"),
        f"requests failed in {made['releases']} releases under {made['rate']:,.0f} requests/s": made[
            "failed"
        ],
        f"p99 ms in {made['window']:.0f} s: steady, with one release": (
            f"{p99['steady']:.2f}, {p99['one']:.2f}: {made['ratio']['one']:.2f} ×"
        ),
        "the same with a release every second": f"{p99['often']:.2f}: {made['ratio']['often']:.2f} ×",
        "the page's first load, kB: its files, the WebAssembly": (
            f"{page['files'] / 1000:.0f}, {page['wasm'] / 1000:.0f}"
        ),
    }
    machine = found["machine"]
    return "\n".join(
        [
            "| | measured |",
            "|---|---:|",
            *(f"| {what} | {how} |" for what, how in rows.items()),
            "",
            f"On {machine['cores']} cores of {machine['cpu']}. From `benchmarks/results/operations.json` "
            "(`python -m benchmarks.operations`).",
        ]
    )


def edge(benchmarks: Path) -> str:
    """What the digit model takes as C, WebAssembly, in TensorFlow Lite Micro and on a Linux board, in Markdown."""
    found = json.loads((benchmarks / "edge.json").read_text())
    cores, c, machine = found["cortex_m"].items(), found["c"], found["machine"]
    npu = found["ethos_u55"]
    left = f" but {', '.join(npu['cpu_operators'])}" if npu["cpu_operators"] else ""
    lines = [
        "| | flash, bytes | RAM, bytes |",
        "|---|---:|---:|",
        *(
            f"| C, {core.replace('cortex-m', 'Cortex-M')}, `-Os`, the classifier alone "
            f"| {size['flash_bytes']:,} | {size['ram_bytes']:,} |"
            for core, size in cores
        ),
        f"| TensorFlow Lite Micro: the arena alone, reference kernels | | {found['tflm_arena_bytes']:,} |",
        f"| Arm Ethos-U55-128, by Vela's estimate | {npu['flash_bytes']:,} | {npu['sram_bytes']:,} |",
        f"| WebAssembly, normalization included | {found['wasm_bytes']:,} | |",
        "",
        f"{found['macs']:,} multiply-accumulates a picture. C with `{c['flags']}` on {machine['cpu']}, one picture "
        f"and one thread: {c['ratio']:.2f} of the time of LiteRT's int8 kernels (XNNPACK) in the same run. "
        f"Over {c['pictures']:,} pictures of mnist test the largest difference from the reference is "
        f"{c['largest_difference_lsb']} LSB. On the Ethos-U55 run all {npu['operators']} operators{left}; at "
        f"{npu['clock_hz'] / 1e6:.0f} MHz Vela estimates {npu['inferences_per_second']:,.0f} pictures/s. From `benchmarks/results/edge.json` (`python -m benchmarks.edge`).",
        "",
        readme_boards.table(json.loads((benchmarks / "arm64.json").read_text())),
    ]
    return "\n".join(lines)


def _with_version(name: str, packages: dict[str, str]) -> str:
    package, _, variant = name.partition(" ")
    suffix = " out of the box" if variant else ""
    return f"{package} {packages.get(package, __version__)}{suffix}"


if __name__ == "__main__":
    path = Path(sys.argv[1]) if sys.argv[1:] else Path("README.md")
    write_bytes(path, renewed(path.read_text(), path.parent).encode())
