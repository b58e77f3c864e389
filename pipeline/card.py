"""Words around the numbers: the model card, and the README's tables, from the recorded JSON.

What is said of the field model is in `pipeline.field.card`, of the folded network in `pipeline.fast.card`.

    python -m pipeline.card runs/digits    # prints a run's table
    python -m pipeline.card README.md      # renews the README's tables

Every figure comes from a JSON that a committed command wrote; a test compares.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from statistics import median
from typing import Any, Final

from PIL import Image, ImageDraw, ImageFont

from pipeline import limits, task
from pipeline.export import boards
from pipeline.export.formats import FOLDER, TABLE
from pipeline.fast import card as fast_card
from pipeline.run import STAGES, write_bytes
from serving import __version__
from serving.errors import CheckdigitError
from serving.manifest import Manifest

FIELD_RECORDS: Final = "records/field"  # below `models/`
# What `python -m pipeline.card README.md` renews: what stands between `<!-- NAME -->` and `<!-- /NAME -->`.
BLOCKS: Final = ("table", "numbers", "limits", "edge", "service", "operations")
FIELD_BLOCK: Final = "fields"  # and this, if it is there and a field model is released


def records(folder: Path) -> dict[str, Any]:
    """The records in a run's folder, or in `models/records/`, by stage."""
    return {
        stage: json.loads((folder / f"{stage}.json").read_text())
        for stage in (*STAGES, "calibrate")
        if stage in STAGES or (folder / f"{stage}.json").exists()
    }


def format_table(found: dict[str, Any]) -> str:
    """Size, accuracy, speed and memory of every format, in Markdown."""
    benchmark, evaluated = found["benchmark"], found["evaluate"]["formats"]
    lines = [
        "| format | kB | accuracy | p50 ms, one picture | pictures/s, 256 at once | peak MB |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for row in TABLE[task.named(found["train"]).name]:
        if row.name not in evaluated:
            continue
        size = found["export"]["files"][f"{FOLDER}/{row.file}"]["bytes"] / 1000
        speed = benchmark["formats"][row.name]
        lines.append(
            f"| {row.name} | {size:.0f} | {evaluated[row.name]['value']:.2%} | {speed['p50_ms']:.3f} "
            f"| {speed['images_per_second']:,.0f} | {speed['peak_mb']:.0f} |"
        )
    machine = found["benchmark"]["environment"]["machine"]
    data = next(iter(evaluated.values()))
    lines += [
        "",
        f"Accuracy on the {data['n']:,} pictures of {data['data']}; speed with one thread on {machine['cpu']} "
        f"({machine['cores']} cores), ONNX Runtime {found['benchmark']['environment']['packages']['onnxruntime']}. "
        "Compare speeds within the table only."
        + (" `c` is compiled for that processor; its size is the source's." if "c" in evaluated else ""),
    ]
    return "\n".join(lines)


def threshold_table(found: dict[str, Any]) -> str:
    """What each stored threshold gave on the test set, in Markdown."""
    lines = [
        "| model | wanted error | threshold | accepted | error on test | 95 % interval |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, family in found["evaluate"]["families"].items():
        for entry in family["thresholds"]:
            lines.append(
                f"| {name} | {entry['max_error']:.1%} | {entry['threshold']:.4f} | {entry['accepted']:.2%} "
                f"| {entry['error']:.3%} | {entry['low']:.3%}–{entry['high']:.3%} |"
            )
    return "\n".join(lines)


def model_card(found: dict[str, Any], manifest: Manifest, fields: dict[str, Any] | None = None) -> str:
    """`models/README.md`.

    Args:
        found: the digit run's records.
        manifest: of the release.
        fields: the field run's records; None: no field model is released.
    """
    from pipeline.field import card as field

    data, config = found["train"]["data"], found["train"]["config"]
    families = found["evaluate"]["families"]
    accuracies = [
        f"- `{name}`: {family['accuracy']['value']:.2%} "
        f"(95 % interval {family['accuracy']['low']:.2%}–{family['accuracy']['high']:.2%}) of "
        f"{family['accuracy']['n']:,} {family['accuracy']['data']} pictures; expected calibration error "
        f"{family['calibration_error']['before']:.2%} before and {family['calibration_error']['after']:.2%} "
        f"after temperature {family['temperature']:.3f}; of {family['nondigits']['n']:,} pictures of blank paper, "
        f"noise, textures, shapes, scribbles, letters, words and print {family['nondigits']['accepted']} accepted "
        "at the default operating point (`max_error` 0.01)"
        for name, family in families.items()
    ]
    files = [
        f"| `{artifact.path}` | {name} | {artifact.format} | {artifact.bytes / 1000:.0f} |"
        for name, model in manifest.models.items()
        for artifact in model.artifacts
    ]
    versions = ", ".join(f"{name} {version}" for name, version in manifest.tool_versions.items())
    whole, section, golden = "and no whole amounts", "", ""
    if fields is not None:
        whole = "and no whole amounts: that is what `lenet5-field` is for, see below"
        section = f"\n{field.section(fields)}\n"
        golden = " and a few fields"
    return f"""# Model card: LeNet-5 for handwritten digits

Written by `checkdigit release`; every number is from the JSON in `records/`.

**What it does.** Reads one handwritten digit, normalized as MNIST is, and says how sure it is. Meant for
digits on forms and bank checks, one at a time; a reading whose confidence is below the threshold
for the wanted error rate is to be keyed by a human.

**What it does not do.** It reads no letters {whole}. A letter that is a digit's double (O, D, I, l, j, S, Z, q)
is read as that digit, and so is a chance scribble of a few lines that looks like one. Its handwriting is
that of {data["name"]}; for MNIST that is American census staff and students. European ones, crossed sevens and looped
nines are read less surely: test on your own digits before you trust it.

**Data.** {data["name"]}: {data["train"]:,} pictures to train on, {data["validation"]:,} to choose by (cut by {data["validation_by"]}),
{data["test"]:,} to measure. Beside them, pictures drawn by code that are no digits. SHA-256 of every file: `manifest.json`.

**Training.** Preset `{found["train"]["preset"]}`, seed {config["seed"]}, {config["epochs"]} epochs, AdamW with cosine decay, averaged weights,
affine and elastic distortion, {config["nondigits"]:.0%} non-digits with ten equal probabilities as target.{_taught(config)}
Quantization: {found["quantize"]["config"]["method"]}, seed {found["quantize"]["config"]["seed"]}. {versions}.

## Accuracy

{chr(10).join(accuracies)}

{format_table(found)}

## Rejecting

Thresholds are chosen on the validation pictures: the one-sided 95 % Clopper–Pearson bound of the error among
accepted digits stays below the wanted rate, and of drawn pictures that are no digits one in 50,000 would be
accepted, by the tail of their log-odds on validation. On test they gave:

{threshold_table(found)}
{section}{fast_card.section(manifest)}
## Files

| file | model | format | kB |
|---|---|---|---:|
{chr(10).join(files)}

`golden/` holds 20 digits{golden} drawn by code with the answer of every format; loading a model checks it against them.
"""


def _taught(config: dict[str, Any]) -> str:
    """What a training had beyond labels and distortion."""
    parts = []
    if config.get("distillation"):
        parts.append(f"{config['distillation']:.0%} of the loss comes from a larger network's probabilities")
    if config.get("defects"):
        parts.append(
            f"{config['defects']:.0%} of the pictures have a defect (a line across, covered edges, hollow strokes, dirt, "
            "haze, blur)"
        )
    return f"\n{'; '.join(parts)}." if parts else ""


def picture(folder: Path) -> Image.Image:
    """The golden digits with lenet5's reading and confidence under each, two rows."""
    digits = json.loads((folder / "digits.json").read_text())["digits"]
    side, caption, columns = 96, 26, 10
    rows = -(-len(digits) // columns)
    sheet = Image.new("L", (columns * side, rows * (side + caption)), 255)
    canvas = ImageDraw.Draw(sheet)
    for i, entry in enumerate(digits):
        x, y = i % columns * side, i // columns * (side + caption)
        sheet.paste(Image.open(folder / entry["file"]), (x, y))
        answer = entry["expected"]["lenet5"]["onnx_float32"]
        best = max(range(10), key=answer.__getitem__)
        text = f"{best}  {answer[best]:.1%}"
        canvas.text((x + side / 2, y + side + caption / 2), text, 0, ImageFont.load_default(15), "mm")
    return sheet


def numbers(benchmarks: Path) -> str:
    """Accuracy over seeds, durations and start-up, in Markdown, from the JSON in `benchmarks/`."""
    runs = json.loads((benchmarks / "runs.json").read_text())
    lines = ["| | measured | by |", "|---|---:|---|"]
    for name, group in runs["mean_over_seeds"].items():
        label = f"{name} preset, mean of {len(group['seeds'])} seeds"
        lines.append(f"| {label}, float | {group['lenet5']:.2%} | `benchmarks/runs.json` |")
        lines.append(f"| {label}, int8 | {group['lenet5-int8']:.2%} | `benchmarks/runs.json` |")
    for name, run in runs["runs"].items():
        if run["preset"] == "quick":
            accuracy = run["accuracy"]["lenet5"]["value"]
            total = run["seconds"]["total"] / 60
            command = "make" if name == "digits" else f"make DATA={name}"
            lines.append(
                f"| `{command}`, {run['machine']['cores']} cores: minutes (accuracy) "
                f"| {total:.1f} ({accuracy:.2%}) | `benchmarks/runs.json` |"
            )
    return "\n".join(lines)


def service(benchmarks: Path) -> str:
    """The service beside other model servers, then by itself, in Markdown, from the JSON in `benchmarks/`."""
    peers = json.loads((benchmarks / "peers.json").read_text())
    own = json.loads((benchmarks / "service.json").read_text())
    lines = [
        "| one worker, one picture a request, JSON | requests/s, 16 clients | p50 ms, 1 client | resident MB "
        "| ready after s | checkdigit's rate is |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, one in peers["servers"].items():
        ratios = peers["checkdigit_to_peer"].get(name)
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
        "`benchmarks/peers.json` (`make peers`) and `benchmarks/service.json` (`python -m benchmarks.service`).",
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
            f"On {machine['cores']} cores of {machine['cpu']}. From `benchmarks/operations.json` "
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
        f"{npu['clock_hz'] / 1e6:.0f} MHz Vela estimates {npu['inferences_per_second']:,.0f} pictures/s. From `benchmarks/edge.json` (`python -m benchmarks.edge`).",
        "",
        boards.table(json.loads((benchmarks / "arm64.json").read_text())),
    ]
    return "\n".join(lines)


def _with_version(name: str, packages: dict[str, str]) -> str:
    package, _, variant = name.partition(" ")
    suffix = " out of the box" if variant else ""
    return f"{package} {packages.get(package, __version__)}{suffix}"


def renewed(text: str, root: Path) -> str:
    """The README's text with the generated blocks renewed from the JSON below `root`.

    Raises:
        CheckdigitError: a block's markers are missing.
    """
    from pipeline.field import card as field

    content = {
        "table": format_table(records(root / "models" / "records")),
        "numbers": numbers(root / "benchmarks"),
        "limits": limits.table(root / "benchmarks"),
        "edge": edge(root / "benchmarks"),
        "service": service(root / "benchmarks"),
        "operations": operations(root / "benchmarks"),
    }
    fast = root / "models" / fast_card.RECORDS
    if fast.is_dir():
        content["table"] += f"\n\n{fast_card.sentence(records(fast), root / 'benchmarks')}"
    for name in BLOCKS:
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        if begin not in text or end not in text:
            raise CheckdigitError(f"README: nothing to renew: expected the lines {begin} and {end}")
        text = re.sub(
            f"(?s){begin}.*?{end}",
            lambda _, name=name: f"<!-- {name} -->\n{content[name]}\n<!-- /{name} -->",
            text,
        )
    fields = root / "models" / FIELD_RECORDS
    begin, end = f"<!-- {FIELD_BLOCK} -->", f"<!-- /{FIELD_BLOCK} -->"
    if fields.is_dir() and begin in text:
        table = f"{field.reading_table(records(fields))}\n\n{field.measured(root / 'benchmarks')}"
        text = re.sub(f"(?s){begin}.*?{end}", lambda _: f"{begin}\n{table}\n{end}", text)
    return text


def printed(found: dict[str, Any]) -> str:
    """The table of a run, of whichever task."""
    from pipeline.field import card as field

    return field.format_table(found) if found["train"].get("task") == "field" else format_table(found)


if __name__ == "__main__":
    path = Path(sys.argv[1])
    if path.is_dir():
        print(printed(records(path)))
    else:
        write_bytes(path, renewed(path.read_text(), path.parent).encode())
