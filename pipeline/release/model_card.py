"""Words around a run's numbers: the table of its formats, and the model card, from the recorded JSON.

What is said of the field model is in `pipeline.release.field_card`, of the folded network in `pipeline.release.fast_card`.

    python -m pipeline.release.model_card runs/digits    # prints a run's table
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from pipeline.export.formats import FOLDER, TABLE
from pipeline.networks import spec
from pipeline.release import fast_card, field_card
from pipeline.run import STAGES
from serving.manifest import Manifest


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
    for row in TABLE[spec.task_of_record(found["train"]).name]:
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
        section = f"\n{field_card.section(fields)}\n"
        golden = " and a few fields"
    return f"""# Model card: LeNet-5 for handwritten digits

Written by `checkreader release`; every number is from the JSON in `records/`.

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
    return sheet.quantize(8)  # levels of gray: enough, and half as large


def printed(found: dict[str, Any]) -> str:
    """The table of a run, of whichever task."""
    return field_card.format_table(found) if found["train"].get("task") == "field" else format_table(found)


if __name__ == "__main__":
    print(printed(records(Path(sys.argv[1]))))
